"""Plans, shares and intervals with exact counts, for the judge's tests."""

from collections.abc import Mapping, Sequence

from canary.judgement.evidence import Evidence, absorb
from canary.judgement.judge import judge
from canary.judgement.verdict import Verdict
from canary.plan import RolloutPlan
from canary.policies import MetricPolicy, Metrics
from canary.samples import Arm, Count, Gap, Interval
from canary.shares import Share

INTERVAL_S = 30.0
ERRORS = Share("errors", "errors", total="requests", bad="failed")
SLOW = Share("ttft>0.5s", "ttft", total="first", good="fast", depends_on_load=True)
SLOWER = Share("ttft>1s", "ttft", total="first", good="fast", depends_on_load=True)
SHARES = (ERRORS, SLOW, SLOWER)
Counts = Mapping[str, tuple[int, int]]
_OFF = dict.fromkeys(Metrics.model_fields) | {"custom": {}}


def plan_of(**policies: MetricPolicy) -> RolloutPlan:
    """Return a plan that judges these metrics alone; by default errors and TTFT."""
    given = policies or {
        "errors": MetricPolicy(cap=0.01),
        "ttft": MetricPolicy(edges=(0.5, 1.0)),
    }
    metrics = Metrics.model_validate(_OFF | given)
    return RolloutPlan(service="r1", namespace="r1", manifest="r1.yaml", metrics=metrics)


def arm(
    num_requests: int, in_flight: float | None = 2.0, *, num_pods: int | None = None, **bad: int
) -> Arm:
    """Return an arm that counted errors, slow and slower first tokens among all requests."""
    keys = {"errors": "errors", "slow": SLOW.key, "slower": SLOWER.key}
    counts = {key: Count(bad.get(name, 0), num_requests) for name, key in keys.items()}
    return Arm(num_requests, counts, in_flight, num_pods)


def after(
    plan: RolloutPlan,
    samples: Sequence[tuple[Arm, Arm] | str],
    shares: tuple[Share, ...] = SHARES,
    evidence: Evidence | None = None,
) -> Evidence:
    """Return the evidence after intervals (canary, stable), or gaps for a reason, in turn."""
    evidence = Evidence.empty(0.0) if evidence is None else evidence
    for sample in samples:
        start = evidence.until or 0.0
        end = start + INTERVAL_S
        if isinstance(sample, str):
            evidence = absorb(plan, shares, evidence, Gap(start, end, sample))
        else:
            evidence = absorb(plan, shares, evidence, Interval(start, end, *sample))
    return evidence


def num_until(
    verdict: Verdict,
    evidence: Evidence,
    pair: tuple[Arm, Arm],
    plan: RolloutPlan,
    shares: tuple[Share, ...] = SHARES,
) -> int:
    """Return after how many intervals of one kind the verdict is first this one."""
    for number in range(1, 200):
        evidence = after(plan, [pair], shares, evidence)
        if judge(plan, shares, evidence).verdict is verdict:
            return number
    raise AssertionError(f"never {verdict}")
