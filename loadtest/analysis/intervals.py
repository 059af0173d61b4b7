"""How far a measured share, mean or percentile may lie from the true one.

Each takes ``effective_count``: of samples that are correlated in time fewer independent ones carry
as much (loadtest/analysis/dependence.py); where all are independent it is their count.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

from scipy import stats

from loadtest.report.schema import Interval


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks from 1 in ascending order; None where no sample is far enough out."""

    value: int
    low: int | None
    high: int | None


def two_sided(confidence: float) -> float:
    """Return what each bound alone must hold with, for both to hold with ``confidence``."""
    return (1 + confidence) / 2


def share_bounds(
    num_hits: float, count: float, *, each: float, effective_count: float | None = None
) -> tuple[float, float]:
    """Return bounds of a share that hold with confidence ``each``, one at a time.

    Clopper and Pearson, Biometrika 26 (1934): exact, whatever the share. With a smaller effective
    count the hits shrink alike, which keeps the share. No samples leave 0..1.
    """
    if count <= 0:
        return 0.0, 1.0
    scale = 1.0 if effective_count is None else effective_count / count
    hits, trials = num_hits * scale, count * scale
    low = float(stats.beta.ppf(1 - each, hits, trials - hits + 1)) if num_hits > 0 else 0.0
    high = float(stats.beta.ppf(each, hits + 1, trials - hits)) if num_hits < count else 1.0
    return low, high


def share_interval(
    num_hits: int, count: int, *, confidence: float, effective_count: float | None = None
) -> Interval:
    """Return the share and its two-sided interval; the value is None without samples."""
    low, high = share_bounds(
        num_hits, count, each=two_sided(confidence), effective_count=effective_count
    )
    return Interval(value=num_hits / count if count else None, low=low, high=high)


def percentile_rank(percent: float, count: int) -> int:
    """Return the rank of the least value with at least ``percent`` of ``count`` at or below it.

    numpy's ``inverted_cdf``, without its rounding of count times percent.
    """
    assert 0 < percent < 100
    assert count > 0
    return math.ceil(Fraction(str(percent)) / 100 * count)


def percentile_ranks(
    percent: float, count: int, *, each: float, effective_count: float | None = None
) -> Ranks:
    """Return the ranks of a percentile and of its bounds, which hold with ``each`` one at a time.

    Distribution-free: the number of samples below the true percentile is binomial (David and
    Nagaraja, Order Statistics, 2003, section 7.1). Ranks found for the effective count are
    stretched over all samples, outwards.
    """
    trials = count if effective_count is None else max(1, math.floor(min(effective_count, count)))
    share = percent / 100
    low = int(stats.binom.ppf(1 - each, trials, share))
    high = int(stats.binom.ppf(each, trials, share)) + 1
    return Ranks(
        value=percentile_rank(percent, count),
        low=low * count // trials if low >= 1 else None,
        high=-(-high * count // trials) if high <= trials else None,
    )


def mean_interval(
    mean: float, std: float, *, effective_count: float, num_batches: int, confidence: float
) -> Interval:
    """Return Student's two-sided interval of a mean; without bounds below two samples.

    ``num_batches`` is how many batches the effective count was estimated from: no more degrees of
    freedom are known.
    """
    low, high = mean_bounds(
        mean,
        std,
        effective_count=effective_count,
        num_batches=num_batches,
        each=two_sided(confidence),
    )
    return Interval(value=mean, low=low, high=high)


def mean_bounds(
    mean: float, std: float, *, effective_count: float, num_batches: int, each: float
) -> tuple[float | None, float | None]:
    """Return Student's bounds of a mean, each of which holds with confidence ``each``."""
    freedom = min(effective_count, num_batches) - 1
    if freedom <= 0:
        return None, None
    reach = float(stats.t.ppf(each, freedom)) * std / math.sqrt(effective_count)
    return mean - reach, mean + reach
