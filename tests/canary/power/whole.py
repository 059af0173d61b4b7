"""A whole rollout by the default plan: every metric, the stages, the bake, and noisy loads."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from canary.judgement.beforehand import required
from canary.judgement.criteria import Load, Wealth, gather, is_proven, log_worse
from canary.judgement.eprocess import Array, Ints, Tables
from canary.judgement.evidence import share_criteria
from canary.judgement.judge import weights
from canary.metrics import shares_of
from canary.plan import RolloutPlan, Step
from canary.shares import Share
from tests.canary.power.loads import IN_FLIGHT as IN_FLIGHT
from tests.canary.power.loads import INTERVAL_S, Gauges

Counted = tuple[Tables, Ints]

PLAN: Final = RolloutPlan(service="r1", namespace="r1", manifest="r1.yaml")
# Medians in seconds and sigmas of lognormal times, tokens a request, and shares of requests.
TIMES: Final = {
    "ttft": (0.109, 0.5),
    "inter_token": (0.02, 0.4),
    "tokens_per_second": (0.02, 0.2),
    "output_length": (150.0, 1.2),
}
TOKENS: Final = 20
EVENTS: Final = {
    "errors": 0.0005,
    "cancelled": 0.01,
    "refused": 0.002,
    "truncated": 0.0005,
    "finish=eos_token": 0.7,
    "finish=stop_token": 0.0,
    "finish=stop_string": 0.0,
    "finish=length": 0.3,
}
_CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is true; ``bears`` is how many minutes beyond the bake's least it may take."""

    rate_per_s: float
    # Of the canary's times to the stable revision's; they raise what is under way (Little's law).
    slowdown: float = 1.0
    bears_minutes: float = PLAN.limits.unproven / 60


@dataclass(frozen=True, slots=True)
class WholeRow:
    """One line; at least so many of its runs are to be promoted, or rolled back."""

    name: str
    rollout: Rollout
    min_promoted: float | None = None
    min_rolled_back: float | None = None
    max_runs: int = 200


@dataclass(frozen=True, slots=True)
class WholeMeasured:
    """Of one row: shares of runs, and medians in minutes of all runs."""

    row: WholeRow
    num_runs: int
    ended: "Ended"

    @property
    def is_broken(self) -> bool:
        row, ended = self.row, self.ended
        return np.isfinite(ended.promoted).mean() < (row.min_promoted or 0.0) or np.isfinite(
            ended.rolled_back
        ).mean() < (row.min_rolled_back or 0.0)


@dataclass(frozen=True, slots=True)
class Ended:
    """Of each run: minutes from the first user until it ended so; infinity where it did not."""

    promoted: NDArray[np.float64]
    rolled_back: NDArray[np.float64]
    # Per metric, how many runs it alone or with others kept from 100 % until the end.
    held: dict[str, int]


def roll_out(rollout: Rollout, num_runs: int, seed: int, plan: RolloutPlan = PLAN) -> Ended:
    """Return how runs of one plan end; equal arguments give equal runs."""
    children = np.random.SeedSequence(seed).spawn(math.ceil(num_runs / _CHUNK))
    sizes = [min(_CHUNK, num_runs - start) for start in range(0, num_runs, _CHUNK)]
    ends = [
        _run(rollout, plan, size, np.random.default_rng(child))
        for size, child in zip(sizes, children, strict=True)
    ]
    held: dict[str, int] = {}
    for end in ends:
        for metric, number in end.held.items():
            held[metric] = held.get(metric, 0) + number
    return Ended(
        np.concatenate([end.promoted for end in ends]),
        np.concatenate([end.rolled_back for end in ends]),
        held,
    )


WHOLE_ROWS: Final = (
    WholeRow("equal, 20/s", Rollout(20.0), min_promoted=0.95),
    WholeRow("equal, 5/s", Rollout(5.0), min_promoted=0.8),
    WholeRow("equal, 1/s", Rollout(1.0), min_promoted=0.85, max_runs=100),
    WholeRow("times x1.2, 20/s", Rollout(20.0, 1.2), min_rolled_back=0.99),
    WholeRow("times x2, 20/s", Rollout(20.0, 2.0), min_rolled_back=0.99),
    WholeRow("times x1.2, 5/s", Rollout(5.0, 1.2), min_rolled_back=0.95),
    WholeRow("times x2, 1/s", Rollout(1.0, 2.0), min_rolled_back=0.95),
)


def measure_whole(row: WholeRow, num_runs: int, seed: int) -> WholeMeasured:
    """Return one row's numbers, of at most its own number of runs."""
    num_runs = min(num_runs, row.max_runs)
    return WholeMeasured(row, num_runs, roll_out(row.rollout, num_runs, seed))


def percents(rollout: Rollout, plan: RolloutPlan = PLAN) -> list[int]:
    """Return the canary's percent by interval, each stage as long as its least asks for."""
    stages = [stage.percent for stage in plan.stages for _ in range(_least(rollout, stage))]
    return [*stages, *[plan.bake.percent] * _intervals(60 * rollout.bears_minutes)]


def _least(rollout: Rollout, stage: Step) -> int:
    rate_per_s = rollout.rate_per_s * stage.percent / 100
    return _intervals(max(stage.min_duration, stage.min_requests / rate_per_s))


def _intervals(seconds: float) -> int:
    return math.ceil(seconds / INTERVAL_S - 1e-9)


def _run(rollout: Rollout, plan: RolloutPlan, num_runs: int, rng: np.random.Generator) -> Ended:
    judged = _Judged(plan, num_runs)
    promoted, rolled_back = np.full(num_runs, np.inf), np.full(num_runs, np.inf)
    gauges = Gauges(rollout.slowdown, rng)
    by_interval = percents(rollout, plan)
    first_end = len(by_interval) - _intervals(60 * rollout.bears_minutes)
    for interval, percent in enumerate(by_interval):
        part = np.array([percent, 100 - percent]) / 100
        requests = rng.poisson(rollout.rate_per_s * INTERVAL_S * part, (num_runs, 2))
        load = gauges.after(requests, part)
        e_worse = judged.absorb(_count(judged, requests, rollout.slowdown, rng), requests, load)
        minutes = (interval + 1) * INTERVAL_S / 60
        is_open = np.isinf(promoted) & np.isinf(rolled_back)
        is_worse = e_worse >= 1 / plan.judgement.false_rollback
        rolled_back[is_open & is_worse] = minutes
        if interval + 1 >= first_end:
            is_suspect = e_worse >= 1 / plan.judgement.false_promotion
            promoted[is_open & ~is_suspect & judged.is_proven()] = minutes
        if np.isfinite(np.minimum(promoted, rolled_back)).all():
            break
    return Ended(promoted, rolled_back, judged.held(np.isinf(np.minimum(promoted, rolled_back))))


class _Judged:
    """What the judge has gathered of each run, by share."""

    def __init__(self, plan: RolloutPlan, num_runs: int) -> None:
        self.plan = plan
        self.shares = shares_of(plan)
        self._rules = share_criteria(plan, self.shares)
        self._num_shares = Counter(share.metric for share in self.shares)
        self._wealth: dict[str, Wealth] = {share.key: {} for share in self.shares}
        self._num_before = dict.fromkeys(self._wealth, 0)
        self._proven = {key: np.zeros(num_runs, dtype=np.bool_) for key in self._wealth}

    def absorb(self, counted: Mapping[str, Counted], requests: Ints, load: Load) -> Array:
        """Return each run's e-value for rolling back after an interval more."""
        parts = weights(self.plan)
        e_worse = np.zeros(requests.shape[0])
        for share in self.shares:
            e_share = self._absorb(share, *counted[share.key], requests, load)
            e_worse += parts[share.metric] * e_share / self._num_shares[share.metric]
        return e_worse

    def _absorb(
        self, share: Share, tables: Tables, events: Ints, requests: Ints, load: Load
    ) -> Array:
        if not events.any():
            return np.ones(requests.shape[0])
        key, rule = share.key, self._rules[share.key]
        beta = self.plan.judgement.false_promotion
        power = np.ones(requests.shape[0])
        if share.is_per_token:
            power = np.minimum(1.0, (requests / np.maximum(events, 1)).min(axis=1))
        before = np.full(requests.shape[0], self._num_before[key])
        self._num_before[key] += 1
        self._wealth[key] = gather(
            self._wealth[key],
            before,
            tables,
            rule,
            load=load if share.depends_on_load else None,
            power=power,
            false_promotion=beta,
        )
        after = before + 1
        self._proven[key] = is_proven(self._proven[key], self._wealth[key], after, rule, beta)
        return np.exp(log_worse(self._wealth[key], after, rule))

    def is_proven(self) -> NDArray[np.bool_]:
        """Return which runs are proven in all that holds a promotion."""
        return np.all([self._proven[s.key] for s in required(self.plan, self.shares)], axis=0)

    def held(self, is_open: NDArray[np.bool_]) -> dict[str, int]:
        """Return of how many open runs each share is not proven."""
        numbers = {
            share.key: int((is_open & ~self._proven[share.key]).sum())
            for share in required(self.plan, self.shares)
        }
        return {key: number for key, number in numbers.items() if number}


def _count(
    judged: _Judged, requests: Ints, slowdown: float, rng: np.random.Generator
) -> dict[str, Counted]:
    """Return by share the tables of both arms, and their events [runs, arm]."""
    counted = {}
    for metric in (*TIMES, "longest_gap"):
        mine = [share for share in judged.shares if share.metric == metric]
        events = requests * TOKENS if metric == "inter_token" else requests
        above = shares_above(metric, getattr(judged.plan.metrics, metric).edges, slowdown)
        remaining, before = events, np.ones(2)
        for index, share in enumerate(mine):
            remaining = rng.binomial(remaining, np.clip(above[:, index] / before, 0, 1))
            before = np.maximum(above[:, index], 1e-300)
            counted[share.key] = _tables(remaining, events), events
    for share in judged.shares:
        if share.key in EVENTS:
            bad = rng.binomial(requests, EVENTS[share.key])
            counted[share.key] = _tables(bad, requests), requests
    return counted


def shares_above(metric: str, edges: Sequence[float], slowdown: float) -> Array:
    """Return the true shares above each edge: [arm, edge]."""
    median, sigma = TIMES["inter_token" if metric == "longest_gap" else metric]
    factor = 1.0 if metric == "output_length" else slowdown
    medians = np.array([[median * factor], [median]])
    above = norm.sf(np.log(np.array(edges) / medians) / sigma)
    if metric == "longest_gap":
        # The largest of as many, each drawn by itself.
        above = -np.expm1(TOKENS * np.log1p(-above))
    return np.asarray(above)


def _tables(bad: Ints, total: Ints) -> Tables:
    return Tables(bad[:, 0], total[:, 0], bad[:, 1], total[:, 1])
