"""The rollouts that one file asks for: to the new version, then back to its own minReplicas."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from canary.errors import InputError
from canary.plan import RolloutPlan
from canary.rollout.begin import merge, min_replicas_of
from canary.rollout.state import Rollout

# Knative's stable window: a revision without a request for so long goes to zero.
_WINDOW_S = 60.0
# Of requests to the canary; below it, gaps longer than the window are common (1 in 120).
MIN_RATE_RPS = 0.08


@dataclass(frozen=True, slots=True)
class Part:
    """One rollout of a file; ``template`` is what is sent, without a percent."""

    plan: RolloutPlan
    template: Mapping[str, Any]
    # Whether it puts the manifest's own minReplicas back, and nothing else.
    is_restore: bool = False

    def is_of(self, rollout: Rollout) -> bool:
        """Return whether the rollout is this one, begun by this program or by an earlier one."""
        return (rollout.plan, rollout.target.predictor) == (self.plan, self.template)


def parts_of(plan: RolloutPlan, predictor: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the rollouts of a file in their order; ``predictor`` is the manifest's.

    Raises InputError where the second one would change nothing.
    """
    first = Part(plan, merge(plan, predictor))
    if plan.restoring is None:
        return (first,)
    if min_replicas_of(predictor) == plan.min_replicas:
        own = predictor.get("minReplicas", "absent, which is 1")
        raise InputError(
            f"min_replicas is {plan.min_replicas}, and spec.predictor.minReplicas of "
            f"{plan.manifest} is {own}: restore would put nothing back, must be left out"
        )
    return first, Part(plan.restoring, merge(plan.restoring, predictor), is_restore=True)


def why_starved(part: Part, rate_rps: float | None) -> list[str]:
    """Return why the canary would go to zero in its first step, between two of its requests.

    ``rate_rps`` is what the service gets now, None where nobody knows.
    """
    if min_replicas_of(part.template) != 0:
        return []
    what = "restore puts minReplicas 0 back" if part.is_restore else "minReplicas is 0"
    remedy = "leave restore out" if part.is_restore else "set min_replicas: 1 in the rollout file"
    if rate_rps is None:
        return [f"{what}, and the rate of requests is not known: {remedy}"]
    percent = part.plan.stages[0].percent
    share_rps = rate_rps * percent / 100
    if share_rps >= MIN_RATE_RPS:
        return []
    if part.is_restore:
        remedy = f"give the first of restore.steps more than {percent} %, or {remedy}"
    gap = math.exp(-_WINDOW_S * share_rps)
    return [
        f"{what}, and {percent} % of {rate_rps:g} requests/s is {share_rps:.3g}/s, must be at "
        f"least {MIN_RATE_RPS:g}/s: {gap:.0%} of the gaps between requests would let the canary "
        f"go to zero; {remedy}"
    ]
