"""The effective number of samples against processes whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from loadtest.analysis.dependence import Batches, Effective, effective_count

COUNT = 50_000


def effective(values: NDArray[np.float64]) -> Effective:
    batches = Batches(0, len(values) - 1)
    batches.add(np.arange(len(values)), values)
    return effective_count(batches.sums, batches.counts, float(values.var(ddof=1)))


def autoregressive(memory: float, seed: int) -> NDArray[np.float64]:
    noise = np.random.default_rng(seed).standard_normal(COUNT + 2000)
    values: NDArray[np.float64] = lfilter([1], [1, -memory], noise)[2000:]
    return values


@pytest.mark.parametrize("memory", [0.5, 0.9, 0.97], ids=str)
def test_effective_count_of_an_autoregression_is_the_known_one(memory: float) -> None:
    counts = [effective(autoregressive(memory, seed)).count for seed in range(20)]

    assert np.mean(counts) == pytest.approx(COUNT * (1 - memory) / (1 + memory), rel=0.15)


def test_independent_samples_nearly_always_count_in_full() -> None:
    rng = np.random.default_rng(0)
    is_full = [effective(rng.lognormal(0, 1, 2000)).count == 2000 for _ in range(100)]

    assert sum(is_full) >= 90


def test_samples_repeated_within_a_moment_count_once() -> None:
    # As the gaps of one request: ten equal samples, all in one batch.
    values = np.repeat(np.random.default_rng(1).standard_normal(5000), 10)

    assert effective(values).count == pytest.approx(5000, rel=0.15)


def test_samples_against_a_trend_never_count_more_than_they_are() -> None:
    alternating = np.tile([1.0, -1.0], 1000)

    assert effective(alternating).count == 2000


@pytest.mark.parametrize("count", [0, 1, 5], ids=str)
def test_few_or_equal_samples_count_as_they_are(count: int) -> None:
    batches = Batches(0, 9)
    batches.add(np.arange(count), np.ones(count))

    assert effective_count(batches.sums, batches.counts, 0.0).count == count


@pytest.mark.parametrize("number", [7, 1024, 2000], ids=str)
def test_batch_begins_at_its_first_time(number: int) -> None:
    batches = Batches(10, 9999, number)
    begins = np.array([batches.begin_of(i) for i in range(number)])

    assert (batches.place(begins) == np.arange(number)).all()
    assert (batches.place(begins[1:] - 1) == np.arange(number - 1)).all()


def test_samples_that_cancel_in_pairs_count_in_full() -> None:
    counts = np.full(1024, 2)

    assert effective_count(np.tile([0.0, 2.0], 512), counts, 0.25).count == 2048
