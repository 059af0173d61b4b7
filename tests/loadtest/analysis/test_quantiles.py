"""Order statistics in flat memory against numpy's, which hold all values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from loadtest.analysis.intervals import percentile_rank
from loadtest.analysis.quantiles import LogHistogram, OrderStatistics, bucket_of, least_of

PERCENTS = (1, 25, 50, 90, 95, 99, 99.9)
NANOSECONDS = st.integers(0, 10**13)
SAMPLES = st.lists(
    st.tuples(NANOSECONDS | st.integers(10**6, 10**6 + 300) | st.just(0), st.booleans()),
    min_size=1,
    max_size=300,
)


def found(
    values: NDArray[np.int64], is_censored: NDArray[np.bool_], pieces: int
) -> list[int | None]:
    """Return the percentiles after two passes in that many pieces."""
    histogram = LogHistogram()
    parts = list(
        zip(np.array_split(values, pieces), np.array_split(is_censored, pieces), strict=True)
    )
    for part in parts:
        histogram.add(*part)
    ranks = [percentile_rank(percent, len(values)) for percent in PERCENTS]
    statistics = OrderStatistics(histogram, ranks)
    for part in parts:
        statistics.add(*part)
    return [statistics.value(rank) for rank in ranks]


@settings(max_examples=50)
@given(samples=SAMPLES, pieces=st.integers(1, 5))
def test_percentiles_are_numpys_with_censored_values_infinite(
    samples: list[tuple[int, bool]], pieces: int
) -> None:
    values = np.array([value for value, _ in samples], np.int64)
    is_censored = np.array([censored for _, censored in samples])
    oracle = np.sort(np.where(is_censored, np.inf, values))

    percentiles = found(values, is_censored, pieces)

    expected = [oracle[percentile_rank(percent, len(oracle)) - 1] for percent in PERCENTS]
    assert [np.inf if value is None else value for value in percentiles] == expected


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).lognormal(18, 1, 300_007).astype(np.int64),
        np.random.default_rng(2).integers(10**9, 10**9 + 1000, 300_007),
        np.full(300_007, 123_456_789, np.int64),
    ],
    ids=["spread", "one-bucket", "constant"],
)
def test_percentiles_of_many_values_are_numpys(values: NDArray[np.int64]) -> None:
    expected = np.quantile(values, [p / 100 for p in PERCENTS], method="inverted_cdf")

    assert found(values, np.zeros(len(values), np.bool_), 7) == expected.tolist()


@given(value=st.integers(0, 2**53 - 1), bits=st.sampled_from([6, 10, 11]))
def test_bucket_holds_its_value_and_is_as_narrow_as_its_bits_say(value: int, bits: int) -> None:
    bucket = int(bucket_of(np.array([value]), bits)[0])

    least, next_least = least_of(bucket, bits), least_of(bucket + 1, bits)

    assert least <= value < next_least
    assert next_least - least <= max(1, value / 2**bits)


def test_distribution_function_has_its_points_on_the_curve() -> None:
    values = np.random.default_rng(3).lognormal(16, 1, 20_000).astype(np.int64)
    histogram = LogHistogram()
    histogram.add(values, np.zeros(len(values), np.bool_))

    points = histogram.points(256)

    assert 150 < len(points) <= 256
    assert points[-1][1] == 1
    assert [share for _, share in points] == [float((values <= at).mean()) for at, _ in points]


def test_distribution_function_ends_below_one_where_samples_are_censored() -> None:
    histogram = LogHistogram()
    histogram.add(np.arange(1000, 1010), np.arange(10) >= 8)

    assert histogram.points(256)[-1] == (1007, 0.8)
