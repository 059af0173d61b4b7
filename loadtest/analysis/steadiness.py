"""Where the measured window begins, and whether the service was steady within it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from loadtest.analysis.dependence import Batches, Floats
from loadtest.analysis.distributions import NANO, Window
from loadtest.analysis.metrics import Ints, Rows, samples_of
from loadtest.record import NEVER
from loadtest.report.schema import Steadiness

NUM_BATCHES: Final = 2000
_MSER_BATCH: Final = 5
_LEAST_MSER_BATCHES: Final = 20
# A warm-up is over once most of this many batches lie among the rest's middle four fifths.
_SETTLING: Final = 5
_MIDDLE: Final = (0.1, 0.9)
_NUM_BLOCKS: Final = 32
_LEAST_BLOCKS: Final = 24
# With more, even a rise from each of 24 blocks to the next would be no trend.
_MOST_MEMORY: Final = 0.75
_LEAST_SAMPLES: Final = 64
# Of calling a steady service unsteady, for latency and for the queue each.
_ALPHA: Final = 0.01
# A queue that has not grown by half is no overload.
_GROWTH: Final = 1.5


class Timeline:
    """End-to-end latency and requests under way over the run, in at most 2,000 spans of time."""

    def __init__(self, begin: int, end: int) -> None:
        self.latency = Batches(begin, end, NUM_BATCHES)
        self._changes = np.zeros(NUM_BATCHES, np.int64)

    def add(self, rows: Rows, gaps: Ints) -> None:
        samples = samples_of("e2e", rows, gaps)
        self.latency.add(samples.at, samples.values * 1e-9)
        self._changes += self._count_within(rows["started"])
        self._changes -= self._count_within(rows["finished"][rows["started"] != NEVER])

    @property
    def in_flight(self) -> Ints:
        """Requests under way at the end of each span."""
        return np.cumsum(self._changes)

    def _count_within(self, times: Ints) -> Ints:
        is_within = (times != NEVER) & (times <= self.latency.end)
        return np.bincount(self.latency.place(times[is_within]), minlength=NUM_BATCHES)


@dataclass(frozen=True, slots=True)
class Trend:
    """Of a series over time; ``growth`` is its last quarter's mean over its first's."""

    p_value: float
    growth: float


def warmup_cut(timeline: Timeline) -> int:
    """Return the ns of the run at which its warm-up ends, by MSER-5, at most half way.

    White, Simulation 69 (1997): of all cuts the one that leaves the mean of the rest best known;
    on means of five spans each. Only what differs from the rest since the run's very beginning is
    cut: a server that stalls later on has a fault, not a warm-up.
    """
    latency = timeline.latency
    present = np.flatnonzero(latency.counts)
    means = latency.sums[present] / latency.counts[present]
    num_batches = len(means) // _MSER_BATCH
    if num_batches < _LEAST_MSER_BATCHES:
        return latency.begin
    batches = means[: num_batches * _MSER_BATCH].reshape(num_batches, _MSER_BATCH).mean(axis=1)
    cut = mser(batches)
    cut = min(cut, settled(batches, batches[cut:]))
    return latency.begin_of(int(present[cut * _MSER_BATCH])) if cut else latency.begin


def mser(batches: Floats) -> int:
    """Return how many of the first half to drop for the least standard error of the rest's mean."""
    remaining = np.arange(len(batches), 0, -1)
    # From a shifted origin: squares of large means would drown their differences.
    shifted = batches - batches.mean()
    sums = np.cumsum(shifted[::-1])[::-1]
    squares = np.cumsum(shifted[::-1] ** 2)[::-1]
    scores = (squares - sums**2 / remaining) / remaining**2
    return int(np.argmin(scores[: len(batches) // 2 + 1]))


def settled(batches: Floats, rest: Floats) -> int:
    """Return after how many batches the first are no longer mostly above ``rest``, or below it."""
    low, high = np.quantile(rest, _MIDDLE)
    sides = (batches > high).astype(np.int64) - (batches < low)
    sums = np.lib.stride_tricks.sliding_window_view(sides, _SETTLING).sum(axis=1)
    is_settled = np.abs(sums) <= _SETTLING // 2
    return int(np.argmax(is_settled)) if is_settled.any() else len(batches)


def steadiness_of(timeline: Timeline, window: Window, *, is_given: bool) -> Steadiness:
    """Return the steadiness within the window; not steady too where it cannot be told."""
    first = int(np.searchsorted(_begins(timeline.latency), window.begin))
    counts = timeline.latency.counts[first:]
    latency = _trend(timeline.latency.sums[first:], counts)
    queue = _trend(timeline.in_flight[first:].astype(np.float64), np.ones(len(counts), np.int64))
    is_known = latency is not None and int(counts.sum()) >= _LEAST_SAMPLES
    is_stationary, reason = (
        _say(latency, queue)
        if is_known and latency is not None
        else (False, _say_too_few(int(counts.sum()), window))
    )
    return Steadiness(
        warmup_s=window.begin * NANO,
        method="given" if is_given else "auto",
        is_stationary=is_stationary,
        p_value=latency.p_value if is_known and latency is not None else None,
        reason=reason,
    )


def mann_kendall(series: Floats) -> float:
    """Return the two-sided p value of a monotone trend (Mann 1945, Kendall 1975).

    The variance is widened for autocorrelation by the effective number of values (Yue and Wang,
    Water Resources Management 18, 2004), from the ranks around Sen's slope.
    """
    n = len(series)
    order = np.arange(n)
    later, earlier = np.tril_indices(n, -1)
    rises = series[later] - series[earlier]
    _, ties = np.unique(series, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    if variance == 0:
        return 1.0
    slope = np.median(rises / (later - earlier))
    inflation = _inflation(stats.rankdata(series - slope * order))
    score = abs(float(np.sign(rises).sum()))
    z = max(score - 1, 0) / np.sqrt(variance * inflation)
    return float(2 * stats.norm.sf(z))


def _inflation(ranks: Floats) -> float:
    """Return how many times the variance of their mean exceeds that of independent ranks."""
    n = len(ranks)
    centred = ranks - ranks.mean()
    total = float((centred**2).sum())
    if total == 0:
        return 1.0
    lag_1 = float((centred[1:] * centred[:-1]).sum()) / total
    # Without a trend's two parameters the estimate is too low (van Giersbergen, 2005).
    memory = np.clip((n * lag_1 + 2) / (n - 4), 0, _MOST_MEMORY)
    lags = np.arange(1, n)
    return float(1 + 2 * ((1 - lags / n) * memory**lags).sum())


def _begins(batches: Batches) -> Ints:
    return np.array([batches.begin_of(i) for i in range(batches.number)], np.int64)


def _trend(sums: Floats, counts: Ints) -> Trend | None:
    """Return the trend of means over 32 blocks of time; None where too many blocks are empty."""
    size = len(sums) // _NUM_BLOCKS
    kept = size * _NUM_BLOCKS
    if size == 0:
        return None
    block_sums = sums[:kept].reshape(_NUM_BLOCKS, size).sum(axis=1)
    block_counts = counts[:kept].reshape(_NUM_BLOCKS, size).sum(axis=1)
    is_present = block_counts > 0
    if is_present.sum() < _LEAST_BLOCKS:
        return None
    means = block_sums[is_present] / block_counts[is_present]
    quarter = len(means) // 4
    first, last = float(means[:quarter].mean()), float(means[-quarter:].mean())
    return Trend(mann_kendall(means), last / first if first > 0 else 1.0)


def _say_too_few(count: int, window: Window) -> str:
    if window.seconds <= 0:
        return (
            f"the measured window has no length: no two requests were due at different times "
            f"from {window.begin * NANO:.4g} s on, so there are no rates and nothing can pass"
        )
    return (
        f"too few requests to tell: {count} after the warm-up, "
        f"at least {_LEAST_SAMPLES} spread over it are needed"
    )


def _say(latency: Trend, queue: Trend | None) -> tuple[bool, str]:
    if queue is not None and queue.p_value < _ALPHA and queue.growth > _GROWTH:
        return False, (
            f"requests under way grew {queue.growth:.1f}-fold from the first to the last quarter "
            f"(p = {queue.p_value:.2g}): more was sent than was served"
        )
    change = f"latency changed by {latency.growth - 1:+.0%} from the first to the last quarter"
    if latency.p_value < _ALPHA:
        return False, f"{change} (Mann-Kendall, p = {latency.p_value:.2g})"
    return True, f"{change}, no more than chance explains (Mann-Kendall, p = {latency.p_value:.2g})"
