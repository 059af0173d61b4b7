"""The benchmark runs, and its contenders agree on every token."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.predictor.bench.checkpoint import VOCAB_SIZE, write_checkpoint
from tests.predictor.bench.contenders.known import find
from tests.predictor.bench.contenders.started import Started
from tests.predictor.bench.load import equal_load


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_contenders_of_this_environment_give_the_same_tokens(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    load = equal_load(3, num_tokens=12, vocab_size=VOCAB_SIZE)

    answers = []
    for contender in find(["ours", "generate", "continuous"], "float32"):
        with Started(contender, tmp_path, 1) as started:
            answers.append([answer.token_ids for answer in started.run(load).answers])

    assert len(answers) == 3
    assert answers[0] == answers[1] == answers[2]
    assert [len(token_ids) for token_ids in answers[0]] == [12] * 3


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_it_prints_a_table_and_writes_its_samples(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.predictor.bench", "--rounds=1", "--load=1 "]
    done = subprocess.run(
        [*command, "--only", "ours", "generate", "--json", file],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )

    samples = json.loads(file.read_text())
    assert [sample["contender"] for sample in samples] == ["ours", "generate"]
    assert all(sample["tokens_per_s"] > 0 for sample in samples)
    assert "of the roofline" in done.stdout


@pytest.mark.nightly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("module", ["host", "products"])
def test_the_parts_print_their_tables(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.predictor.bench.{module}"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "seconds" in done.stdout
