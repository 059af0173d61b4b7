"""The block bootstrap against what is known of independent and of autoregressive series."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import lfilter

from loadtest.analysis.resample import (
    Column,
    block_length,
    bounds,
    draw_weights,
    resample,
    statistics,
)

NUM = 3_000
PERCENTS = (50.0, 90.0, 99.0)


def autoregressive(correlation: float, seed: int = 0) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).standard_normal(NUM)
    return np.asarray(lfilter([1], [1, -correlation], noise))


def column(values: NDArray[np.float64]) -> Column:
    return Column(values, values)


def maritz_jarrett(values: NDArray[np.float64], share: float) -> tuple[float, float]:
    """Mean and deviation of an order statistic over all resamples of independent values, exactly.

    Maritz & Jarrett 1978, Journal of the American Statistical Association 73:194.
    """
    num, rank = len(values), math.ceil(share * len(values))
    edges = stats.beta.cdf(np.arange(num + 1) / num, rank, num - rank + 1)
    weights, ordered = np.diff(edges), np.sort(values)
    mean = float(weights @ ordered)
    return mean, math.sqrt(float(weights @ ordered**2) - mean**2)


# (1.5 G^2 / g(0)^2)^(1/3) n^(1/3) with G / g(0) = 2 r / (1 - r^2) of an AR(1) series.
@pytest.mark.parametrize(
    ("correlation", "expected"),
    [pytest.param(0.5, 20.0, id="half"), pytest.param(0.9, 73.9, id="strong")],
)
def test_blocks_are_as_long_as_the_theory_of_an_autoregressive_series_asks(
    correlation: float, expected: float
) -> None:
    assert block_length(autoregressive(correlation)) == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize(
    "series",
    [
        pytest.param(np.zeros(100), id="constant"),
        pytest.param(np.full(1000, 0.1), id="constant-with-rounding"),
        pytest.param(np.array([1.0]), id="one"),
        pytest.param(np.array([1.0, 2.0]), id="two"),
    ],
)
def test_a_series_that_says_nothing_of_dependence_has_blocks_of_one(
    series: NDArray[np.float64],
) -> None:
    assert block_length(series) == 1


def test_blocks_are_no_longer_than_a_third_of_a_short_series() -> None:
    assert block_length(np.repeat([0.0, 1.0], 15)) <= 10


@pytest.mark.parametrize("length", [1, 7, 100, 1000])
def test_a_resample_is_as_long_as_the_series(length: int) -> None:
    weights = draw_weights(1000, length, np.random.default_rng(0), 20)
    np.testing.assert_array_equal(weights.sum(axis=0), np.full(20, 1000))
    assert weights.min() >= 0


def test_every_item_is_drawn_equally_often() -> None:
    weights = draw_weights(200, 30, np.random.default_rng(0), 20_000)
    np.testing.assert_allclose(weights.mean(axis=1), 1, atol=0.03)


def test_items_are_drawn_in_whole_blocks() -> None:
    weights = draw_weights(1000, 50, np.random.default_rng(0), 1)[:, 0]
    # Twenty blocks begin and end at 40 places at most.
    assert np.count_nonzero(np.diff(weights)) <= 40


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_resampled_means_spread_as_the_true_mean_does(correlation: float) -> None:
    series = autoregressive(correlation)
    samples = resample(
        [column(series)],
        (),
        length=block_length(series),
        rng=np.random.default_rng(1),
        num_resamples=600,
    )
    expected = 1 / (1 - correlation) / math.sqrt(NUM)
    assert samples[:, 0, 0].std() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("place", [0, 2], ids=["p50", "p99"])
def test_resampled_percentiles_spread_as_order_statistics_do(place: int) -> None:
    values = np.random.default_rng(0).exponential(size=NUM)
    samples = resample(
        [column(values)], PERCENTS, length=1, rng=np.random.default_rng(1), num_resamples=600
    )[:, 0, 1 + place]
    mean, deviation = maritz_jarrett(values, PERCENTS[place] / 100)
    assert samples.std() == pytest.approx(deviation, rel=0.12)
    assert samples.mean() == pytest.approx(mean, abs=deviation / 5)


def test_columns_of_one_resample_hold_the_same_items() -> None:
    values = np.random.default_rng(0).standard_normal(500)
    samples = resample(
        [column(values), column(values * 2)],
        (50.0,),
        length=5,
        rng=np.random.default_rng(1),
        num_resamples=70,
    )
    np.testing.assert_allclose(samples[:, 1], samples[:, 0] * 2, rtol=1e-5, atol=1e-6)


def test_items_without_a_value_are_in_no_statistic() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan])
    np.testing.assert_array_equal(statistics(column(values), (50.0, 90.0)), [2, 1, 3])
    samples = resample(
        [column(values)], (50.0,), length=1, rng=np.random.default_rng(0), num_resamples=50
    )
    assert set(np.unique(samples[~np.isnan(samples[:, 0, 1]), 0, 1])) == {1.0, 3.0}


def test_a_resample_without_a_value_is_not_a_number() -> None:
    values = np.array([1.0, np.nan, np.nan, np.nan])
    samples = resample(
        [column(values)], (50.0,), length=1, rng=np.random.default_rng(0), num_resamples=50
    )
    has_none = np.isnan(samples[:, 0, 0])
    assert has_none.any()
    np.testing.assert_array_equal(np.isnan(samples[:, 0, 1]), has_none)


def test_a_censored_value_counts_in_the_mean_and_is_the_longest() -> None:
    known = Column(np.array([1.0, 2.0, np.inf]), np.array([1.0, 2.0, 9.0]))
    np.testing.assert_array_equal(statistics(known, (50.0, 99.0)), [4, 2, np.inf])


def test_an_equal_generator_gives_equal_resamples() -> None:
    values = column(autoregressive(0.3)[:300])
    drawn = [
        resample([values], (90.0,), length=4, rng=np.random.default_rng(5), num_resamples=65)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param(np.arange(1.0, 101.0), (5.0, 95.0), id="percentiles"),
        pytest.param(np.array([1.0, 2.0, np.inf]), (1.0, np.inf), id="open-above"),
        pytest.param(np.array([1.0, np.nan]), None, id="not-a-number"),
    ],
)
def test_bounds_are_percentiles_of_the_resamples(
    samples: NDArray[np.float64], expected: tuple[float, float] | None
) -> None:
    assert bounds(samples, 0.9) == expected
