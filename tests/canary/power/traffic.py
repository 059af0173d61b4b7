"""Simulated counts of two revisions: 20 requests a second, four steps of 10 minutes."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from canary.judgement.criteria import Load
from canary.judgement.eprocess import Array, Tables
from canary.policies import Metrics
from tests.canary.power.loads import INTERVAL_S, Gauges

RATE_PER_S: Final = 20.0
PERCENTS: Final = (5, 10, 25, 50)
INTERVALS_PER_STEP: Final = 20
NUM_INTERVALS: Final = INTERVALS_PER_STEP * len(PERCENTS)
ERROR_SHARE: Final = 0.0005
SIGMA: Final = 0.5
BASE_P99_S: Final = 0.35
_TTFT = Metrics().ttft
EDGES: Final = () if _TTFT is None else _TTFT.edges
# Tokens a stream.
TOKENS: Final = 20
# One gap of an answer.
STALL_S: Final = 1.5
_SLOTS: Final = 3
SLOT_S: Final = INTERVAL_S / _SLOTS


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Errors and slowness that come and go: starts are Poisson, per arm or of both at once."""

    every_s: float
    num_slots: int
    error_share: float
    slowdown: float
    is_shared: bool


# For 60 s about twice an hour both revisions fail 5 % and are twice as slow.
SHARED_INCIDENTS: Final = Disturbance(1800.0, 6, 0.05, 2.0, is_shared=True)
# For 60 s, 120 s and 120 s all users fail more than a cap of 1 % allows.
HARD_INCIDENTS: Final = (
    Disturbance(1800.0, 6, 0.30, 2.0, is_shared=True),
    Disturbance(1800.0, 12, 0.20, 1.0, is_shared=True),
    Disturbance(7200.0, 12, 1.0, 1.0, is_shared=True),
)
# For 20 s about once an hour one revision alone fails 10 % and is twice as slow.
ARM_BURSTS: Final = Disturbance(3600.0, 2, 0.10, 2.0, is_shared=False)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is true of both revisions; shares by arm, canary first."""

    error_shares: tuple[float, float] = (ERROR_SHARE, ERROR_SHARE)
    # Of the canary's TTFT to the stable revision's.
    slowdown: float = 1.0
    p99_s: float = BASE_P99_S
    disturbance: Disturbance | None = None
    rate_per_s: float = RATE_PER_S
    percents: tuple[int, ...] = PERCENTS
    # Of gaps between tokens, canary first; those of one stream are all slow or none is.
    slow_gaps: tuple[float, float] = (0.0, 0.0)
    are_gaps_alike: bool = False
    # Of answers with one gap of STALL_S, canary first.
    stalls: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts [runs, intervals, arm], canary first; ``slow`` has one edge more: [..., edges]."""

    requests: NDArray[np.int64]
    errors: NDArray[np.int64]
    slow: NDArray[np.int64]
    # Of requests x TOKENS.
    slow_gaps: NDArray[np.int64]
    # By interval.
    loads: tuple[Load, ...]
    # Of requests.
    stalls: NDArray[np.int64]

    def error_tables(self, interval: int) -> Tables:
        """Return the errors of one interval, of every run."""
        return _tables(self.errors[:, interval], self.requests[:, interval])

    def slow_tables(self, interval: int, edge: int) -> Tables:
        """Return what was slower than one edge in one interval, of every run."""
        return _tables(self.slow[:, interval, :, edge], self.requests[:, interval])

    def gap_tables(self, interval: int) -> Tables:
        """Return the slow gaps between tokens in one interval, of every run."""
        return _tables(self.slow_gaps[:, interval], self.requests[:, interval] * TOKENS)

    def stall_tables(self, interval: int, edge_s: float) -> Tables:
        """Return the answers whose longest gap was above an edge in one interval, of every run."""
        stalls = self.stalls[:, interval]
        bad = stalls if edge_s < STALL_S else np.zeros_like(stalls)
        return _tables(bad, self.requests[:, interval])

    def gap_power(self, interval: int) -> Array:
        """Return what makes the gaps of one stream count as one, of every run."""
        return np.full(self.requests.shape[0], 1 / TOKENS)


def simulate(scenario: Scenario, num_runs: int, rng: np.random.Generator) -> Traffic:
    """Return the traffic of many runs; requests arrive as a Poisson process."""
    percents = np.repeat(scenario.percents, INTERVALS_PER_STEP) / 100
    split = np.stack([percents, 1 - percents], axis=-1)  # [intervals, arm]
    requests = rng.poisson(scenario.rate_per_s * INTERVAL_S * split, (num_runs, NUM_INTERVALS, 2))
    disturbed = _disturbed(scenario.disturbance, num_runs, rng)  # [runs, intervals, arm]
    extra = 0.0 if scenario.disturbance is None else scenario.disturbance.error_share
    shares = np.asarray(scenario.error_shares) + disturbed * extra
    errors = rng.binomial(requests, np.minimum(shares, 1.0))
    factor = 1.0 if scenario.disturbance is None else scenario.disturbance.slowdown
    slow_shares = np.stack(
        [slow_share(scenario.p99_s, scenario.slowdown), slow_share(scenario.p99_s, 1.0)]
    )
    worse_shares = np.stack(
        [
            slow_share(scenario.p99_s, scenario.slowdown * factor),
            slow_share(scenario.p99_s, factor),
        ]
    )
    mixed = slow_shares + disturbed[..., None] * (worse_shares - slow_shares)
    slow = np.empty((*requests.shape, len(EDGES)), dtype=np.int64)
    remaining, above = requests, np.ones(requests.shape)
    for edge in range(len(EDGES)):
        # Of those above the last edge; together a multinomial.
        remaining = rng.binomial(remaining, np.clip(mixed[..., edge] / above, 0, 1))
        slow[..., edge], above = remaining, mixed[..., edge]
    alike = TOKENS if scenario.are_gaps_alike else 1
    slow_gaps = alike * rng.binomial(requests * (TOKENS // alike), scenario.slow_gaps)
    gauges = Gauges(scenario.slowdown, rng)
    loads = tuple(gauges.after(requests[:, i], part) for i, part in enumerate(split))
    stalls = rng.binomial(requests, scenario.stalls)
    return Traffic(requests, errors, slow, slow_gaps, loads, stalls)


def slow_share(p99_s: float, slowdown: float) -> NDArray[np.float64]:
    """Return the true shares above each edge of a lognormal TTFT."""
    median = p99_s / np.exp(norm.ppf(0.99) * SIGMA) * slowdown
    return np.asarray(norm.sf(np.log(np.asarray(EDGES) / median) / SIGMA))


def _disturbed(
    disturbance: Disturbance | None, num_runs: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    if disturbance is None:
        return np.zeros((num_runs, NUM_INTERVALS, 2))
    arms = 1 if disturbance.is_shared else 2
    starts = rng.random((num_runs, NUM_INTERVALS * _SLOTS, arms)) < SLOT_S / disturbance.every_s
    active = starts.copy()
    for late in range(1, disturbance.num_slots):
        active[:, late:] |= starts[:, :-late]
    by_interval = active.reshape(num_runs, NUM_INTERVALS, _SLOTS, arms).mean(axis=2)
    return np.broadcast_to(by_interval, (num_runs, NUM_INTERVALS, 2))


def _tables(bad: NDArray[np.int64], total: NDArray[np.int64]) -> Tables:
    return Tables(bad[:, 0], total[:, 0], bad[:, 1], total[:, 1])
