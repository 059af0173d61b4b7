"""From a plan and a live service to a rollout, or to every reason why there can be none."""

import math
from collections.abc import Mapping
from typing import Any

from canary.errors import InputError
from canary.judgement.evidence import Evidence
from canary.plan import RolloutPlan
from canary.rollout.resources import gpus_of
from canary.rollout.service import Pods, Service
from canary.rollout.state import Live, Phase, Rollout, Template

TAG_ROUTING = "serving.kserve.io/enable-tag-routing"
STOP = "serving.kserve.io/stop"
# Knative's stable window: a revision without a request for so long goes to zero.
_WINDOW_S = 60.0
# Of requests to the canary; below it, gaps longer than the window are common (1 in 120).
MIN_RATE_RPS = 0.08


def merge(plan: RolloutPlan, predictor: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the template to send: without a percent, and with the plan's min_replicas."""
    template = {key: value for key, value in predictor.items() if key != "canaryTrafficPercent"}
    if plan.min_replicas is not None:
        template["minReplicas"] = plan.min_replicas
    return template


def begin(
    plan: RolloutPlan,
    service: Service,
    target_predictor: Mapping[str, Any],
    dry_run_fingerprint: str,
    pods: tuple[Pods, ...],
    now: float,
    id: str,
    *,
    rate_rps: float | None = None,
    stable_fingerprint: str | None = None,
    attempt: str | None = None,
) -> Rollout:
    """Return the rollout before its first patch; InputError names every refusal.

    ``stable_fingerprint`` is what the live template would get if it were written again now; None
    for what it has. ``attempt`` names whoever asks.
    """
    restored = stable_fingerprint or service.fingerprint
    template = merge(plan, target_predictor)
    found = refusals(plan, service, pods, template, rate_rps=rate_rps)
    if not found and dry_run_fingerprint in (service.fingerprint, restored):
        found = [_NOTHING]
    if found:
        raise InputError("; ".join(found))
    known = Live(service.fingerprint, service.percent)
    return Rollout(
        id=id,
        plan=plan,
        service_uid=service.uid,
        began=now,
        stable=Template(service.template, restored),
        target=Template(template, dry_run_fingerprint),
        stable_revision=service.rolled_out,
        canary_revision=None,
        phase=Phase.STARTING,
        stage=0,
        phase_since=now,
        known=known,
        wanted=known,
        evidence=Evidence.empty(),
        stage_requests=0,
        stage_s=0.0,
        last_conclusive=now,
        hold=None,
        reason="",
        watch_deadline=now + plan.limits.unwatched,
        wanted_since=now,
        judge_at=now,
        first_fingerprint=None if restored == service.fingerprint else service.fingerprint,
        attempt=attempt,
    )


_NOTHING = "the manifest's predictor is what is live already: there is nothing to roll out"


def refusals(
    plan: RolloutPlan,
    service: Service,
    pods: tuple[Pods, ...],
    target: Mapping[str, Any],
    *,
    rate_rps: float | None = None,
) -> list[str]:
    """Return why the rollout cannot begin, one sentence each; ``target`` is a merged template.

    ``rate_rps`` is what the service gets now, None where nobody knows.
    """
    found = [
        *_of_mode(service),
        *_of_traffic(service),
        *_of_readiness(service, pods),
        *_of_gate(plan, service),
        *_of_scale(plan, target, rate_rps),
    ]
    if target == service.template:
        found.append(_NOTHING)
    return found


def demands(service: Service, target: Mapping[str, Any]) -> list[str]:
    """Return what the cluster must have to spare, beside what runs; nobody can promise it here."""
    lines = []
    for name, count in gpus_of(target).items():
        replicas = max(1, int(target.get("minReplicas", 1)))
        beside = gpus_of(service.template).get(name, 0)
        lines.append(
            f"{count * replicas} {name} for the new revision ({replicas} x {count}), beside "
            f"{beside} for each pod of {service.rolled_out}; a rollback needs as many again"
        )
    return lines


def _of_mode(service: Service) -> list[str]:
    found = []
    if service.is_deleted:
        found.append(f"{service.name} is being deleted")
    if service.annotations.get(STOP) == "true":
        found.append(f"{service.name} is stopped by the annotation {STOP}")
    if service.mode == "Standard":
        found.append(
            f"{service.name} is in Standard mode, which ignores canaryTrafficPercent in silence: "
            "Knative mode is needed"
        )
    elif service.mode != "Knative":
        found.append(f"status.deploymentMode is {service.mode or 'empty'}, must be Knative")
    return found


def _of_traffic(service: Service) -> list[str]:
    if not service.rolled_out:
        return ["status has no latestRolledoutRevision: a first deployment ignores the percent"]
    found = []
    if service.percent is not None and not 0 <= service.percent <= 100:
        found.append(f"canaryTrafficPercent is {service.percent}, must be in 0..100")
    elif service.percent not in (None, 100):
        found.append(
            f"canaryTrafficPercent is {service.percent}: another rollout is under way, or was "
            "not cleaned up; must be 100 or absent"
        )
    shares = {t.revision: service.percent_of(t.revision) for t in service.traffic if t.percent}
    if shares != {service.rolled_out: 100}:
        found.append(f"status.traffic is {shares}, must be 100 on {service.rolled_out}")
    return found


def _of_readiness(service: Service, pods: tuple[Pods, ...]) -> list[str]:
    found = []
    ready = service.conditions.get("Ready")
    if ready is None or ready.status != "True":
        why = f": {ready.reason} {ready.message}".rstrip() if ready else ""
        found.append(f"{service.name} is not Ready{why}")
    revisions = (service.latest_created, service.latest_ready)
    if any(revision != service.rolled_out for revision in revisions):
        found.append(
            f"latestCreated {revisions[0]} and latestReady {revisions[1]} must be the rolled-out "
            f"revision {service.rolled_out or '(none)'}"
        )
    num_ready = sum(p.num_ready for p in pods if p.revision == service.rolled_out)
    if service.rolled_out and not num_ready:
        found.append(
            f"{service.rolled_out} has no Ready pod: a cold baseline is slow, and makes any "
            "canary look good"
        )
    return found


def _of_gate(plan: RolloutPlan, service: Service) -> list[str]:
    if plan.gate is None or service.annotations.get(TAG_ROUTING) == "true":
        return []
    return [
        f"the gate asks by tag hosts, and the annotation {TAG_ROUTING} is not true: adding it "
        "makes a revision, so do that first and let it be rolled out"
    ]


def _of_scale(plan: RolloutPlan, target: Mapping[str, Any], rate_rps: float | None) -> list[str]:
    if target.get("minReplicas", 1) != 0:
        return []
    remedy = "set min_replicas: 1 in the rollout file"
    if rate_rps is None:
        return [f"minReplicas is 0 and the rate of requests is not known: {remedy}"]
    percent = plan.stages[0].percent
    share_rps = rate_rps * percent / 100
    if share_rps >= MIN_RATE_RPS:
        return []
    gap = math.exp(-_WINDOW_S * share_rps)
    return [
        f"minReplicas is 0, and {percent} % of {rate_rps:g} requests/s is {share_rps:.3g}/s, must "
        f"be at least {MIN_RATE_RPS:g}/s: {gap:.0%} of the gaps between requests would let the "
        f"canary go to zero; {remedy}"
    ]
