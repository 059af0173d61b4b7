"""Evidence gathered so far, as a value that is kept with the rollout's state."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np
from pydantic import TypeAdapter

from canary.judgement import criteria, eprocess
from canary.judgement.criteria import LOAD_RATIO, Claim, Criteria, Load
from canary.judgement.eprocess import Tables
from canary.judgement.load import Loads
from canary.plan import RolloutPlan
from canary.policies import MetricPolicy
from canary.samples import Count, Gap, Interval, Sample
from canary.shares import Share


@dataclass(frozen=True, slots=True)
class ShareEvidence:
    """Of one share; counts are as they were read, not as they were scaled."""

    # Log wealth (base e), one for each alternative of eprocess.GRID.
    logs: Mapping[Claim, tuple[float, ...]] = field(default_factory=dict)
    # With events in either arm.
    num_intervals: int = 0
    canary_bad: int = 0
    canary_total: int = 0
    stable_bad: int = 0
    stable_total: int = 0
    # Of a share that depends on load: intervals of less or unknown requests under way per pod,
    # which prove nothing, and of more requests per pod, which do not speak against the canary.
    num_less_loaded: int = 0
    num_unknown_load: int = 0
    num_more_loaded: int = 0
    # Whether it has been proven good at some look (Ville: once is enough), and nothing has spoken
    # against the canary as strongly since.
    is_proven: bool = False
    # Whether it was counted last without one event of either revision, while requests ended.
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """By Share.key; ``until`` is where the next interval begins, on Prometheus' clock."""

    shares: Mapping[str, ShareEvidence]
    until: float | None
    num_intervals: int
    num_gaps: int
    # Why the last interval said nothing, or nothing for the canary; empty where it did.
    gap: str
    loads: Loads = field(default_factory=Loads)

    @classmethod
    def empty(cls, until: float | None = None) -> Self:
        """Return the evidence of nothing yet."""
        return cls(shares={}, until=until, num_intervals=0, num_gaps=0, gap="")

    def to_json(self) -> dict[str, Any]:
        """Return JSON values that ``from_json`` turns into an equal Evidence, to the last bit."""
        values: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Evidence":
        """Return the Evidence that was written; ValueError where it is none."""
        return _ADAPTER.validate_python(dict(values), strict=False)


_ADAPTER: Final = TypeAdapter(Evidence)


def absorb(
    plan: RolloutPlan, shares: tuple[Share, ...], evidence: Evidence, sample: Sample
) -> Evidence:
    """Return the evidence after one sample more, which begins no earlier than the last ended."""
    assert evidence.until is None or sample.start >= evidence.until, "counted twice"
    if isinstance(sample, Gap):
        until = evidence.until if sample.end is None else sample.end
        return replace(
            evidence, until=until, num_gaps=evidence.num_gaps + 1, gap=sample.reason or "no data"
        )
    after = dict(evidence.shares)
    rules = share_criteria(plan, shares)
    loads = evidence.loads.after(sample)
    for share in shares:
        after[share.key] = _absorb_share(
            share,
            rules[share.key],
            after.get(share.key, ShareEvidence()),
            sample,
            loads.load if share.depends_on_load else None,
            plan.judgement.false_promotion,
        )
    return replace(
        evidence,
        shares=after,
        until=sample.end,
        num_intervals=evidence.num_intervals + 1,
        num_gaps=evidence.num_gaps + bool(sample.lacks),
        gap=sample.lacks,
        loads=loads,
    )


def policies(plan: RolloutPlan) -> dict[str, MetricPolicy]:
    """Return the policies of the metrics that the plan judges, in its order."""
    named = {
        name: getattr(plan.metrics, name)
        for name in type(plan.metrics).model_fields
        if name != "custom"
    }
    return {
        name: policy
        for name, policy in {**named, **plan.metrics.custom}.items()
        if policy is not None
    }


def share_criteria(plan: RolloutPlan, shares: tuple[Share, ...]) -> dict[str, Criteria]:
    """Return how each share is judged, by Share.key."""
    rules = policies(plan)
    num_shares = Counter(share.metric for share in shares)
    return {
        share.key: criteria.criteria_of(rules[share.metric], share, num_shares[share.metric])
        for share in shares
    }


def _absorb_share(
    share: Share,
    rule: Criteria,
    before: ShareEvidence,
    interval: Interval,
    load: Load | None,
    false_promotion: float,
) -> ShareEvidence:
    canary = interval.canary.counts.get(share.key, Count(0, 0))
    stable = interval.stable.counts.get(share.key, Count(0, 0))
    before = replace(before, is_silent=_is_silent(share, before, interval))
    if canary.total == stable.total == 0:
        return before
    counts = (np.array(count) for arm in (canary, stable) for count in (arm.bad, arm.total))
    canary_bad, canary_total, stable_bad, stable_total = counts
    num_intervals = np.array(before.num_intervals)
    tables = Tables(
        *eprocess.scaled(canary_bad, canary_total), *eprocess.scaled(stable_bad, stable_total)
    )
    wealth = criteria.gather(
        {claim: np.array(logs) for claim, logs in before.logs.items()},
        num_intervals,
        tables,
        rule,
        load=load,
        proves=not interval.lacks,
        power=_power(share, interval, tables),
        false_promotion=false_promotion,
    )
    is_less, is_unknown, is_more = _unequal(load)
    return ShareEvidence(
        logs={claim: tuple(logs.tolist()) for claim, logs in wealth.items()},
        num_intervals=before.num_intervals + 1,
        canary_bad=before.canary_bad + canary.bad,
        canary_total=before.canary_total + canary.total,
        stable_bad=before.stable_bad + stable.bad,
        stable_total=before.stable_total + stable.total,
        num_less_loaded=before.num_less_loaded + is_less,
        num_unknown_load=before.num_unknown_load + is_unknown,
        num_more_loaded=before.num_more_loaded + is_more,
        is_proven=criteria.is_proven(
            np.array(before.is_proven), wealth, num_intervals + 1, rule, false_promotion
        ).item(),
    )


def _power(share: Share, interval: Interval, tables: Tables) -> eprocess.Array:
    """Return what makes the events of one request count as one."""
    if not share.is_per_token:
        return np.array(1.0)
    canary = interval.canary.num_requests / max(int(tables.canary_total), 1)
    stable = interval.stable.num_requests / max(int(tables.stable_total), 1)
    return np.array(min(1.0, canary, stable))


def _is_silent(share: Share, before: ShareEvidence, interval: Interval) -> bool:
    arms = (interval.canary, interval.stable)
    if not all(arm.num_requests for arm in arms):
        return before.is_silent
    return all(share.key in arm.counts and not arm.counts[share.key].total for arm in arms)


def _unequal(load: Load | None) -> tuple[bool, bool, bool]:
    """Return whether fewer or unknown requests are under way, and whether more came, per pod."""
    if load is None:
        return False, False, False
    in_flight = float(load.in_flight)
    is_less = in_flight < 1 / LOAD_RATIO
    return is_less, math.isnan(in_flight), float(load.requests) > LOAD_RATIO
