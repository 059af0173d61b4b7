"""The API server's clock, from Date headers."""

import random

import pytest

from loadtest.coldstart.clock import SECOND_NS, ClockSample, Span, estimate_clock

MS = SECOND_NS // 1000


def answer(at_ns: int, ahead_ns: int, trip_ns: int = 20 * MS) -> ClockSample:
    """Return the sample of a server that reads its clock halfway through the round trip."""
    date_s = (at_ns + trip_ns // 2 + ahead_ns) // SECOND_NS
    return ClockSample(at_ns, at_ns + trip_ns, date_s)


def test_one_answer_tells_the_clock_within_a_second_and_the_round_trip() -> None:
    found = estimate_clock([answer(5 * SECOND_NS, 100 * SECOND_NS)])

    assert found.high_ns - found.low_ns == SECOND_NS + 20 * MS
    assert found.low_ns <= 100 * SECOND_NS <= found.high_ns


@pytest.mark.parametrize("ahead_ms", [-86_400_000, -350, 0, 999, 12_345])
def test_many_answers_tell_it_within_little_more_than_the_round_trip(ahead_ms: int) -> None:
    rng = random.Random(7)
    samples = [answer(rng.randrange(60 * SECOND_NS), ahead_ms * MS) for _ in range(300)]

    found = estimate_clock(samples)

    assert found.low_ns <= ahead_ms * MS <= found.high_ns
    assert found.high_ns - found.low_ns < 40 * MS
    assert found.contradiction_ns == 0


def test_servers_that_disagree_leave_what_is_between_them() -> None:
    found = estimate_clock([answer(0, 0), answer(0, 5 * SECOND_NS)])

    assert found.contradiction_ns == pytest.approx(4 * SECOND_NS, abs=20 * MS)
    assert found.high_ns - found.low_ns == found.contradiction_ns


def test_second_of_the_server_is_one_here_with_what_the_clock_leaves_open() -> None:
    clock = estimate_clock([ClockSample(10 * MS, 30 * MS, 0)])

    # Date 0 was said between 10 and 30 ms, so second 0 began after -990 ms and by 30 ms.
    assert clock.when(0) == Span(-990 * MS, 1030 * MS)
