"""How many independent samples carry as much as these, whose values are correlated in time."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loadtest.analysis.metrics import Ints

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating] | NDArray[np.integer] | NDArray[np.bool_]

# A power of 2, so that pairs of batches can be joined down to _LEAST_BATCHES.
NUM_BATCHES: Final = 1024
_LEAST_BATCHES: Final = 32
# Of taking independent samples for dependent.
_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Effective:
    """``num_batches`` is from how many batches the count was estimated."""

    count: float
    num_batches: int


class Batches:
    """Sums and counts of samples in equal spans of time, from ``begin`` to ``end`` ns inclusive."""

    def __init__(self, begin: int, end: int, number: int = NUM_BATCHES) -> None:
        self.begin = begin
        self.end = end
        self.number = number
        self._span = end - begin + 1
        self.sums = np.zeros(number)
        self.counts = np.zeros(number, np.int64)

    def add(self, at: Ints, values: Numbers) -> None:
        """Put each value into the batch of its time."""
        places = self.place(at)
        self.sums += np.bincount(places, weights=values, minlength=self.number)
        self.counts += np.bincount(places, minlength=self.number)

    def place(self, at: Ints) -> Ints:
        """Return the batch of each time; those outside count in the first or the last."""
        return np.clip((at - self.begin) * self.number // self._span, 0, self.number - 1)

    def begin_of(self, batch: int) -> int:
        """Return the ns at which a batch begins."""
        return self.begin - (-batch * self._span // self.number)


def effective_count(sums: Floats, counts: Ints, variance: float) -> Effective:
    """Return the effective number of samples whose batches over time are given.

    ``variance`` is the samples' own. The variance of their mean is found by blocking (Flyvbjerg
    and Petersen, J. Chem. Phys. 91, 1989): neighbours are joined until the batches are no longer
    correlated, as Jonsson's test says (Phys. Rev. E 98, 043304, 2018). Samples without any sign
    of correlation count in full; none count more than that.
    """
    count = float(counts.sum())
    if count < 2 or variance <= 0:
        return Effective(count, int((counts > 0).sum()))
    residuals = sums - sums.sum() / count * counts
    levels = _levels(residuals)
    chosen = _first_uncorrelated(levels)
    if chosen > 0:
        # The test passes correlations that are small but not nothing; a level more halves them.
        chosen = min(chosen + 1, len(levels) - 1)
    batches = levels[chosen]
    total = float((batches**2).sum())
    if chosen == 0 and total - count * variance < 2 * _error_of_squares(batches):
        return Effective(count, len(batches))
    of_sum = total * len(batches) / (len(batches) - 1)
    # Neighbours that cancel leave the mean nothing to vary by.
    if of_sum == 0:
        return Effective(count, len(batches))
    return Effective(max(1.0, min(count, count**2 * variance / of_sum)), len(batches))


def _levels(residuals: Floats) -> list[Floats]:
    levels = [residuals]
    while len(levels[-1]) > _LEAST_BATCHES:
        levels.append(levels[-1][0::2] + levels[-1][1::2])
    return levels


def _first_uncorrelated(levels: list[Floats]) -> int:
    """Return the finest level from which on lag-1 correlations are no more than chance."""
    scores = [len(batches) * _lag_1(batches) ** 2 for batches in levels]
    for level in range(len(levels)):
        limit = stats.chi2.ppf(1 - _ALPHA, len(levels) - level)
        if sum(scores[level:]) <= limit:
            return level
    return len(levels) - 1


def _lag_1(batches: Floats) -> float:
    total = float((batches**2).sum())
    # The residuals' mean is 0, which alone makes neighbours correlated by -1/n.
    return float((batches[1:] * batches[:-1]).sum()) / total + 1 / len(batches) if total else 0.0


def _error_of_squares(batches: Floats) -> float:
    """Return the standard error of the sum of squares, from their own scatter."""
    return float(np.std(batches**2) * np.sqrt(len(batches)))
