"""When the judge would have rolled back, and when it would have promoted, by its own functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from canary.judgement.criteria import Criteria, Load, Wealth, gather, is_proven, log_worse
from canary.judgement.eprocess import Array, Tables
from canary.plan import Judgement
from tests.canary.power.traffic import NUM_INTERVALS


@dataclass(frozen=True, slots=True)
class JudgedShare:
    """One share of a metric; the tables of all runs by interval."""

    metric: str
    criteria: Criteria
    tables: Callable[[int], Tables]
    # None where it does not depend on load.
    loads: Sequence[Load] | None = None
    # None where each event counts.
    power: Callable[[int], Array] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of each run the number of intervals until then; infinity where it never came."""

    # By whose weights of the metrics.
    rolled_back: dict[str, NDArray[np.float64]]
    proven: NDArray[np.float64]


def judge_runs(
    shares: Sequence[JudgedShare],
    weights: Mapping[str, Mapping[str, float]],
    num_runs: int,
    judgement: Judgement,
) -> Outcome:
    """Return when each run is first rolled back, and first proven good on every share.

    Metrics that have a weight and no share say nothing.
    """
    rolled_back = {who: np.full(num_runs, np.inf) for who in weights}
    proven = np.full(num_runs, np.inf)
    wealth: list[Wealth] = [{} for _ in shares]
    latched = [np.zeros(num_runs, dtype=bool) for _ in shares]
    metrics = sorted({share.metric for share in shares})
    for interval in range(NUM_INTERVALS):
        before, after = np.full(num_runs, interval), np.full(num_runs, interval + 1)
        worse: dict[str, list[NDArray[np.float64]]] = {metric: [] for metric in metrics}
        for index, share in enumerate(shares):
            wealth[index] = gather(
                wealth[index],
                before,
                share.tables(interval),
                share.criteria,
                load=None if share.loads is None else share.loads[interval],
                power=np.ones(num_runs) if share.power is None else share.power(interval),
                false_promotion=judgement.false_promotion,
            )
            worse[share.metric].append(log_worse(wealth[index], after, share.criteria))
            latched[index] = is_proven(
                latched[index], wealth[index], after, share.criteria, judgement.false_promotion
            )
        means = {metric: np.exp(logs).mean(axis=0) for metric, logs in worse.items()}
        for who, first in rolled_back.items():
            family = sum(weights[who][metric] * mean for metric, mean in means.items())
            reached = family >= 1 / judgement.false_rollback
            first[reached] = np.minimum(first[reached], interval + 1)
        is_good = np.all(latched, axis=0)
        proven[is_good] = np.minimum(proven[is_good], interval + 1)
        if all(np.isfinite(first).all() for first in rolled_back.values()):
            break
    return Outcome(rolled_back, proven)
