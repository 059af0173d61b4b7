"""The cluster's time from Date headers."""

from email.utils import formatdate

import pytest

from canary.cluster.clock import ClusterClock, micro_time

NOON = "Sun, 06 Nov 1994 12:00:00 GMT"
NOON_S = 784123200
# What a second answer has confirmed.
AGREED = ((NOON, 0.0), (NOON, 0.5))


def _clock(*observed: tuple[str, float]) -> ClusterClock:
    clock = ClusterClock()
    for date, monotonic in observed:
        clock.observe(date, monotonic)
    return clock


def test_no_time_is_told_before_the_first_date() -> None:
    assert _clock().at(5.0) is None


def test_time_goes_on_by_the_local_monotonic_clock() -> None:
    assert _clock((NOON, 100.0)).at(190.0) == pytest.approx(NOON_S + 90, abs=1)


def test_a_date_that_is_cut_to_its_second_shakes_nothing() -> None:
    once = _clock((NOON, 100.0))
    twice = _clock((NOON, 100.0), (NOON, 100.9))
    assert twice.at(200.0) == once.at(200.0)


def _date(seconds: float) -> str:
    return formatdate(NOON_S + seconds, usegmt=True)


@pytest.mark.parametrize("skew_s", [-600, 400], ids=["10-min-slow", "400-s-fast"])
def test_one_api_server_of_two_whose_clock_is_wrong_moves_nothing(skew_s: float) -> None:
    told = [(_date(t + (skew_s if t % 10 else 0)), float(t)) for t in range(0, 300, 5)]
    shown = [_clock(*told[: number + 1]).at(told[number][1]) for number in range(len(told))]
    assert shown == pytest.approx([NOON_S + t for t in range(0, 300, 5)], abs=1)


@pytest.mark.parametrize("skew_s", [-600, 600], ids=["10-min-slow", "10-min-fast"])
@pytest.mark.parametrize("wrong", [0, 1, 2], ids=["first", "second", "third"])
def test_of_three_dates_one_that_is_wrong_is_outvoted(wrong: int, skew_s: float) -> None:
    told = [(_date(t + (skew_s if t == wrong else 0)), float(t)) for t in range(3)]
    assert _clock(*told).at(10.0) == pytest.approx(NOON_S + 10, abs=1)


def test_a_second_date_alone_moves_nothing() -> None:
    assert _clock((NOON, 0.0), (_date(605), 5.0)).at(10.0) == pytest.approx(NOON_S + 10, abs=1)


def test_a_few_wrong_dates_within_a_minute_move_nothing() -> None:
    told = [(_date(t + 600), float(t)) for t in range(5, 60, 5)]
    assert _clock(*AGREED, *told).at(60.0) == pytest.approx(NOON_S + 60, abs=1)


def test_two_wrong_dates_a_minute_apart_move_nothing() -> None:
    told = [(_date(t + 600), float(t)) for t in (5, 95)]
    assert _clock(*AGREED, *told).at(100.0) == pytest.approx(NOON_S + 100, abs=1)


def test_dates_that_agree_on_no_time_move_nothing() -> None:
    told = [(_date(t + 10 * t), float(t)) for t in range(5, 200, 5)]
    assert _clock((NOON, 0.0), *told).at(200.0) == pytest.approx(NOON_S + 200, abs=1)


def test_another_time_is_taken_once_every_answer_has_told_it_for_a_minute() -> None:
    told = [(_date(t + 600), float(t)) for t in range(5, 70, 5)]
    assert _clock(*AGREED, *told).at(70.0) == pytest.approx(NOON_S + 670, abs=1)


def test_a_time_that_has_outvoted_another_is_as_hard_to_move() -> None:
    outvoted = [(_date(600), 0.0), (_date(1), 1.0), (_date(2), 2.0)]
    told = [(_date(t + 600), float(t)) for t in range(5, 60, 5)]
    assert _clock(*outvoted, *told).at(60.0) == pytest.approx(NOON_S + 60, abs=1)


def test_what_is_no_date_is_left_out() -> None:
    assert _clock((NOON, 100.0), ("yesterday", 150.0)).at(100.0) == pytest.approx(NOON_S, abs=1)


def test_kubernetes_times_are_in_utc() -> None:
    assert micro_time(NOON_S + 0.25) == "1994-11-06T12:00:00.250000Z"
