"""The warm-up cut and the tests for a steady service, on services made up to be so or not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import lfilter

from loadtest.analysis.distributions import Window
from loadtest.analysis.steadiness import (
    Timeline,
    mann_kendall,
    mser,
    settled,
    steadiness_of,
    warmup_cut,
)
from tests.loadtest.analysis.records import MS, S, poisson, records

COUNT = 10_000
RATE = 100.0
NO_GAPS = np.zeros(0, np.int64)


def timeline(latency: NDArray[np.float64], count: int = COUNT) -> Timeline:
    """Return that of requests at 100 a second, whose latencies are given in ms."""
    due = poisson(np.random.default_rng(0), count, RATE)
    found = Timeline(int(due[0]), int(due[-1]))
    found.add(records(due, (latency * MS).astype(np.int64)), NO_GAPS)
    return found


def window(of: Timeline, begin: int | None = None) -> Window:
    return Window(of.latency.begin if begin is None else begin, of.latency.end)


def stalled(at_s: float, for_s: float) -> NDArray[np.float64]:
    """Return what a stall adds to each request's latency, in ms."""
    due_s = poisson(np.random.default_rng(0), COUNT, RATE) / S
    return np.where((due_s > at_s) & (due_s < at_s + for_s), (at_s + for_s - due_s) * 1000, 0)


def noise(seed: int = 1, count: int = COUNT) -> NDArray[np.float64]:
    return np.random.default_rng(seed).lognormal(3, 0.5, count)


def test_warmup_is_cut_where_latency_has_settled() -> None:
    settling = 300 * np.exp(-np.arange(COUNT) / 300)

    # After 1,200 requests, 12 s, the excess is down to 5 ms, a third of the noise.
    assert 9 * S < warmup_cut(timeline(noise() + settling)) < 25 * S


def test_steady_service_loses_little_to_the_warmup() -> None:
    cuts = [warmup_cut(timeline(noise(seed))) for seed in range(20)]

    assert np.median(cuts) < 5 * S


def test_warmup_takes_at_most_the_first_half() -> None:
    falling = np.linspace(1000, 10, COUNT)

    assert warmup_cut(timeline(falling)) <= 51 * S


@pytest.mark.parametrize(("at_s", "for_s"), [(2, 5), (10, 5), (10, 30)], ids=str)
def test_stall_after_a_good_beginning_is_not_cut(at_s: float, for_s: float) -> None:
    found = timeline(noise() + stalled(at_s, for_s))

    assert warmup_cut(found) == found.latency.begin


def test_stall_after_the_warmup_is_not_cut_with_it() -> None:
    settling = 300 * np.exp(-np.arange(COUNT) / 100)

    assert S < warmup_cut(timeline(noise() + settling + stalled(20, 10))) < 12 * S


@pytest.mark.parametrize(
    ("first", "number"),
    [
        ([9.0] * 7, 5),
        ([-9.0] * 7, 5),
        ([9.0, -9.0] * 6, 0),
        ([0.5] * 9 + [9.0] * 9, 0),
        ([9.0] * 3 + [0.5] * 9 + [9.0] * 9, 1),
    ],
    ids=["above", "below", "both", "only-later", "again"],
)
def test_first_batches_have_settled_where_most_are_like_the_rest(
    first: list[float], number: int
) -> None:
    rest = np.linspace(0, 1, 20)

    assert settled(np.r_[first, np.full(20, 0.5)], rest) == number


def test_few_requests_are_not_cut() -> None:
    found = timeline(np.linspace(100, 10, 60), count=60)

    assert warmup_cut(found) == found.latency.begin


def test_mser_drops_what_widens_the_error_most() -> None:
    batches = np.array([50.0, 40.0, *np.tile([9.0, 11.0], 10)])

    assert mser(batches) == 2


@pytest.mark.parametrize("base", [0.0, 1e9], ids=["small", "large"])
def test_mser_is_the_least_squared_error_of_the_rest(base: float) -> None:
    batches = np.random.default_rng(3).exponential(1, 60) + np.r_[np.full(7, 5.0), np.zeros(53)]
    errors = [batches[cut:].var() / len(batches[cut:]) for cut in range(31)]

    assert mser(batches + base) == int(np.argmin(errors))


def test_steady_service_is_called_steady() -> None:
    found = timeline(noise())

    steadiness = steadiness_of(found, window(found), is_given=True)

    assert (steadiness.is_stationary, steadiness.method) == (True, "given")
    assert "no more than chance explains" in steadiness.reason


def test_rising_latency_is_not_steady_and_says_by_how_much() -> None:
    found = timeline(noise() * np.linspace(1, 1.5, COUNT))

    steadiness = steadiness_of(found, window(found), is_given=False)

    assert not steadiness.is_stationary
    assert steadiness.p_value is not None
    assert steadiness.p_value < 0.01
    assert "latency changed by +3" in steadiness.reason


def test_growing_queue_is_not_steady() -> None:
    # Served at 90 a second, asked at 100: the n-th answer ends at n / 90 s.
    due = poisson(np.random.default_rng(0), COUNT, RATE)
    ends = np.maximum((np.arange(COUNT) + 1) * S // 90, due + MS)
    found = Timeline(int(due[0]), int(due[-1]))
    found.add(records(due, ends - due), NO_GAPS)

    steadiness = steadiness_of(found, window(found), is_given=True)

    assert not steadiness.is_stationary
    assert "more was sent than was served" in steadiness.reason


def test_trend_before_the_cut_does_not_count() -> None:
    found = timeline(noise() + np.maximum(700 - np.arange(COUNT) / 10, 0))

    assert steadiness_of(found, window(found, 72 * S), is_given=True).is_stationary


def test_too_few_requests_are_not_called_steady() -> None:
    found = timeline(noise(count=63), count=63)

    steadiness = steadiness_of(found, window(found), is_given=True)

    assert (steadiness.is_stationary, steadiness.p_value) == (False, None)
    assert "too few requests to tell: 63" in steadiness.reason


def test_trend_test_of_alternating_values_is_kendalls() -> None:
    # Neighbours that differ leave the variance as it is.
    values = np.tile([0.0, 1.0], 20) + np.random.default_rng(1).standard_normal(40) * 0.1
    values += np.linspace(0, 0.5, 40)
    expected = stats.kendalltau(np.arange(40), values, method="asymptotic").pvalue

    # scipy makes no correction for continuity.
    assert mann_kendall(values) == pytest.approx(expected, abs=0.01)


def test_autocorrelation_alone_is_seldom_called_a_trend() -> None:
    rngs = [np.random.default_rng(seed) for seed in range(300)]
    series = [lfilter([1], [1, -0.5], rng.standard_normal(232))[200:] for rng in rngs]

    # Uncorrected it is 11 % at a level of 1 %.
    assert np.mean([mann_kendall(values) < 0.01 for values in series]) < 0.03


def test_trend_of_three_times_the_noise_is_found() -> None:
    rngs = [np.random.default_rng(seed) for seed in range(100)]
    series = [rng.standard_normal(32) + np.arange(32) / 10 for rng in rngs]

    assert np.mean([mann_kendall(values) < 0.01 for values in series]) > 0.85


def test_equal_values_have_no_trend() -> None:
    assert mann_kendall(np.ones(32)) == 1


def test_window_of_no_length_is_not_steady_and_says_so() -> None:
    found = timeline(noise(count=1), count=1)

    steadiness = steadiness_of(found, window(found), is_given=True)

    assert not steadiness.is_stationary
    assert "has no length" in steadiness.reason
