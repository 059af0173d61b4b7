"""Exact order statistics in flat memory: a histogram finds the bucket of a rank, a second pass
over the samples keeps that bucket alone."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from loadtest.analysis.metrics import Bools, Ints

# 2,048 buckets from any value to its double: none is wider than 0.05 % of its values.
FINE_BITS: Final = 11
_PENDING_LIMIT: Final = 1 << 17


def bucket_of(values: Ints, bits: int) -> Ints:
    """Return each value's bucket: 0 for 0, then 2**bits from every power of 2 to the next.

    Values are 0 or more; greater ones never have lower buckets. The bits of an IEEE 754 double,
    read as an integer, are its logarithm so far as the order goes.
    """
    patterns: Ints = values.astype(np.float64).view(np.int64) >> (52 - bits)
    buckets: Ints = np.maximum(patterns - ((1023 << bits) - 1), 0)
    return buckets


def least_of(bucket: int, bits: int) -> int:
    """Return the least whole number that is in this bucket or a higher one."""
    if bucket == 0:
        return 0
    pattern = np.int64((bucket - 1 + (1023 << bits)) << (52 - bits))
    return int(np.ceil(pattern.view(np.float64)))


class LogHistogram:
    """Counts of whole numbers from 0, in buckets of one relative width; censored ones apart."""

    def __init__(self, bits: int = FINE_BITS) -> None:
        self.bits = bits
        self.counts = np.zeros((63 << bits) + 2, np.int64)
        self.num_censored = 0
        self._totals: Ints | None = None

    @property
    def totals(self) -> Ints:
        """Counts up to and with each bucket."""
        if self._totals is None:
            self._totals = np.cumsum(self.counts)
        return self._totals

    @property
    def count(self) -> int:
        return int(self.totals[-1]) + self.num_censored

    def add(self, values: Ints, is_censored: Bools) -> None:
        """Count the values; of the censored ones only that they are more than all others."""
        self._totals = None
        buckets = bucket_of(values[~is_censored], self.bits)
        if buckets.size:
            low = int(buckets.min())
            found = np.bincount(buckets - low)
            self.counts[low : low + len(found)] += found
        self.num_censored += int(is_censored.sum())

    def bucket_at(self, rank: int) -> int | None:
        """Return the bucket of the value of that rank from 1; None where it is censored."""
        if rank > self.totals[-1]:
            return None
        return int(np.searchsorted(self.totals, rank))

    def points(self, most: int) -> list[tuple[int, float]]:
        """Return at most ``most`` exact points of the distribution function, denser at its end.

        Each is a value and the share at or below it.
        """
        totals, count = self.totals, self.count
        if totals[-1] == 0:
            return []
        even = most * 3 // 4
        tail = 1 - np.geomspace(0.25, 1e-6, most - even)
        shares = np.concatenate([np.linspace(0, 1, even), tail])
        ranks = np.clip(np.ceil(shares * count), 1, totals[-1])
        buckets = np.unique(np.searchsorted(totals, ranks))
        return [(least_of(int(b) + 1, self.bits) - 1, float(totals[b] / count)) for b in buckets]


class OrderStatistics:
    """Finds the values of ranks that were chosen after a first pass filled the histogram.

    Memory is that of the distinct values within the buckets of those ranks.
    """

    def __init__(self, histogram: LogHistogram, ranks: Iterable[int]) -> None:
        self._histogram = histogram
        self._is_wanted = np.zeros(len(histogram.counts), np.bool_)
        for rank in ranks:
            bucket = histogram.bucket_at(rank)
            if bucket is not None:
                self._is_wanted[bucket] = True
        self._values = np.zeros(0, np.int64)
        self._counts = np.zeros(0, np.int64)
        self._pending: list[Ints] = []

    def add(self, values: Ints, is_censored: Bools) -> None:
        """Take the same samples again, in any order and in any pieces."""
        known = values[~is_censored]
        self._pending.append(known[self._is_wanted[bucket_of(known, self._histogram.bits)]])
        if sum(map(len, self._pending)) > _PENDING_LIMIT:
            self._merge()

    def value(self, rank: int) -> int | None:
        """Return the value of a rank that was asked for; None where it is censored."""
        self._merge()
        bucket = self._histogram.bucket_at(rank)
        if bucket is None:
            return None
        assert self._is_wanted[bucket]
        histogram = self._histogram
        rank_within = rank - int(histogram.totals[bucket] - histogram.counts[bucket])
        begin = np.searchsorted(self._values, least_of(bucket, histogram.bits))
        totals = np.cumsum(self._counts[begin:])
        return int(self._values[begin + np.searchsorted(totals, rank_within)])

    def _merge(self) -> None:
        if not self._pending:
            return
        pending = np.concatenate(self._pending)
        self._pending = []
        self._values, places = np.unique(
            np.concatenate([self._values, pending]), return_inverse=True
        )
        weights = np.concatenate([self._counts, np.ones(len(pending), np.int64)])
        counts = np.zeros(len(self._values), np.int64)
        np.add.at(counts, places, weights)
        self._counts = counts
