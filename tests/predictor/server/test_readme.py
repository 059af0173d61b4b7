"""The README's examples run as written and print what it says; its tables are the program's."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.main import get_command

from predictor.__main__ import cli
from predictor.protocol.v2 import OPTION_TENSORS, OUTPUT_TENSORS, PROMPT_TENSORS

README = Path(__file__).parents[3] / "README.md"
TEXT = README.read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```(sh|python)\n(.*?)```\n\n```(?:json)?\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(TEXT)
TEXTS = ("text_output", "reasoning_output")


def rows(first_column: str) -> list[list[str]]:
    """Return the cells of the table whose head begins with ``first_column``."""
    table = TEXT.split(f"\n| {first_column} |")[1].split("\n\n")[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names(first_column: str) -> list[str]:
    return [cells[0].strip("| `") for cells in rows(first_column)]


@pytest.mark.parametrize(
    ("language", "code", "printed"), EXAMPLES, ids=[f"{i}-{e[0]}" for i, e in enumerate(EXAMPLES)]
)
def test_an_example_prints_what_the_readme_says(
    predictor: Any, language: str, code: str, printed: str
) -> None:
    code = code.replace("http://127.0.0.1:8080", predictor.url)
    code = code.replace("127.0.0.1:8080", predictor.url.removeprefix("http://"))
    code = code.replace("127.0.0.1:8081", predictor.grpc_address)
    command = ["sh", "-c", code] if language == "sh" else [sys.executable, "-c", code]

    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert normalize(result.stdout) == normalize(printed)


def normalize(printed: str) -> Any:
    """JSON by its value, a stream by its joined texts: how many tokens an event holds varies."""
    if printed.startswith("data: "):
        events = [json.loads(line[6:]) for line in printed.splitlines() if line]
        texts = {name: "".join(e[name] for e in events) for name in TEXTS}
        return events[-1] | texts
    try:
        return json.loads(printed)
    except ValueError:
        return printed.strip()


def test_there_are_examples_for_every_protocol_and_for_mistakes() -> None:
    assert len(EXAMPLES) == 7


def test_the_configuration_table_lists_every_flag_with_its_default() -> None:
    table = {cells[0].strip("| `"): cells[1].strip("`") for cells in rows("flag")}

    flags = {
        option.opts[0]: "unset" if option.default is None else str(option.default)
        for option in get_command(cli).params
        if option.opts[0] != "--help"
    }
    assert table == flags


def test_the_metrics_table_lists_every_metric_with_its_type_and_labels(predictor: Any) -> None:
    httpx.post(f"{predictor.url}/v2/models/r1/generate", json={"text_input": "3*4="}, timeout=60)
    page = httpx.get(f"{predictor.url}/metrics").text
    served = {}
    for family in text_string_to_metric_families(page):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        served[name] = (family.type, labels)

    table = {
        cells[0].strip("| `"): (cells[1], set(re.findall(r"`(\w+)`", cells[2])))
        for cells in rows("metric")
    }
    ours = {name for name in served if name.startswith(("r1_", "gen_ai_"))}
    assert table.keys() == ours
    # What has counted nothing yet shows no labels.
    shown = {name for name in ours if served[name][1] or not table[name][1]}
    assert len(shown) > 15
    assert {name: table[name] for name in shown} == {name: served[name] for name in shown}


def test_the_contract_tables_list_every_tensor() -> None:
    assert names("input") == [tensor.name for tensor in PROMPT_TENSORS]
    assert names("option") == [tensor.name for tensor in OPTION_TENSORS]
    assert names("output") == [tensor.name for tensor in OUTPUT_TENSORS]
    datatypes = [cells[1] for head in ("input", "option", "output") for cells in rows(head)]
    assert datatypes == [t.datatype for t in (*PROMPT_TENSORS, *OPTION_TENSORS, *OUTPUT_TENSORS)]


def test_every_place_named_is_there() -> None:
    places = re.findall(r"`(predictor/[\w/.]+)`", TEXT)

    assert len(places) > 10
    assert all((README.parent / place).exists() for place in places)
