"""E-values of two shares of events, valid at every look, over any leading shape of arrays.

An e-value is a non-negative number whose mean is at most 1 where the hypothesis holds, so that it
reaches 1/alpha with probability at most alpha. One interval's factor is a likelihood ratio of its
2x2 table given both margins (Fisher's noncentral hypergeometric distribution), so an incident that
both revisions share, or a change of the traffic split, cancels. Source: Turner, Ly and Gruenwald
(2024), with an odds-ratio margin in the place of 1.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

# Odds beyond the boundary of a hypothesis: each test is a mixture over these alternatives.
# The first leaves an indifference up to about 1.3 times the boundary.
GRID: Final = np.array([1.8, 4.0, 20.0])
# min(E, c) has a smaller mean than E, so it stays an e-value; no interval alone decides.
MAX_LOG_FACTOR: Final = 2.4
# Beyond so many events of one interval the counts are scaled down, which understates them.
MAX_EVENTS: Final = 200_000
# Hoeffding: mass of less than exp(-40) lies outside.
_TAIL: Final = 20.0
_CHUNK: Final = 400_000


@dataclass(frozen=True, slots=True)
class Tables:
    """Bad and all events of both arms, arrays of one shape."""

    canary_bad: Ints
    canary_total: Ints
    stable_bad: Ints
    stable_total: Ints

    @property
    def swapped(self) -> "Tables":
        """Return them with the arms exchanged: the odds ratio becomes its inverse."""
        return Tables(self.stable_bad, self.stable_total, self.canary_bad, self.canary_total)


def log_binomial_ratios(bad: Ints, total: Ints, share: float, odds: Array) -> Array:
    """Return log likelihood ratios of shares with ``odds`` times those of ``share`` to it."""
    # p' has odds of p times ``odds``: log (p'/p) = log odds - log(1 + p (odds - 1)).
    normal = np.log1p(share * (odds - 1))
    return np.asarray(bad[..., None] * np.log(odds) - total[..., None] * normal)


def log_likelihood_ratios(tables: Tables, boundary: float, odds: Array) -> Array:
    """Return log likelihood ratios of odds ratios to ``boundary``, given the tables' margins."""
    shape = tables.canary_bad.shape
    bad, canary = _flat(tables.canary_bad), _flat(tables.canary_total)
    stable_bad, stable = _flat(tables.stable_bad), _flat(tables.stable_total)
    all_bad = bad + stable_bad
    low, high = np.maximum(0, all_bad - stable), np.minimum(canary, all_bad)
    every = np.append(odds, boundary)
    half = np.ceil(np.sqrt(_TAIL * (high - low))) + 2
    first = np.maximum(low, _mode(canary, stable, all_bad, every.min()) - half)
    last = np.minimum(high, _mode(canary, stable, all_bad, every.max()) + half)
    logs = np.zeros((bad.size, odds.size))
    # A table with one possible outcome says nothing; those of like width go together.
    informative = np.flatnonzero(high > low)
    width = (last - first + 1).astype(np.int64)
    informative = informative[np.argsort(width[informative], kind="stable")]
    for rows in _chunks(informative, width, every.size):
        sums = _log_sums(
            first[rows], last[rows], canary[rows], stable[rows], all_bad[rows], np.log(every)
        )
        seen = (bad[rows] - first[rows])[:, None] * np.log(odds / boundary)
        logs[rows] = seen + sums[:, -1:] - sums[:, :-1]
    return logs.reshape((*shape, odds.size))


def accumulate(
    log_wealth: Array | None, log_factors: Array, num_before: Ints, *, kept: float = 1.0
) -> Array:
    """Return the logarithm of the sum over start times s of prior(s) times the factors since s.

    A mixture over the interval in which the change began: a long good history costs the logarithm
    of its length, not its whole weight. The prior sums to 1 over an endless rollout, so the error
    probability is that of the whole rollout. Source: Shin, Ramdas and Rinaldo (2023), e-detectors,
    with a prior in the place of their average run length. ``log_wealth`` is None at the beginning;
    the share ``kept`` of it goes on, and to drop the rest leaves the mean at most 1.
    """
    log_prior = np.log(_unstarted(num_before) - _unstarted(num_before + 1))[..., None]
    before = (
        log_prior if log_wealth is None else np.logaddexp(log_wealth + math.log(kept), log_prior)
    )
    return np.asarray(before + log_factors)


def log_mean(log_wealth: Array, num_intervals: Ints) -> Array:
    """Return the log e-value of the mixture over the grid (the last axis) and all start times."""
    highest = log_wealth.max(axis=-1)
    mean = highest + np.log(np.exp(log_wealth - highest[..., None]).mean(axis=-1))
    return np.asarray(np.logaddexp(mean, np.log(_unstarted(num_intervals))))


def scaled(bad: Ints, total: Ints) -> tuple[Ints, Ints]:
    """Return counts of at most MAX_EVENTS events, the share kept to the nearest event."""
    ratio = np.minimum(1.0, MAX_EVENTS / np.maximum(total, 1))
    return np.rint(bad * ratio).astype(np.int64), np.minimum(total, MAX_EVENTS)


def _unstarted(num_intervals: Ints) -> Array:
    # The prior's mass of starts after so many intervals: 1, 1/2, 0.39, 1/3, ... to 0, slowly.
    return np.asarray(1 / (1 + np.log2(1.0 + num_intervals)))


def _flat(counts: Ints) -> Array:
    return counts.astype(np.float64).ravel()


def _mode(canary: Array, stable: Array, all_bad: Array, odds: float) -> Array:
    # Liao and Rosen (2001): the root of the ratio of neighbouring probabilities.
    a = odds - 1
    b = (canary + all_bad + 2) * odds + stable - all_bad
    c = odds * (canary + 1) * (all_bad + 1)
    return np.asarray(np.floor(2 * c / (b + np.sqrt(np.maximum(b * b - 4 * a * c, 0)))))


def _chunks(rows: Ints, width: Ints, num_odds: int) -> list[Ints]:
    chunks, begin = [], 0
    while begin < rows.size:
        ahead = width[rows[begin:]] * np.arange(1, rows.size - begin + 1) * num_odds
        end = begin + max(1, int(np.searchsorted(ahead, _CHUNK)))
        chunks.append(rows[begin:end])
        begin = end
    return chunks


def _log_sums(
    first: Array, last: Array, canary: Array, stable: Array, all_bad: Array, log_odds: Array
) -> Array:
    """Return log sums over x of C(canary, x) C(stable, all_bad - x) odds^(x - first).

    They are up to a factor that all odds share; the window leaves out mass below exp(-40).
    """
    ahead = np.arange(int((last - first).max()) + 1, dtype=np.float64)  # [width]
    x = (first[:, None] + ahead)[:, :-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.log(
            (canary[:, None] - x)
            * (all_bad[:, None] - x)
            / ((x + 1) * (stable[:, None] - all_bad[:, None] + x + 1))
        )
    weights = np.zeros((first.size, ahead.size))
    np.cumsum(step, axis=1, out=weights[:, 1:])
    weights[first[:, None] + ahead > last[:, None]] = -math.inf
    # [rows, odds, width]
    terms = weights[:, None, :] + log_odds[:, None] * ahead
    highest = terms.max(axis=-1)
    np.exp(np.subtract(terms, highest[..., None], out=terms), out=terms)
    return np.asarray(highest + np.log(terms.sum(axis=-1)))
