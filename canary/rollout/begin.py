"""From a plan and a live service to a rollout, or to every reason why there can be none."""

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
NOTHING = "the manifest's predictor is what is live already: there is nothing to roll out"


def merge(plan: RolloutPlan, predictor: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the template to send: without a percent, and with the plan's min_replicas."""
    template = {key: value for key, value in predictor.items() if key != "canaryTrafficPercent"}
    if plan.min_replicas is not None:
        template["minReplicas"] = plan.min_replicas
    return template


def min_replicas_of(template: Mapping[str, Any]) -> object:
    """Return what KServe takes for a template's minReplicas: 1 where it is absent."""
    found = template.get("minReplicas")
    return 1 if found is None else found


def begin(
    plan: RolloutPlan,
    service: Service,
    target_predictor: Mapping[str, Any],
    dry_run_fingerprint: str,
    pods: tuple[Pods, ...],
    now: float,
    id: str,
    *,
    stable_fingerprint: str | None = None,
    attempt: str | None = None,
) -> Rollout:
    """Return the rollout before its first patch; InputError names every refusal.

    ``stable_fingerprint`` is what the live template would get if it were written again now; None
    for what it has. ``attempt`` names whoever asks.
    """
    restored = stable_fingerprint or service.fingerprint
    template = merge(plan, target_predictor)
    is_live = dry_run_fingerprint in (service.fingerprint, restored)
    if found := refusals(plan, service, pods, template) or ([NOTHING] if is_live else []):
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


def refusals(
    plan: RolloutPlan, service: Service, pods: tuple[Pods, ...], target: Mapping[str, Any]
) -> list[str]:
    """Return why the rollout cannot begin, one sentence each; ``target`` is a merged template."""
    found = [
        *_of_mode(service),
        *_of_traffic(service),
        *_of_readiness(service, pods),
        *_of_gate(plan, service),
    ]
    if target == service.template:
        found.append(NOTHING)
    return found


def demands(service: Service, target: Mapping[str, Any]) -> list[str]:
    """Return what the cluster must have to spare, beside what runs; nobody can promise it here."""
    lines = []
    for name, count in gpus_of(target).items():
        own = min_replicas_of(target)
        # What is no number admission refuses, and a plan says so.
        replicas = max(1, own) if isinstance(own, int) else 1
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
