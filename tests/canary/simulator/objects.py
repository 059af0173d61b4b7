"""What the controllers write to the API: statuses, revisions and pods as Kubernetes shows them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tests.canary.simulator.world import Condition, Revision, Status, Target, World

REVISION = "serving.knative.dev/revision"
# Readiness of a severity other than this one's does not count for the service's own.
_CRITICAL = frozenset({"Ready", "PredictorReady", "IngressReady"})


def timestamp(now: float) -> str:
    """Return RFC 3339 of Unix seconds."""
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_object(world: World, namespace: str, since: Mapping[str, float]) -> dict[str, Any]:
    """Return an InferenceService's status; ``since`` tells when each condition began."""
    status = world.status
    host = f"{world.name}-predictor.{namespace}.example.com"
    predictor: dict[str, Any] = {
        "latestCreatedRevision": status.latest_created,
        "latestReadyRevision": status.latest_ready,
        "latestRolledoutRevision": status.rolled_out,
        "previousRolledoutRevision": status.previous_rolled_out,
        "traffic": [_target(target, host) for target in status.traffic],
    }
    shown: dict[str, Any] = {
        "observedGeneration": status.observed_generation,
        "deploymentMode": "Knative",
        "conditions": [
            _condition(kind, condition, timestamp(since[kind]))
            for kind, condition in sorted(status.conditions.items())
        ],
        "components": {"predictor": {k: v for k, v in predictor.items() if v}},
        "modelStatus": {"transitionStatus": _transition(status)},
    }
    if status.has_url:
        shown["url"] = f"http://{world.name}.{namespace}.example.com"
    return shown


def _target(target: Target, host: str) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "latestRevision": target.is_latest,
        "percent": target.percent,
        "revisionName": target.revision,
    }
    if target.tag:
        shown |= {"tag": target.tag, "url": f"http://{target.tag}-{host}"}
    return shown


def _condition(kind: str, condition: Condition, since: str) -> dict[str, str]:
    shown = {"type": kind, "status": condition.status, "lastTransitionTime": since}
    if condition.reason:
        shown["reason"] = condition.reason
    if condition.message:
        shown["message"] = condition.message
    if kind not in _CRITICAL:
        shown["severity"] = "Info"
    return shown


def _transition(status: Status) -> str:
    configuration = status.conditions.get("PredictorConfigurationReady", Condition("Unknown"))
    words = {"True": "UpToDate", "False": "BlockedByFailedLoad"}
    return words.get(configuration.status, "InProgress")


def revision_object(
    revision: Revision, service: str, predictor: Mapping[str, Any], state: str
) -> dict[str, Any]:
    """Return a Knative Revision with its labels."""
    knative_service = f"{service}-predictor"
    labels = {
        "serving.knative.dev/configuration": knative_service,
        "serving.knative.dev/service": knative_service,
        "serving.knative.dev/routingState": state,
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": {"name": revision.name, "labels": labels},
        "spec": {"containers": predictor.get("containers", [])},
    }


def revision_status(revision: Revision) -> dict[str, Any]:
    """Return a Knative Revision's status."""
    since = timestamp(revision.created)
    return {"conditions": [_condition("Ready", revision.ready, since)]}


def pod_object(revision: str, service: str, index: int) -> dict[str, Any]:
    """Return a pod as Knative labels it."""
    labels = {
        "app": revision,
        "component": "predictor",
        "serving.kserve.io/inferenceservice": service,
        "serving.knative.dev/configuration": f"{service}-predictor",
        "serving.knative.dev/service": f"{service}-predictor",
        REVISION: revision,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{revision}-deployment-{index}", "labels": labels},
        "spec": {"containers": [{"name": "kserve-container", "image": "r1-predictor"}]},
    }


def pod_status(ready: Condition, num_restarts: int) -> dict[str, Any]:
    """Return the status that a kubelet would write."""
    is_ready = ready.status == "True"
    container: dict[str, Any] = {
        "name": "kserve-container",
        "image": "r1-predictor",
        "imageID": "",
        "ready": is_ready,
        "restartCount": num_restarts,
    }
    if num_restarts:
        ended = {"exitCode": 1, "reason": "Error"}
        container["lastState"] = {"terminated": ended}
    if ready.status == "False":
        container["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    condition = {"type": "Ready", "status": "True" if is_ready else "False"}
    return {"phase": "Running", "conditions": [condition], "containerStatuses": [container]}
