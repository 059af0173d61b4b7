"""The decision rules of others, re-implemented at one setting each; counts [runs, intervals, arm].

Each returns of every run the number of minutes until it is rolled back, infinity where never.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from tests.canary.power.loads import INTERVAL_S
from tests.canary.power.traffic import INTERVALS_PER_STEP, NUM_INTERVALS

_PER_MINUTE: Final = round(60 / INTERVAL_S)
_STEP_MINUTES: Final = INTERVALS_PER_STEP // _PER_MINUTE

Counts = NDArray[np.int64]
Minutes = NDArray[np.float64]


def flagger(bad: Counts, total: Counts, threshold: float) -> Minutes:
    """Each minute a share above ``threshold`` fails a check, as no request does; 5 roll back.

    "P99 below 500 ms" is a share of 1 % above the edge at 0.5 s.
    """
    minutes = _by_minute(bad)[..., 0], _by_minute(total)[..., 0]
    failed = (minutes[0] > threshold * minutes[1]) | (minutes[1] == 0)
    return _first(failed.cumsum(axis=1) >= 5)


def peeked_z_test(bad: Counts, total: Counts) -> Minutes:
    """Each minute a pooled one-sided z-test of all counts so far, at 1 %."""
    bad, total = _by_minute(bad).cumsum(axis=1), _by_minute(total).cumsum(axis=1)
    pooled = bad.sum(axis=-1) / total.sum(axis=-1)
    # Before the first request of an arm nothing is known, and nothing is above the quantile.
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(pooled * (1 - pooled) * (1 / total).sum(axis=-1))
        shares = bad / total
        z = (shares[..., 0] - shares[..., 1]) / error
    return _first(z > norm.ppf(0.99))


def kayenta(bad: Counts, total: Counts) -> Minutes:
    """At the end of each step Mann-Whitney on the shares of all minutes so far.

    Too high where the 98 % confidence interval of the Hodges-Lehmann estimate lies above 25 % of
    that estimate, in size.
    """
    shares = _by_minute(bad) / np.maximum(_by_minute(total), 1)
    minutes = np.full(shares.shape[0], np.inf)
    for end in range(_STEP_MINUTES, shares.shape[1] + 1, _STEP_MINUTES):
        gaps = shares[:, :end, 0, None] - shares[:, None, :end, 1]
        gaps = np.sort(gaps.reshape(shares.shape[0], -1), axis=-1)
        size = end * end
        rank = int(size / 2 - norm.ppf(0.99) * np.sqrt(size * (2 * end + 1) / 12))
        too_high = gaps[:, rank] > 0.25 * np.abs(np.median(gaps, axis=-1))
        minutes[too_high] = np.minimum(minutes[too_high], end)
    return minutes


def _by_minute(counts: Counts) -> Counts:
    runs, _, arms = counts.shape
    return counts.reshape(runs, NUM_INTERVALS // _PER_MINUTE, _PER_MINUTE, arms).sum(axis=2)


def _first(reached: NDArray[np.bool_]) -> Minutes:
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)
