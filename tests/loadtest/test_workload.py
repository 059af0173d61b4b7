"""From a workload file and flags to settings, and the one line that says what is wrong."""

from pathlib import Path

import pytest

from loadtest.config import Arrivals, RunConfig
from loadtest.errors import UsageError
from loadtest.workload import make_config

TARGET = {"target": "http://127.0.0.1:1"}


def write(path: Path, text: str) -> Path:
    file = path / "workload.yaml"
    file.write_text(text)
    return file


def test_a_file_sets_what_it_names(tmp_path: Path) -> None:
    file = write(
        tmp_path, "target: http://a:1\narrivals: gamma\nburstiness: 0.5\nslo: [p50_e2e<1s]\n"
    )

    config = make_config(file, {})

    assert (config.target, config.arrivals, config.slo) == (
        "http://a:1",
        Arrivals.GAMMA,
        ("p50_e2e<1s",),
    )


def test_flags_stand_above_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "target: http://a:1\nrate: 5\nseed: 7\n")

    config = make_config(file, {"rate": 9.0, "seed": None, "slo": []})

    assert (config.rate, config.seed) == (9.0, 7)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("rate: -3\n", "1: rate is '-3', must be greater than 0", id="value"),
        pytest.param(
            "# mine\nprotocol: v3\n", "2: protocol is 'v3', must be 'v2-infer', 'v2-", id="choice"
        ),
        pytest.param("rates: []\n", "1: rates is '[]', must be a valid string", id="type"),
        pytest.param("seed: 1\nseed: 2\n", "2: seed is given twice", id="twice"),
        pytest.param("seed: 1\n\nrat: 2\n", "3: rat is no setting", id="unknown"),
        pytest.param("rate: [1\n", "2: expected ',' or ']'", id="syntax"),
        pytest.param("seed: 1\nslo: ['p99<1']\n", "2: slo: gate 'p99<1'", id="gate"),
        pytest.param("prompt_tokens: 1-2\n", "1: prompt_tokens: length is '1-2'", id="lengths"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(
    tmp_path: Path, text: str, line: str
) -> None:
    file = write(tmp_path, text)

    with pytest.raises(UsageError) as raised:
        make_config(file, TARGET)

    assert str(raised.value).startswith(f"{file}:{line}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "- 1\n", "7\n"], ids=["nothing", "list", "number"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="must be a mapping of settings"):
        make_config(write(tmp_path, text), TARGET)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: No such file or directory"):
        make_config(tmp_path / "none.yaml", TARGET)


def test_a_flag_that_is_wrong_is_named_with_its_value() -> None:
    with pytest.raises(UsageError, match=r"^--max-requests is '0', must be greater than 0$"):
        make_config(None, TARGET | {"max_requests": 0})


def test_a_flag_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match=r"^--target is missing, and must be http://"):
        make_config(None, {})


def test_every_run_is_bounded_unless_told_otherwise() -> None:
    config = RunConfig(**TARGET)

    assert (config.duration_s, config.max_requests) == (60.0, 10_000)
