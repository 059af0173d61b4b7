"""Bootstrap of a series whose neighbours are correlated: whole blocks of it are drawn again.

Circular moving blocks (Künsch 1989, Annals of Statistics 17:1217; Politis & Romano 1992), their
length by Politis & White (2004), Econometric Reviews 23:53, as corrected by Patton, Politis & White
(2009), Econometric Reviews 28:372. Percentile intervals.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Weights = NDArray[np.float32]

# Resamples weighed at once: 64 columns of float32 weights over 2e5 items are 51 MB.
_SLICE: Final = 64
# Ranks at which a resampled percentile may lie, each percentile: dense around it, and over all.
_NUM_NEAR: Final = 257
_NUM_FAR: Final = 129
_NUM_EXACT: Final = 1024


@dataclass(frozen=True, slots=True)
class Column:
    """One number of each item, in the items' order: NaN where it has none.

    ``values`` is inf where the number is longer than any measured; ``at_least`` says by then how
    long it was at least, for the mean, and equals ``values`` elsewhere.
    """

    values: Floats
    at_least: Floats


def block_length(series: Floats) -> int:
    """Return the blocks' length that suits the circular bootstrap of the series' mean.

    From 1 to ``min(3 sqrt(n), n / 3)``; 1 for a constant series.
    """
    num = len(series)
    correlations, variance = _autocovariance(series)
    if variance <= 0:
        return 1
    lags = _num_lags(correlations / variance, num)
    window = np.minimum(1, 2 * (1 - np.arange(1, lags + 1) / lags))
    curve = window * correlations[1 : lags + 1]
    slope = 2 * float(np.sum(curve * np.arange(1, lags + 1)))
    spectrum = float(variance + 2 * np.sum(curve))
    longest = max(1, math.ceil(min(3 * math.sqrt(num), num / 3)))
    if spectrum <= 0:
        return longest
    # b = (2 G^2 / D)^(1/3) n^(1/3) with D = 4/3 g(0)^2.
    best = float(np.cbrt(1.5 * (slope / spectrum) ** 2 * num))
    return min(longest, max(1, math.ceil(best)))


def draw_weights(num_items: int, length: int, rng: np.random.Generator, num: int) -> Weights:
    """Return how often each item is in each of ``num`` resamples: [num_items, num].

    A resample has ``num_items`` items; a block that runs over the end goes on from the start.
    """
    # [num, num_blocks]; the last block is cut so that the resample is as long as the series.
    starts = rng.integers(0, num_items, (num, -(-num_items // length)))
    lengths = np.full(starts.shape[1], length)
    lengths[-1] = num_items - length * (starts.shape[1] - 1)
    ends = starts + lengths
    goes_round = ends > num_items
    resamples = np.arange(num)[:, np.newaxis]
    # Summed along the items, that is along memory: eight times as fast as across it.
    steps = np.zeros((num, num_items + 1), np.int16)
    np.add.at(steps, (resamples, starts), 1)
    np.add.at(steps, (resamples, np.where(goes_round, ends - num_items, ends)), -1)
    steps[:, 0] += np.count_nonzero(goes_round, axis=1).astype(np.int16)
    counts = np.cumsum(steps[:, :-1], axis=1, dtype=np.int16)
    return np.ascontiguousarray(counts.T, np.float32)


def resample(
    columns: Sequence[Column],
    percents: Sequence[float],
    *,
    length: int,
    rng: np.random.Generator,
    num_resamples: int,
) -> Floats:
    """Return mean and percentiles of each column: [num_resamples, num_columns, 1 + num_percents].

    All columns of one resample hold the same items. NaN where no item has a value.
    """
    tables = [_Table(column, percents, length) for column in columns]
    num_items = len(columns[0].values)
    slices = []
    for start in range(0, num_resamples, _SLICE):
        num = min(_SLICE, num_resamples - start)
        weights = draw_weights(num_items, length, rng, num)
        slices.append(np.stack([table.statistics(weights) for table in tables], axis=1))
    return np.concatenate(slices)


def statistics(column: Column, percents: Sequence[float]) -> Floats:
    """Return mean and percentiles (order statistics, inverted_cdf) of one column as it is."""
    has_value = ~np.isnan(column.values)
    if not has_value.any():
        return np.full(1 + len(percents), np.nan)
    at = np.quantile(column.values[has_value], np.array(percents) / 100, method="inverted_cdf")
    return np.concatenate([[column.at_least[has_value].mean()], np.atleast_1d(at)])


def bounds(samples: Floats, confidence: float) -> tuple[float, float] | None:
    """Return the percentile interval of resampled numbers; None where one is not a number."""
    if np.isnan(samples).any():
        return None
    tail = (1 - confidence) / 2
    low = np.quantile(samples, tail, method="inverted_cdf")
    high = np.quantile(samples, 1 - tail, method="inverted_cdf")
    return float(low), float(high)


def _autocovariance(series: Floats) -> tuple[Floats, float]:
    """Return the covariances from lag 0 on, and the variance."""
    num = len(series)
    centred = series - series.mean()
    size = 1 << (2 * num - 1).bit_length()
    covariances = np.fft.irfft(np.abs(np.fft.rfft(centred, size)) ** 2, size)[:num] / num
    # What is left of a constant series is rounding.
    variance = float(covariances[0])
    return covariances, variance if variance > 1e-18 * float(np.mean(series**2)) else 0.0


def _num_lags(correlations: Floats, num: int) -> int:
    """Return twice the lag after which a run of correlations is not told from 0."""
    run = max(5, math.ceil(math.sqrt(math.log10(max(num, 2)))))
    most = min(num - 1, math.ceil(math.sqrt(num)) + run)
    threshold = 2 * math.sqrt(math.log10(max(num, 2)) / num)
    is_large = np.abs(correlations[1 : most + 1]) >= threshold
    quiet = 0
    for lag, large in enumerate(is_large.tolist(), start=1):
        quiet = 0 if large else quiet + 1
        if quiet == run:
            return int(min(most, max(1, 2 * (lag - run))))
    large_lags = np.flatnonzero(is_large)
    return int(min(most, 2 * (large_lags[-1] + 1))) if len(large_lags) else 1


class _Table:
    """A column sorted into bins of ranks, so that a resample costs one sparse product."""

    def __init__(self, column: Column, percents: Sequence[float], length: int) -> None:
        items = np.flatnonzero(~np.isnan(column.values))
        order = items[np.argsort(column.values[items], kind="stable")]
        self._num_percents = len(percents)
        self._shares = [percent / 100 for percent in percents]
        self._is_empty = len(items) == 0
        if self._is_empty:
            return
        last_ranks = _last_ranks(len(items), self._shares, length)
        self._bin_values = column.values[order[last_ranks]]
        bins = np.searchsorted(last_ranks, np.arange(len(items)))
        # The first row adds up what the values lie beyond their mean: float32 is then exact enough.
        self._mean = float(column.at_least[items].mean())
        rows = np.concatenate([np.zeros(len(items), np.int64), 1 + bins])
        entries = np.concatenate([column.at_least[order] - self._mean, np.ones(len(items))])
        shape = (1 + len(last_ranks), len(column.values))
        self._matrix = sparse.csr_array(
            (entries.astype(np.float32), (rows, np.concatenate([order, order]))), shape=shape
        )

    def statistics(self, weights: Weights) -> Floats:
        """Return [num_resamples, 1 + num_percents]."""
        if self._is_empty:
            return np.full((weights.shape[1], 1 + self._num_percents), np.nan)
        sums = self._matrix @ weights
        counts = np.cumsum(sums[1:], axis=0, dtype=np.float64)  # [num_bins, num_resamples]
        totals = counts[-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            means = self._mean + sums[0].astype(np.float64) / totals
        found = [means]
        for share in self._shares:
            # Of a resample without a value the mean is NaN; its percentiles must be too.
            bins = np.count_nonzero(counts < np.ceil(share * totals - 1e-9), axis=0)
            found.append(np.where(totals > 0, self._bin_values[bins], np.nan))
        return np.stack(found, axis=1)


def _last_ranks(num: int, shares: Sequence[float], length: int) -> NDArray[np.int64]:
    """Return the last rank of each bin, dense where a resampled percentile is likely to lie."""
    if num <= _NUM_EXACT:
        return np.arange(num)
    near = np.linspace(-1, 1, _NUM_NEAR)
    ranks = [np.linspace(0, num - 1, _NUM_FAR)]
    for share in shares:
        # Six standard deviations of the rank if whole blocks were of one value.
        reach = 6 * math.sqrt(num * share * (1 - share) * length)
        ranks.append(share * num - 1 + reach * near * np.abs(near))
    return np.unique(np.clip(np.rint(np.concatenate(ranks)), 0, num - 1).astype(np.int64))
