"""How long a rollout takes at least, and how many requests, for `r1-canary plan`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from canary.errors import InputError
from canary.judgement.beforehand import required
from canary.judgement.evidence import policies
from canary.judgement.needed import requests_needed
from canary.metrics import shares_of
from canary.plan import RolloutPlan, Step
from canary.samples import Count


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """The least that a stage needs where nothing is wrong; errors and silence make it longer."""

    percent: int
    # Of the service's requests, expected to reach the canary.
    share: float
    duration_s: float
    # Of the whole service, and of the canary alone.
    num_requests: int
    num_canary_requests: int
    # What the stage waits for longest; "proof of ttft" where a metric's margin takes longest.
    bound_by: str
    needs_approval: bool
    # Since the first user.
    total_s: float
    total_requests: int


def estimate(
    plan: RolloutPlan, rate_rps: float, stable: Mapping[str, Count] | None = None
) -> tuple[StageEstimate, ...]:
    """Return each stage's least time and requests at a steady rate of the whole service.

    The bake's includes what it takes to prove the absolute caps without one bad event (Wald 1945:
    ln(1/beta) / -ln(1 - cap)), and, where ``stable`` has the stable revision's past counts by
    Share.key, the margins at its shares; what cannot be proven at these is left out.
    """
    if not rate_rps > 0 or math.isinf(rate_rps):
        raise InputError(f"the rate is {rate_rps:g} requests/s, must be above 0")
    estimates: list[StageEstimate] = []
    for stage in plan.stages:
        estimates.append(_estimate(plan, stage, rate_rps, estimates, stable or {}))
    return tuple(estimates)


def requests_to_prove(plan: RolloutPlan) -> int:
    """Return the canary's requests, all good, that prove the smallest cap; 0 without one."""
    judged = policies(plan).values()
    caps = [p.cap for p in judged if p.cap is not None and not p.advisory]
    if not caps:
        return 0
    return math.ceil(-math.log(plan.judgement.false_promotion) / -math.log1p(-min(caps)))


def _estimate(
    plan: RolloutPlan,
    stage: Step,
    rate_rps: float,
    before: list[StageEstimate],
    stable: Mapping[str, Count],
) -> StageEstimate:
    share = stage.percent / 100
    proven = sum(earlier.num_canary_requests for earlier in before)
    bounds = {
        "min_duration": stage.min_duration,
        "min_requests": stage.min_requests / (rate_rps * share),
    }
    if stage is plan.bake:
        to_prove = requests_to_prove(plan) - proven
        bounds["proof"] = max(0, to_prove) / (rate_rps * share)
        bounds |= _proofs(plan, rate_rps, before, stable)
    bound_by = max(bounds, key=lambda name: bounds[name])
    interval = plan.judgement.interval
    # A stage is left at the end of an interval.
    duration_s = max(1, math.ceil(bounds[bound_by] / interval)) * interval
    num_requests = math.ceil(duration_s * rate_rps)
    return StageEstimate(
        percent=stage.percent,
        share=share,
        duration_s=duration_s,
        num_requests=num_requests,
        num_canary_requests=math.floor(duration_s * rate_rps * share),
        bound_by=bound_by,
        needs_approval=stage.approval,
        total_s=sum(e.duration_s for e in before) + duration_s,
        total_requests=sum(e.num_requests for e in before) + num_requests,
    )


def _proofs(
    plan: RolloutPlan, rate_rps: float, before: list[StageEstimate], stable: Mapping[str, Count]
) -> dict[str, float]:
    """Return the seconds of the bake until each metric is proven, the stages before counted."""
    shares = required(plan, shares_of(plan))
    by_stage = [requests_needed(plan, shares, stable, stage.percent) for stage in plan.stages]
    seconds = {}
    for metric, needed in by_stage[-1].items():
        if needed is None:
            continue
        # Of the proof, what each stage contributes.
        parts = (
            earlier.num_canary_requests / number
            for earlier, at_stage in zip(before, by_stage, strict=False)
            if (number := at_stage[metric])
        )
        left = max(0.0, 1 - sum(parts))
        seconds[f"proof of {metric}"] = left * needed / (rate_rps * plan.bake.percent / 100)
    return seconds
