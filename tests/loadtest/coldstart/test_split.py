"""Moments known within spans, made into phases."""

import random
from itertools import pairwise
from typing import Any

import pytest

from loadtest.coldstart.clock import Span
from loadtest.coldstart.pods import Mark
from loadtest.coldstart.split import PHASES, Split, split

M = Mark
EXACT = {M.BEGUN: (0, 0), M.CONNECTED: (1, 1), M.FIRST_BYTE: (90, 90), M.FIRST_CHUNK: (100, 100)}
POD = {
    M.POD_CREATED: (10, 12),
    M.SCHEDULED: (20, 22),
    M.INITIALIZED: (30, 32),
    M.PULLING: (40, 42),
    M.PULLED: (50, 52),
    M.STARTED: (60, 62),
    M.READY: (70, 72),
}


def found(moments: dict[Mark, tuple[int, int]]) -> Split:
    return split({mark: Span(*span) for mark, span in moments.items()})


def without(moments: dict[Mark, Any], *marks: Mark) -> dict[Mark, Any]:
    return {mark: moments[mark] for mark in moments if mark not in marks}


CASES = [
    pytest.param(
        EXACT | POD,
        {
            "connect": (1, 1, 1),
            "activation": (9, 10, 11),
            "scheduling": (8, 10, 12),
            "initialization": (8, 10, 12),
            "preparation": (8, 10, 12),
            "pull": (8, 10, 12),
            "start": (8, 10, 12),
            "load": (8, 10, 12),
            "forward": (18, 19, 20),
            "first_token": (10, 10, 10),
        },
        id="everything-known",
    ),
    pytest.param(
        EXACT | without(POD, M.PULLING, M.PULLED),
        {
            "connect": (1, 1, 1),
            "activation": (9, 10, 11),
            "scheduling": (8, 10, 12),
            "initialization": (8, 10, 12),
            "preparation+pull+start": (28, 30, 32),
            "load": (8, 10, 12),
            "forward": (18, 19, 20),
            "first_token": (10, 10, 10),
        },
        id="no-events",
    ),
    pytest.param(
        EXACT | POD | {M.PULLING: (50, 52)},
        {
            "connect": (1, 1, 1),
            "activation": (9, 10, 11),
            "scheduling": (8, 10, 12),
            "initialization": (8, 10, 12),
            "preparation": (18, 20, 22),
            "pull": (0, 0, 2),
            "start": (8, 10, 12),
            "load": (8, 10, 12),
            "forward": (18, 19, 20),
            "first_token": (10, 10, 10),
        },
        id="image-present",
    ),
    pytest.param(
        EXACT | dict.fromkeys(POD, (5, 15)) | {M.READY: (5, 95)},
        {
            "connect": (1, 1, 1),
            "activation": (4, 9, 14),
            "scheduling": (0, 0, 10),
            "initialization": (0, 0, 10),
            "preparation": (0, 0, 10),
            "pull": (0, 0, 10),
            "start": (0, 0, 10),
            "load": (0, 37.5, 85),
            "forward": (0, 42.5, 85),
            "first_token": (10, 10, 10),
        },
        id="all-in-one-second",
    ),
    pytest.param(
        EXACT,
        {
            "connect": (1, 1, 1),
            "+".join(list(PHASES.values())[1:9]): (89, 89, 89),
            "first_token": (10, 10, 10),
        },
        id="nothing-known-of-pods",
    ),
]


@pytest.mark.parametrize(("moments", "phases"), CASES)
def test_phases_lie_between_the_moments_that_are_known(
    moments: dict[Mark, tuple[int, int]], phases: dict[str, tuple[float, float, float]]
) -> None:
    pieces = found(moments).pieces

    assert {"+".join(one.names): (one.low, one.value, one.high) for one in pieces} == phases
    assert all(one.is_finished for one in pieces)


ENDED = {M.BEGUN: (0, 0), M.ENDED: (500, 500)}


@pytest.mark.parametrize(
    ("moments", "last"),
    [
        pytest.param({}, "connect", id="not-connected"),
        pytest.param({M.CONNECTED: (1, 1)}, "activation", id="no-pod"),
        pytest.param({M.CONNECTED: (1, 1), M.POD_CREATED: (9, 9)}, "scheduling", id="no-node"),
        pytest.param({M.CONNECTED: (1, 1), **without(POD, M.READY)}, "load", id="never-ready"),
        pytest.param({M.FIRST_BYTE: (90, 90), **POD}, "first_token", id="no-text"),
    ],
)
def test_request_without_a_first_token_ended_within_a_phase(
    moments: dict[Mark, tuple[int, int]], last: str
) -> None:
    pieces = found(ENDED | moments).pieces

    assert (pieces[-1].names, pieces[-1].is_finished) == ((last,), False)
    assert sum(piece.value for piece in pieces) == 500


def test_ready_after_the_answer_began_ends_with_it_and_is_said() -> None:
    got = found(EXACT | POD | {M.READY: (95, 97)})

    assert got.spans[M.READY] == Span(90, 90)
    assert [(one.mark, one.other, one.by_ns) for one in got.contradictions] == [
        (M.READY, M.FIRST_BYTE, 5)
    ]


def test_clock_of_a_node_that_is_behind_is_said_and_breaks_no_order() -> None:
    got = found(EXACT | POD | {M.STARTED: (33, 35)})

    assert [(one.mark, one.other, one.by_ns) for one in got.contradictions] == [
        (M.PULLED, M.STARTED, 15)
    ]
    assert min(piece.value for piece in got.pieces) >= 0
    # Either clock may be right.
    assert got.spans[M.PULLED].low <= 35 < 50 <= got.spans[M.STARTED].high


def test_moment_before_the_request_is_held_to_it_and_said() -> None:
    got = found(EXACT | POD | {M.POD_CREATED: (-30, -20)})

    assert got.spans[M.POD_CREATED] == Span(1, 1)
    assert [one.by_ns for one in got.contradictions] == [21]


@pytest.mark.parametrize("seed", range(5))
def test_phases_are_never_negative_and_add_up_whatever_the_clocks_say(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        moments = dict(EXACT)
        for mark in rng.sample(list(POD), rng.randint(0, len(POD))):
            low = rng.randint(-50, 150)
            moments[mark] = (low, low + rng.randint(0, 40))
        pieces = found(moments).pieces
        assert all(0 <= one.low <= one.value <= one.high for one in pieces)
        assert sum(one.value for one in pieces) == pytest.approx(100)


@pytest.mark.parametrize("seed", range(5))
def test_phases_hold_the_truth_where_the_clocks_do(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        truth = [0, *sorted(rng.randint(0, 1000) for _ in range(10))]
        reach = {mark: rng.randint(0, 300) for mark in POD}
        spans = {
            mark: (at - rng.randint(0, reach.get(mark, 0)), at + rng.randint(0, reach.get(mark, 0)))
            for mark, at in zip(list(Mark)[:11], truth, strict=True)
        }
        got = found(spans)
        durations = [after - before for before, after in pairwise(truth)]
        assert got.contradictions == []
        assert all(
            one.low <= true <= one.high for one, true in zip(got.pieces, durations, strict=True)
        )
