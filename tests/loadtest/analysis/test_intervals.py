"""Intervals against scipy's and the floors that are published for them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from loadtest.analysis.intervals import (
    mean_interval,
    percentile_rank,
    percentile_ranks,
    share_bounds,
    share_interval,
)


@settings(max_examples=40)
@given(
    count=st.integers(1, 5000),
    part=st.floats(0, 1),
    confidence=st.sampled_from([0.8, 0.95, 0.99]),
)
def test_share_interval_is_scipys_exact_one(count: int, part: float, confidence: float) -> None:
    num_hits = round(part * count)
    expected = stats.binomtest(num_hits, count).proportion_ci(confidence, "exact")

    interval = share_interval(num_hits, count, confidence=confidence)

    assert interval.value == num_hits / count
    assert interval.low == pytest.approx(expected.low)
    assert interval.high == pytest.approx(expected.high)


def test_share_of_nothing_may_be_anything() -> None:
    interval = share_interval(0, 0, confidence=0.95)

    assert (interval.value, interval.low, interval.high) == (None, 0, 1)


def test_correlated_samples_widen_a_share_as_if_fewer_had_been_taken() -> None:
    assert share_bounds(40, 4000, each=0.95, effective_count=400) == share_bounds(4, 400, each=0.95)


@pytest.mark.parametrize(
    ("num_over", "count", "limit"),
    [(0, 459, 0.01), (1, 662, 0.01), (0, 4603, 0.001)],
    ids=["p99-none-over", "p99-one-over", "error-rate"],
)
def test_sample_floor_at_99_percent_is_exact(num_over: int, count: int, limit: float) -> None:
    assert share_bounds(num_over, count, each=0.99)[1] < limit
    assert share_bounds(num_over, count - 1, each=0.99)[1] > limit


@given(percent=st.sampled_from([0.1, 5, 50, 90, 95, 99, 99.9]), count=st.integers(1, 3000))
def test_percentile_rank_is_numpys_inverted_cdf(percent: float, count: int) -> None:
    values = np.arange(1, count + 1)

    # A hair below: numpy's own product of share and count may round up past a whole number.
    assert percentile_rank(percent, count) == np.quantile(
        values, percent / 100 - 1e-12, method="inverted_cdf"
    )


@pytest.mark.parametrize("percent", [50, 90, 99, 99.9], ids=str)
@pytest.mark.parametrize("count", [40, 1000, 10_000], ids=str)
def test_each_bound_of_a_percentile_is_the_tightest_that_holds(count: int, percent: float) -> None:
    each, share = 0.975, percent / 100

    ranks = percentile_ranks(percent, count, each=each)

    # P(the value of rank r is at most the percentile) = P(at least r samples are).
    low = 0 if ranks.low is None else ranks.low
    high = count + 1 if ranks.high is None else ranks.high
    assert stats.binom.sf(low - 1, count, share) >= each > stats.binom.sf(low, count, share)
    assert stats.binom.cdf(high - 2, count, share) < each
    assert ranks.high is None or stats.binom.cdf(high - 1, count, share) >= each


@pytest.mark.parametrize(
    ("count", "is_sufficient"), [(458, False), (459, True)], ids=["one-less", "enough"]
)
def test_upper_bound_of_p99_exists_from_459_samples(count: int, is_sufficient: bool) -> None:
    assert (percentile_ranks(99, count, each=0.99).high is not None) is is_sufficient


def test_ranks_of_correlated_samples_are_stretched_over_all_of_them() -> None:
    independent = percentile_ranks(90, 500, each=0.975)

    stretched = percentile_ranks(90, 5000, each=0.975, effective_count=500)

    assert stretched.value == 4500
    assert (stretched.low, stretched.high) == (independent.low * 10, independent.high * 10)


def test_mean_interval_is_students() -> None:
    values = np.random.default_rng(0).normal(3, 2, 50)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)

    interval = mean_interval(
        float(values.mean()),
        float(values.std(ddof=1)),
        effective_count=50,
        num_batches=1024,
        confidence=0.95,
    )

    assert interval.low == pytest.approx(expected.low)
    assert interval.high == pytest.approx(expected.high)


def test_mean_of_one_sample_has_no_interval() -> None:
    interval = mean_interval(3.0, 0.0, effective_count=1, num_batches=1024, confidence=0.95)

    assert (interval.value, interval.low, interval.high) == (3, None, None)
