"""How KServe and Knative turn an InferenceService into traffic; pure, one pass at a time.

Written from KServe 0.20 (``ksvc_reconciler.go``, ``inference_service_status.go``) and Knative
Serving 1.21 (``configuration.go``, ``traffic.go``, ``route.go``, ``labeler/metasync.go``).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.canary.simulator.world import (
    TRUE,
    UNKNOWN,
    Condition,
    Intent,
    Knative,
    Revision,
    Status,
    Target,
    World,
)

# KServe copies every other annotation and label into the revision's template; the last two it
# moves to the Knative Service's own metadata.
NOT_COPIED_ANNOTATIONS = frozenset(
    {
        "autoscaling.knative.dev/min-scale",
        "autoscaling.knative.dev/max-scale",
        "internal.serving.kserve.io/storage-initializer-sourceuri",
        "kubectl.kubernetes.io/last-applied-configuration",
        "modelFormat",
        "serving.knative.dev/rollout-duration",
        "serving.knative.openshift.io/enablePassthrough",
    }
)
NOT_COPIED_LABELS = frozenset({"networking.knative.dev/visibility"})
TAG_ROUTING = "serving.kserve.io/enable-tag-routing"
STOP = "serving.kserve.io/stop"


def intent_of(service: Mapping[str, Any]) -> Intent:
    """Return what an InferenceService object asks for."""
    metadata = service["metadata"]
    annotations = metadata.get("annotations") or {}
    predictor = dict(service["spec"]["predictor"])
    percent = predictor.pop("canaryTrafficPercent", None)
    template = {
        "predictor": predictor,
        "annotations": _without(annotations, NOT_COPIED_ANNOTATIONS),
        "labels": _without(metadata.get("labels") or {}, NOT_COPIED_LABELS),
    }
    canonical = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return Intent(
        template=hashlib.sha256(canonical.encode()).hexdigest(),
        percent=percent,
        has_tag_routing=annotations.get(TAG_ROUTING) == "true",
        is_stopped=annotations.get(STOP) == "true",
    )


def _without(mapping: Mapping[str, str], left_out: frozenset[str]) -> dict[str, str]:
    return {key: value for key, value in mapping.items() if key not in left_out}


def reconcile(world: World, now: float) -> World:
    """Return the world after each controller has run once: KServe, Configuration, Route.

    KServe reads the Service's status as the pass before left it, so a revision that becomes rolled
    out reaches the traffic one pass later.
    """
    return reconcile_route(reconcile_configuration(reconcile_kserve(world), now))


def reconcile_until_stable(world: World, now: float) -> World:
    """Return the first world that a further pass does not change."""
    while (after := reconcile(world, now)) != world:
        world = after
    return world


def reconcile_kserve(world: World) -> World:
    """Write the Knative Service's spec, then copy its status to the InferenceService."""
    if world.intent.is_stopped:
        stopped = Status(conditions={"Stopped": TRUE, "Ready": Condition("False", "Stopped")})
        return replace(world, knative=None, revisions={}, status=stopped)
    wanted = traffic_of(world.intent, world.status.rolled_out)
    if problem := _refusal_of(wanted):
        return replace(world, status=_failed(world.status, problem))
    knative = _updated(world.knative, world.intent.template, wanted)
    return replace(world, knative=knative, status=propagate_status(world.status, knative))


def traffic_of(intent: Intent, rolled_out: str) -> tuple[Target, ...]:
    """Return the traffic block of the Knative Service (``createKnativeService``)."""
    tag = "latest" if intent.has_tag_routing else None
    if intent.percent is None or not rolled_out:
        return (Target(None, 100, is_latest=True, tag=tag),)
    latest = Target(None, intent.percent, is_latest=True, tag=tag)
    if intent.percent >= 100:
        return (latest,)
    return (latest, Target(rolled_out, 100 - intent.percent, is_latest=False, tag="prev"))


def _refusal_of(traffic: tuple[Target, ...]) -> str:
    """Return what Knative's webhook says of a traffic block; empty where it takes it."""
    for index, target in enumerate(traffic):
        if not 0 <= target.percent <= 100:
            field = f"spec.traffic[{index}].percent"
            return f"validation failed: expected 0 <= {target.percent} <= 100: {field}"
    total = sum(target.percent for target in traffic)
    return "" if total == 100 else f"validation failed: Traffic targets sum to {total}, want 100"


def _failed(status: Status, problem: str) -> Status:
    failed = Condition("False", "ReconcileFailed", problem)
    return replace(
        status, conditions={**status.conditions, "PredictorReady": failed, "Ready": failed}
    )


def _updated(knative: Knative | None, template: str, traffic: tuple[Target, ...]) -> Knative:
    if knative is None:
        return Knative(generation=1, template=template, traffic=traffic)
    if (knative.template, knative.traffic) == (template, traffic):
        return knative
    return replace(knative, generation=knative.generation + 1, template=template, traffic=traffic)


def propagate_status(status: Status, knative: Knative) -> Status:
    """Return the InferenceService's status after ``PropagateStatus``."""
    rolled_out, previous = status.rolled_out, status.previous_rolled_out
    latest = knative.latest_ready
    total = sum(target.percent for target in knative.routed if target.revision == latest)
    for target in knative.routed:
        if target.revision != latest or not target.is_latest:
            continue
        if rolled_out != latest:
            if target.percent == 100:
                previous, rolled_out = rolled_out, latest
        elif (
            latest == knative.latest_created
            and target.percent < 100
            and total == 100
            and previous != ""
        ):
            # Meant as a rollback after promotion; it fires whenever a percent meets the latest.
            rolled_out = previous
    has_url = status.has_url or knative.ready.status == "True"
    return Status(
        observed_generation=knative.generation,
        latest_created=knative.latest_created,
        latest_ready=latest,
        rolled_out=rolled_out,
        previous_rolled_out=previous,
        traffic=knative.routed,
        has_url=has_url,
        conditions=_conditions(knative, has_url=has_url),
    )


def _conditions(knative: Knative, *, has_url: bool) -> dict[str, Condition]:
    ingress = TRUE if has_url else Condition("False", "Predictor ingress not created")
    ready = knative.ready
    return {
        "PredictorReady": ready,
        "PredictorRouteReady": knative.route,
        "PredictorConfigurationReady": knative.configuration,
        "RoutesReady": _aggregate(knative.route, "PredictorRouteReady"),
        "LatestDeploymentReady": _aggregate(knative.configuration, "PredictorConfigurationReady"),
        "IngressReady": ingress,
        "Ready": ready if ready.status != "True" else ingress,
    }


def _aggregate(part: Condition, name: str) -> Condition:
    return TRUE if part.status == "True" else Condition(part.status, f"{name} not ready")


def reconcile_configuration(world: World, now: float) -> World:
    """Make a revision where the template has changed, and find the newest that is Ready."""
    knative = world.knative
    if knative is None:
        return world
    revisions = dict(world.revisions)
    newest = revisions.get(knative.latest_created)
    if newest is None or newest.template != knative.template:
        name = f"{world.name}-predictor-{knative.num_made + 1:05d}"
        newest = revisions[name] = Revision(name, knative.template, now)
        knative = replace(knative, num_made=knative.num_made + 1, latest_created=name)
    latest_ready = max(
        (knative.latest_ready, *(r.name for r in revisions.values() if r.ready.status == "True"))
    )
    knative = replace(
        knative, latest_ready=latest_ready, configuration=_configuration_condition(newest)
    )
    return replace(world, knative=knative, revisions=revisions)


def _configuration_condition(newest: Revision) -> Condition:
    if newest.ready.status != "False":
        return newest.ready
    message = f'Revision "{newest.name}" failed with message: {newest.ready.message}.'
    return Condition("False", "RevisionFailed", message)


def reconcile_route(world: World) -> World:
    """Program the traffic, unless any target is missing or not Ready: then nothing moves."""
    knative = world.knative
    if knative is None:
        return world
    resolved = tuple(
        replace(target, revision=knative.latest_ready) if target.is_latest else target
        for target in knative.traffic
    )
    obstacle = _obstacle(world, resolved)
    if obstacle is None:
        knative = replace(knative, routed=resolved, route=TRUE)
    else:
        knative = replace(knative, route=obstacle)
    return replace(world, knative=knative)


def _obstacle(world: World, targets: tuple[Target, ...]) -> Condition | None:
    for target in targets:
        if not target.revision:
            message = (
                f'Configuration "{world.name}-predictor" is waiting for a Revision to become ready.'
            )
            return replace(UNKNOWN, reason="RevisionMissing", message=message)
        revision = world.revisions.get(target.revision)
        if revision is None:
            message = f'Revision "{target.revision}" referenced in traffic not found.'
            return Condition("False", "RevisionMissing", message)
        if revision.ready.status != "True":
            message = f'Revision "{target.revision}" failed to become ready.'
            return Condition("False", "RevisionMissing", message)
    return None


def routing_state(world: World, revision: str) -> str:
    """Return "active", under which the minimum scale holds, or "reserve", which scales to zero."""
    knative = world.knative
    if knative is None:
        return "reserve"
    named = {target.revision for target in (*knative.traffic, *knative.routed)}
    named |= {knative.latest_created}
    if any(target.is_latest for target in knative.traffic):
        named |= {knative.latest_ready}
    return "active" if revision in named else "reserve"
