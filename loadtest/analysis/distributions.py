"""Distributions of a run's metrics, in three passes over its records: the spread, how strongly
exceeding a percentile is correlated in time, and the exact order statistics."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadtest.analysis.dependence import Batches, Effective, effective_count
from loadtest.analysis.histogram import HDR_BITS, encode
from loadtest.analysis.intervals import Ranks, mean_interval, percentile_ranks, two_sided
from loadtest.analysis.metrics import TOKENS_PER_CHUNK, Samples
from loadtest.analysis.quantiles import LogHistogram, OrderStatistics, least_of
from loadtest.report.schema import Distribution, Interval, Percentile

PERCENTS: Final = (50.0, 90.0, 95.0, 99.0, 99.9)
MAX_CDF_POINTS: Final = 256
NANO: Final = 1e-9
# Above every value: only a censored sample is.
_CENSORED: Final = 1 << 62
# Of the way from the median to a limit; of exponential tails the 70th to the 93rd percentile.
_PARTS: Final = (2, 4, 8)


@dataclass(frozen=True, slots=True)
class Window:
    """What is measured: requests due from ``begin`` to ``end``, ns of the run, both included."""

    begin: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.begin) * NANO


class Spread:
    """First pass: histogram, moments and batches over time of one metric."""

    def __init__(self, metric: str, window: Window) -> None:
        self._hdr_divisor = 1_000_000 if metric == TOKENS_PER_CHUNK else 1000
        self.unit = "tokens" if metric == TOKENS_PER_CHUNK else "s"
        self.histogram = LogHistogram()
        self.hdr = LogHistogram(HDR_BITS)
        self.batches = Batches(window.begin, window.end)
        self.least: int | None = None
        self.most: int | None = None
        self._mean = 0.0
        self._squares = 0.0

    def add(self, samples: Samples) -> None:
        if not len(samples.values):
            return
        self._add_moments(samples)
        self.histogram.add(samples.values, samples.is_censored)
        self.hdr.add(samples.values // self._hdr_divisor, samples.is_censored)
        self.batches.add(samples.at, samples.values * NANO)
        known = samples.values[~samples.is_censored]
        if len(known):
            low, high = int(known.min()), int(known.max())
            self.least = low if self.least is None else min(low, self.least)
            self.most = high if self.most is None else max(high, self.most)

    @property
    def count(self) -> int:
        return int(self.batches.counts.sum())

    @property
    def mean(self) -> float:
        """Of censored samples with what they are known to exceed."""
        return self._mean

    @property
    def variance(self) -> float:
        return self._squares / (self.count - 1) if self.count > 1 else 0.0

    @property
    def effective(self) -> Effective:
        return effective_count(self.batches.sums, self.batches.counts, self.variance)

    def _add_moments(self, samples: Samples) -> None:
        """Join the moments of two parts (Chan, Golub and LeVeque, 1983): stable over any number."""
        values = samples.values * NANO
        before, added = self.count, len(values)
        mean = float(values.mean())
        shift = mean - self._mean
        total = before + added
        self._squares += float(((values - mean) ** 2).sum()) + shift**2 * before * added / total
        self._mean += shift * added / total


class Exceedance:
    """Second pass: how many samples reach a limit in ns, in all and over time."""

    def __init__(self, limit: int, window: Window) -> None:
        self._limit = limit
        self._batches = Batches(window.begin, window.end)
        self._num_unknown = 0

    def add(self, samples: Samples) -> None:
        is_over = samples.values >= self._limit
        self._batches.add(samples.at, is_over | samples.is_censored)
        self._num_unknown += int((samples.is_censored & ~is_over).sum())

    @property
    def tally(self) -> "Tally":
        """With the samples that were censored before they reached the limit as unknown."""
        found = tally_of(self._batches)
        return replace(
            found, num_hits=found.num_hits - self._num_unknown, num_unknown=self._num_unknown
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """``num_hits`` of ``count`` samples, which carry as much as ``effective`` independent ones.

    ``num_unknown`` more may be hits or not.
    """

    num_hits: int
    count: int
    effective: float
    num_unknown: int = 0


def tally_of(batches: Batches) -> Tally:
    """Return the share that batches of zeros and ones hold.

    Where all are equal there is nothing to see a correlation by, and they count in full.
    """
    num_hits, count = round(float(batches.sums.sum())), int(batches.counts.sum())
    share = num_hits / count if count else 0.0
    variance = share * (1 - share) * count / max(count - 1, 1)
    return Tally(num_hits, count, effective_count(batches.sums, batches.counts, variance).count)


def limit_of(spread: Spread, percent: float) -> int:
    """Return a limit that is within 0.05 % above a percentile, for its Exceedance."""
    rank = percentile_ranks(percent, spread.count, each=0.5).value
    bucket = spread.histogram.bucket_at(rank)
    return _CENSORED if bucket is None else least_of(bucket + 1, spread.histogram.bits)


def levels_below(limit: int, median: int) -> list[int]:
    """Return limits by which to see how samples near ``limit`` depend on each other.

    Those above a limit come together, as those who wait in one queue, but few or none of them may
    have been measured; of those half way to it from the median, and nearer, there are more. A
    limit far from all that was measured has far levels too, so a drift of the body says nothing.
    """
    return [median + (limit - median) // part for part in _PARTS if limit > median]


@dataclass(frozen=True, slots=True)
class Asked:
    """A percentile whose bounds each hold with confidence ``each``."""

    percent: float
    each: float


class Exact:
    """Third pass: the values of percentiles and of their bounds."""

    def __init__(self, spread: Spread, effective: Mapping[Asked, float]) -> None:
        self._ranks = {
            asked: percentile_ranks(
                asked.percent, spread.count, each=asked.each, effective_count=count
            )
            for asked, count in effective.items()
        }
        ranks = (rank for found in self._ranks.values() for rank in _existing(found))
        self._statistics = OrderStatistics(spread.histogram, ranks)

    def add(self, samples: Samples) -> None:
        self._statistics.add(samples.values, samples.is_censored)

    def percentile(self, asked: Asked) -> Percentile:
        ranks = self._ranks[asked]
        return Percentile(
            percent=asked.percent,
            value=self._at(ranks.value),
            low=self._at(ranks.low),
            high=self._at(ranks.high),
            is_sufficient=ranks.high is not None,
        )

    def _at(self, rank: int | None) -> float | None:
        value = None if rank is None else self._statistics.value(rank)
        return None if value is None else value * NANO


def _existing(ranks: Ranks) -> list[int]:
    return [rank for rank in (ranks.value, ranks.low, ranks.high) if rank is not None]


def distribution_of(
    spread: Spread, exact: Exact | None, percents: Sequence[float], confidence: float
) -> Distribution:
    """Return the distribution as it stands in the report; ``exact`` is None without samples."""
    num_censored = spread.histogram.num_censored
    effective = spread.effective
    asked = [Asked(percent, two_sided(confidence)) for percent in percents]
    return Distribution(
        unit=spread.unit,
        count=spread.count,
        num_censored=num_censored,
        effective_count=effective.count,
        mean=mean_of(spread, effective, confidence),
        std=math.sqrt(spread.variance) if spread.count > 1 and not num_censored else None,
        least=None if spread.least is None else spread.least * NANO,
        most=None if spread.most is None else spread.most * NANO,
        percentiles=[] if exact is None else [exact.percentile(each) for each in asked],
        cdf=[(v * NANO, share) for v, share in spread.histogram.points(MAX_CDF_POINTS)],
        hdr=encode(spread.hdr),
    )


def mean_of(spread: Spread, effective: Effective, confidence: float) -> Interval:
    """Return the mean; with censored samples only a lower bound is known of it."""
    if not spread.count:
        return Interval(value=None, low=None, high=None)
    found = mean_interval(
        spread.mean,
        math.sqrt(spread.variance),
        effective_count=effective.count,
        num_batches=effective.num_batches,
        confidence=confidence,
    )
    if spread.histogram.num_censored:
        return Interval(value=None, low=found.low, high=None)
    return found
