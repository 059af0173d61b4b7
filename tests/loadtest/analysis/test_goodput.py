"""What makes a request good."""

import numpy as np
import pytest

from loadtest.analysis.goodput import is_good
from loadtest.objectives import parse_objective
from loadtest.record import NEVER, Correctness, Outcome
from tests.loadtest.analysis.records import MS, records

DUE = np.array([0])


def goodness(text: str, **changes: int) -> bool:
    """Return whether a stream of 5 chunks from 100 to 500 ms, 9 tokens, meets an objective."""
    row = records(DUE, 500 * MS, ttft=100 * MS, num_chunks=5, tokens=9)
    for field, value in changes.items():
        row[field] = value
    gaps = np.array([10, 20, 250, 120])[: max(int(row["num_chunks"][0]) - 1, 0)] * MS
    return bool(is_good(row, gaps, [parse_objective(text)], checks_answers=False)[0])


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        ("e2e<500ms", False),
        ("e2e<=500ms", True),
        ("e2e_sent<500ms", True),
        ("ttft<=99ms", False),
        ("ttft<101ms", True),
        ("ttft_sent<100ms", True),
        ("tpot<50ms", False),
        ("tpot<51ms", True),
        ("gap<=249ms", False),
        ("gap<=250ms", True),
        ("lateness<10us", False),
        ("lateness<11us", True),
        ("connect<1us", True),
    ],
    ids=str,
)
def test_objective_holds_for_each_request_alone(text: str, is_met: bool) -> None:
    assert goodness(text) is is_met


@pytest.mark.parametrize(
    ("text", "changes", "is_met"),
    [
        ("tpot<1us", {"num_chunks": 1}, True),
        ("tpot<1us", {"completion_tokens": 1}, True),
        ("tpot<1s", {"completion_tokens": NEVER}, False),
        ("gap<1us", {"num_chunks": 1}, True),
        ("ttft<9s", {"first_chunk": NEVER}, False),
    ],
    ids=["one-chunk", "one-token", "tokens-untold", "no-gap", "no-text"],
)
def test_answer_without_the_metric_is_good_only_where_nothing_was_to_wait_for(
    text: str, changes: dict[str, int], is_met: bool
) -> None:
    assert goodness(text, **changes) is is_met


def test_failure_is_never_good() -> None:
    rows = np.concatenate([records(DUE, MS, outcome=outcome) for outcome in Outcome])

    good = is_good(rows, np.zeros(0, np.int64), [], checks_answers=False)

    assert np.flatnonzero(good).tolist() == [Outcome.OK]


@pytest.mark.parametrize(
    ("checks_answers", "expected"),
    [(False, [True, True, True]), (True, [False, True, False])],
    ids=["unasked", "asked"],
)
def test_only_right_answers_are_good_when_asked(checks_answers: bool, expected: list[bool]) -> None:
    rows = np.concatenate([records(DUE, MS)] * 3)
    rows["correctness"] = [Correctness.UNCHECKED, Correctness.RIGHT, Correctness.WRONG]

    good = is_good(rows, np.zeros(0, np.int64), [], checks_answers=checks_answers)

    assert good.tolist() == expected
