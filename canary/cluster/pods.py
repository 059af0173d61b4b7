"""The pods of one revision, as counts and the worst that befell them."""

from typing import Any, Final

from canary.rollout.service import Pods

REVISION_LABEL: Final = "serving.knative.dev/revision"
_ENDED: Final = ("Succeeded", "Failed")
_CONTAINERS: Final = ("initContainerStatuses", "containerStatuses")
# Waiting that is none of the pod's doing.
_HARMLESS: Final = ("ContainerCreating", "PodInitializing")


def parse_pods(revision: str, items: list[dict[str, Any]]) -> Pods:
    """Count the pods that are not on their way out; restarts and reasons are of all of them."""
    alive = [pod for pod in items if not _is_ending(pod)]
    reasons = [reason for pod in items for reason in _reasons(pod)]
    return Pods(
        revision=revision,
        num_ready=sum(map(_is_ready, alive)),
        num_pods=len(alive),
        # Not their sum: a loop is one container's, however many pods there are.
        num_restarts=max(
            (status.get("restartCount", 0) for pod in items for status in _containers(pod)),
            default=0,
        ),
        reason=reasons[0] if reasons else "",
    )


def _is_ending(pod: dict[str, Any]) -> bool:
    is_deleted = "deletionTimestamp" in pod["metadata"]
    return is_deleted or pod.get("status", {}).get("phase") in _ENDED


def _is_ready(pod: dict[str, Any]) -> bool:
    return _condition(pod, "Ready").get("status") == "True"


def _condition(pod: dict[str, Any], kind: str) -> dict[str, Any]:
    found = pod.get("status", {}).get("conditions") or []
    return next((each for each in found if each.get("type") == kind), {})


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    status = pod.get("status", {})
    return [each for name in _CONTAINERS for each in status.get(name) or []]


def _reasons(pod: dict[str, Any]) -> list[str]:
    """Return why containers ended badly, why they wait, and why the pod has no node."""
    found = []
    for status in _containers(pod):
        for state in (status.get("state", {}), status.get("lastState", {})):
            ended = state.get("terminated") or {}
            if ended.get("exitCode", 0) != 0:
                found.append(f"{status.get('name')}: {_ending(ended)}")
    for status in _containers(pod):
        waiting = (status.get("state", {}).get("waiting") or {}).get("reason", "")
        if waiting and waiting not in _HARMLESS:
            found.append(f"{status.get('name')}: {waiting}")
    if (reason := pod.get("status", {}).get("reason")) is not None:
        found.append(str(reason))
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        found.append(f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}")
    return found


def _ending(ended: dict[str, Any]) -> str:
    return f"{ended.get('reason') or 'Error'}, exit code {ended['exitCode']}"
