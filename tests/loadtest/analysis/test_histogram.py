"""The interchange form of a distribution, read back by the library that defines it."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

from loadtest.analysis.histogram import HDR_BITS, encode
from loadtest.analysis.quantiles import LogHistogram

MICROSECONDS = np.random.default_rng(0).lognormal(9, 2, 5000).astype(np.int64)


def encoded(values: NDArray[np.int64]) -> str:
    histogram = LogHistogram(HDR_BITS)
    histogram.add(values, np.zeros(len(values), np.bool_))
    return encode(histogram)


def recorded(values: NDArray[np.int64]) -> HdrHistogram:
    histogram = HdrHistogram(1, 1 << 42, 3)
    for value in values:
        histogram.record_value(int(value))
    return histogram


def counts(histogram: HdrHistogram) -> list[int]:
    return [histogram.get_count_at_index(i) for i in range(histogram.counts_len)]


def test_encoded_histogram_is_what_the_library_records_value_by_value() -> None:
    decoded = HdrHistogram.decode(encoded(MICROSECONDS))

    assert decoded.total_count == 5000
    assert counts(decoded) == counts(recorded(MICROSECONDS))


def test_percentile_of_the_histogram_is_within_three_digits() -> None:
    decoded = HdrHistogram.decode(encoded(MICROSECONDS))

    exact = np.quantile(MICROSECONDS, 0.99, method="inverted_cdf")
    assert decoded.get_value_at_percentile(99) == pytest.approx(exact, rel=1e-3)


def test_histograms_of_two_parts_add_up_to_that_of_the_whole() -> None:
    merged = HdrHistogram.decode(encoded(MICROSECONDS[:2000]))
    merged.decode_and_add(encoded(MICROSECONDS[2000:]))

    assert counts(merged) == counts(HdrHistogram.decode(encoded(MICROSECONDS)))


def test_nothing_measured_is_an_empty_histogram() -> None:
    assert HdrHistogram.decode(encoded(np.zeros(0, np.int64))).total_count == 0
