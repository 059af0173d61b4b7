"""A rollout told step by step, as the controller tells it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from canary.judgement.evidence import Evidence
from canary.judgement.verdict import Finding, Judged, Verdict
from canary.plan import RolloutPlan, Step
from canary.rollout.actions import Advance, Finish, Judge, Note, Patch, RunGate, Wait
from canary.rollout.state import Hold, HoldKind, Live, Phase, Rollout, Template
from canary.samples import Arm, Count, Gap, Interval, Sample

BEGAN = 1_790_000_000.0
EDGES = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
GATE_NUMBERS = {
    "num_pairs": 200,
    "canary_right": 197,
    "stable_right": 196,
    "canary_failed": 1,
    "stable_failed": 0,
    "e_pass": 20.4,
    "pass_threshold": 20.0,
    "e_fail": 0.031,
    "fail_threshold": 100.0,
    "margin": 0.05,
    "canary_ttft_s": 0.0125,
    "stable_ttft_s": 0.0118,
    "canary_warmups": 12,
    "stable_warmups": 10,
}
NOTHING = Evidence(shares={}, until=None, num_intervals=0, num_gaps=0, gap="")
ID = "0af7651916cd43dd8448eb211c80319c"


@dataclass(frozen=True, slots=True)
class Scene:
    before: Rollout
    advance: Advance
    judged: Judged | None
    sample: Sample | None
    now: float


def make_rollout(**changes) -> Rollout:
    plan = RolloutPlan(
        service="r1",
        namespace="models",
        manifest="predictor.yaml",
        steps=(Step(percent=5), Step(percent=25), Step(percent=50)),
    )
    rollout = Rollout(
        id=ID,
        plan=plan,
        service_uid="uid",
        began=BEGAN,
        stable=Template({}, "old"),
        target=Template({}, "new"),
        stable_revision="r1-predictor-00001",
        canary_revision="r1-predictor-00002",
        phase=Phase.STEPPING,
        stage=0,
        phase_since=BEGAN,
        known=Live("new", 5),
        wanted=Live("new", 5),
        evidence=NOTHING,
        stage_requests=0,
        stage_s=0.0,
        last_conclusive=BEGAN,
        hold=None,
        reason="",
        watch_deadline=BEGAN + 900,
    )
    return replace(rollout, **changes)


def make_finding(metric: str = "ttft", **changes) -> Finding:
    finding = Finding(
        metric=metric,
        verdict=Verdict.INCONCLUSIVE,
        text=f"{metric}: 2.1 % of 530 against 2 % of 10,123",
        canary_share=0.021,
        stable_share=0.02,
        num_canary=530,
        num_stable=10_123,
        e_worse=0.7,
        e_good=4.2,
    )
    return replace(finding, **changes)


def make_judged(*findings: Finding, **changes) -> Judged:
    judged = Judged(
        verdict=Verdict.INCONCLUSIVE,
        findings=findings or (make_finding("errors"), make_finding()),
        reason="ttft is not proven yet: 4.2 of 20",
        worse_threshold=100.0,
        good_threshold=20.0,
    )
    return replace(judged, **changes)


def make_interval(end: float, percent: int, *, slow: float = 1.0, errors: float = 0.0005, seed=0):
    random = np.random.default_rng(seed)
    return Interval(
        start=end - 30,
        end=end,
        canary=_arm(random, max(6 * percent, 1), slow=slow, errors=errors),
        stable=_arm(random, max(6 * (100 - percent), 1), slow=1.0, errors=0.0005),
    )


def make_gap(end: float) -> Gap:
    return Gap(start=end - 30, end=None, reason="Prometheus does not answer")


def _arm(random, num_requests: int, *, slow: float, errors: float) -> Arm:
    times = slow * random.lognormal(math.log(0.12), 0.5, num_requests)
    counts = {f"ttft>{edge:g}s": Count(int((times > edge).sum()), num_requests) for edge in EDGES}
    counts["errors"] = Count(int(random.binomial(num_requests, errors)), num_requests)
    counts["truncated"] = Count(0, num_requests)
    counts["longest_gap>1s"] = Count(int(num_requests * 0.01), num_requests)
    return Arm(num_requests, counts, in_flight=num_requests / 100)


def tell_rollback(num_ticks: int = 12) -> Iterator[Scene]:
    """A canary that turns slow at 25 percent; one look in the middle finds no Prometheus."""
    yield from _begin()
    rollout = make_rollout(phase_since=BEGAN + 60)
    for tick in range(num_ticks):
        now = BEGAN + 90 + 30 * tick
        stage = int(tick >= num_ticks // 2)
        percent = 25 if stage else 5
        before, rollout = (
            rollout,
            replace(
                rollout,
                stage=stage,
                known=Live("new", percent),
                wanted=Live("new", percent),
                stage_requests=30 * tick,
                stage_s=30.0 * tick,
                evidence=replace(NOTHING, num_intervals=tick),
            ),
        )
        sample = (
            make_gap(now)
            if tick == 3
            else make_interval(now, percent, slow=1 + 0.6 * stage, seed=tick)
        )
        worse = 10 ** min(0.05 * tick if not stage else 0.9 * (tick - num_ticks // 2), 4)
        judged = make_judged(
            make_finding("errors", e_worse=0.6, e_good=1.2**tick),
            make_finding("ttft", e_worse=worse, e_good=1.1**tick),
        )
        notes = (Note("StepBegun", f"{percent} % of users"),) if stage != before.stage else ()
        yield Scene(before, Advance(rollout, Judge(now), notes), judged, sample, now)
    yield from _roll_back(rollout, BEGAN + 90 + 30 * num_ticks)


def _begin() -> Iterator[Scene]:
    starting = make_rollout(
        phase=Phase.STARTING, known=Live("old", None), wanted=Live("new", 0), canary_revision=None
    )
    begun = Advance(
        starting,
        Patch(starting.wanted, starting.target, "7"),
        (Note("Started", "the new template, at 0 percent"),),
    )
    yield Scene(starting, begun, None, None, BEGAN)
    gating = make_rollout(
        phase=Phase.GATING, known=Live("new", 0), wanted=Live("new", 0), phase_since=BEGAN + 20
    )
    ready = (Note("CanaryReady", "r1-predictor-00002 is Ready"),)
    yield Scene(starting, Advance(gating, RunGate(), ready), None, None, BEGAN + 20)
    stepping = make_rollout(phase_since=BEGAN + 60)
    passed = (
        Note("GatePassed", "197 of 200 right, 196 before", numbers=GATE_NUMBERS),
        Note("StepBegun", "5 % of users"),
    )
    patch = Patch(stepping.wanted, None, "9")
    yield Scene(gating, Advance(stepping, patch, passed), None, None, BEGAN + 60)


def _roll_back(rollout: Rollout, now: float) -> Iterator[Scene]:
    reason = "ttft over 0.3 s: 9.1 % of 1,803 against 3.2 % of 9,801, e-value 1e4 of 100"
    rolling = replace(
        rollout, phase=Phase.ROLLING_BACK, wanted=Live("new", 0), phase_since=now, reason=reason
    )
    begun = (Note("RollbackBegun", reason, is_warning=True, numbers={"e_worse": 1e4}),)
    slow = make_judged(
        make_finding("errors", e_worse=0.6),
        make_finding("ttft", verdict=Verdict.ROLL_BACK, e_worse=math.inf, canary_share=0.091),
        verdict=Verdict.ROLL_BACK,
        reason=reason,
    )
    patch = Patch(rolling.wanted, None, "12")
    sample = make_interval(now, 25, slow=1.6, seed=99)
    yield Scene(rollout, Advance(rolling, patch, begun), slow, sample, now)
    waiting = Advance(rolling, Wait(1.0))
    yield Scene(rolling, waiting, None, None, now + 1)
    ended = replace(
        rolling, phase=Phase.ROLLED_BACK, known=Live("old", 100), wanted=Live("old", 100)
    )
    done = (Note("RolledBack", "all users are on r1-predictor-00001", is_warning=True),)
    yield Scene(rolling, Advance(ended, Finish(), done), None, None, now + 40)


def make_held(kind: HoldKind = HoldKind.FOREIGN) -> Rollout:
    reason = "canaryTrafficPercent is 40, written by kubectl-edit; ours is 25"
    return make_rollout(stage=1, hold=Hold(kind, reason, BEGAN + 300))
