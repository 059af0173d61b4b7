"""One row's numbers: its runs are drawn, judged and counted."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.judgement.criteria import criteria_of
from canary.judgement.judge import weights
from canary.plan import Judgement, RolloutPlan
from canary.policies import MetricPolicy
from canary.shares import Share
from tests.canary.power import rivals
from tests.canary.power.loads import INTERVAL_S
from tests.canary.power.ours import JudgedShare, judge_runs
from tests.canary.power.rows import Row
from tests.canary.power.traffic import EDGES, NUM_INTERVALS, Traffic, simulate

_CHUNK: Final = 500
_PLAN: Final = RolloutPlan(service="r1", namespace="r1", manifest="r1.yaml")
_EDGE: Final = EDGES.index(0.5)


@dataclass(frozen=True, slots=True)
class Rate:
    """How many runs, and after how many minutes in the median of all, undecided ones last."""

    share: float
    median_minutes: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one row; ``rolled_back`` by who decides, "judge" being a plan of these metrics alone."""

    row: Row
    num_runs: int
    rolled_back: dict[str, Rate]
    proven: Rate
    # Median requests that failed on the canary until the default plan's roll back, or the end.
    median_failed: float
    # Minutes until the default plan rolls back, of every run, for the plot.
    minutes: NDArray[np.float64]


def measure(row: Row, num_runs: int, seed: int) -> Measured:
    """Return one row's numbers; equal arguments give equal numbers."""
    children = np.random.SeedSequence(seed).spawn(math.ceil(num_runs / _CHUNK))
    sizes = [min(_CHUNK, num_runs - start) for start in range(0, num_runs, _CHUNK)]
    chunks = [
        _run(row, size, np.random.default_rng(child))
        for size, child in zip(sizes, children, strict=True)
    ]
    columns = {
        name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0] if chunks
    }
    failed, proven = columns.pop("failed"), columns.pop("proven")
    return Measured(
        row=row,
        num_runs=num_runs,
        rolled_back={name: _rate(minutes) for name, minutes in columns.items()},
        proven=_rate(proven),
        median_failed=float(np.median(failed)),
        minutes=columns["default plan"],
    )


def _run(row: Row, num_runs: int, rng: np.random.Generator) -> dict[str, NDArray[np.float64]]:
    traffic = simulate(row.scenario, num_runs, rng)
    shares = _shares(row, traffic)
    given = weights(_PLAN)
    alone = 1 / sum(given[metric] for metric in {share.metric for share in shares})
    outcome = judge_runs(
        shares,
        {
            "judge": {metric: weight * alone for metric, weight in given.items()},
            "default plan": given,
        },
        num_runs,
        Judgement(),
    )
    minutes = {who: intervals * INTERVAL_S / 60 for who, intervals in outcome.rolled_back.items()}
    ends = np.minimum(outcome.rolled_back["default plan"], NUM_INTERVALS).astype(np.int64)
    failures = traffic.errors[..., 0].cumsum(axis=1)
    return {
        **minutes,
        **_rivals(row, traffic),
        "proven": outcome.proven * INTERVAL_S / 60,
        "failed": failures[np.arange(num_runs), ends - 1].astype(np.float64),
    }


def _shares(row: Row, traffic: Traffic) -> list[JudgedShare]:
    judged = []
    if row.errors is not None:
        rule = criteria_of(row.errors, _share("errors", "errors"), 1)
        judged.append(JudgedShare("errors", rule, traffic.error_tables))
    if row.ttft is not None:
        judged += [_above_edge(row.ttft, traffic, edge) for edge in range(len(EDGES))]
    if row.inter_token is not None:
        rule = criteria_of(row.inter_token, _share("inter_token>0.1s", "inter_token"), 1)
        judged.append(
            JudgedShare("inter_token", rule, traffic.gap_tables, traffic.loads, traffic.gap_power)
        )
    if row.longest_gap is not None:
        policy = row.longest_gap
        judged += [_above_gap(policy, traffic, edge_s) for edge_s in policy.edges]
    return judged


def _above_gap(policy: MetricPolicy, traffic: Traffic, edge_s: float) -> JudgedShare:
    share = _share(f"longest_gap>{edge_s:g}s", "longest_gap")
    rule = criteria_of(policy, share, len(policy.edges))
    return JudgedShare(
        "longest_gap",
        rule,
        lambda interval: traffic.stall_tables(interval, edge_s),
        traffic.loads,
    )


def _above_edge(policy: MetricPolicy, traffic: Traffic, edge: int) -> JudgedShare:
    rule = criteria_of(policy, _share(f"ttft>{EDGES[edge]:g}s", "ttft"), len(EDGES))
    return JudgedShare(
        "ttft", rule, lambda interval: traffic.slow_tables(interval, edge), traffic.loads
    )


def _share(key: str, metric: str) -> Share:
    return Share(key, metric, total="total", bad="bad")


def _rivals(row: Row, traffic: Traffic) -> dict[str, NDArray[np.float64]]:
    total = traffic.requests
    is_slow = row.rivals == "slow"
    bad = traffic.slow[..., _EDGE] if is_slow else traffic.errors
    return {
        "Flagger": rivals.flagger(bad, total, 0.01 if is_slow else 0.001),
        "Kayenta": rivals.kayenta(bad, total),
        "z-test": rivals.peeked_z_test(bad, total),
    }


def _rate(minutes: NDArray[np.float64]) -> Rate:
    return Rate(float(np.isfinite(minutes).mean()), float(np.median(minutes)))
