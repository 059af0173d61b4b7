"""What is asked."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from canary.errors import InputError
from canary.gate.prompts import prompts_of
from canary.plan import Gate


def test_equal_seeds_ask_equal_problems_and_others_do_not() -> None:
    gate = Gate(num_prompts=20)
    assert prompts_of(gate, 1) == prompts_of(gate, 1)
    assert prompts_of(gate, 1) != prompts_of(gate, 2)


def test_problems_are_numerous_and_carry_their_results() -> None:
    prompts = prompts_of(Gate(num_prompts=300), 5)
    sums = [prompt for prompt in prompts if prompt.text.startswith("Add ")]
    assert len(prompts) == 300
    assert sums
    for prompt in sums:
        a, b = prompt.text.removeprefix("Add ").removesuffix(".").split(" and ")
        assert prompt.expected == str(int(a) + int(b))


def test_a_file_is_drawn_from_in_an_order_of_the_seed(tmp_path: Path) -> None:
    gate = write(tmp_path, *({"prompt": str(n), "expected": "x"} for n in range(50)))
    first, again = prompts_of(gate, 1), prompts_of(gate, 1)
    assert first == again
    assert len({prompt.text for prompt in first}) == 10
    assert first != prompts_of(gate, 2)


def test_a_short_file_is_not_asked_twice(tmp_path: Path) -> None:
    gate = write(tmp_path, {"prompt": "a", "expected": "b"})
    assert len(prompts_of(gate, 1)) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("{", "line 1: must be a JSON object", id="no JSON"),
        pytest.param("[]", "line 1: must be a JSON object", id="list"),
        pytest.param('{"prompt": ""}', "line 1: prompt must be a string", id="empty"),
        pytest.param('{"prompt": "a", "expected": 2}', "expected must be a string", id="number"),
        pytest.param('{"prompt": "a", "expect": "b"}', "'expect' is unknown", id="misspelt"),
        pytest.param('{"prompt": "a"}', "line 1: expected is missing", id="unknown answer"),
        pytest.param("", "holds no prompt", id="nothing"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match=said):
        prompts_of(Gate(prompts=str(path)), 1)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        prompts_of(Gate(prompts=str(tmp_path / "none")), 1)


def write(folder: Path, *entries: Mapping[str, str]) -> Gate:
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return Gate(prompts=str(path), num_prompts=10)
