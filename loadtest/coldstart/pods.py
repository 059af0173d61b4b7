"""What Kubernetes says of a pod and when, read from the API's JSON; no cluster is asked here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

# KServe names the container of the model so; a pod that has none so named is another's.
MODEL_CONTAINER: Final = "kserve-container"


class Mark(StrEnum):
    """A moment on the way to the first token, in the order in which they come."""

    BEGUN = "begun"
    CONNECTED = "connected"
    POD_CREATED = "pod_created"
    SCHEDULED = "scheduled"
    INITIALIZED = "initialized"
    PULLING = "pulling"
    PULLED = "pulled"
    STARTED = "started"
    READY = "ready"
    FIRST_BYTE = "first_byte"
    FIRST_CHUNK = "first_chunk"
    # Of a request without a first chunk.
    ENDED = "ended"


_CONDITIONS: Final = {
    "PodScheduled": Mark.SCHEDULED,
    "Initialized": Mark.INITIALIZED,
    "Ready": Mark.READY,
}
_EVENTS: Final = {"Pulling": Mark.PULLING, "Pulled": Mark.PULLED, "Started": Mark.STARTED}


@dataclass(frozen=True, slots=True)
class Pod:
    """``marks`` are seconds since 1970 by the clock of whoever set them, cut to whole ones."""

    uid: str
    name: str
    marks: Mapping[Mark, int]
    num_restarts: int
    is_terminating: bool


@dataclass(frozen=True, slots=True)
class ImageEvents:
    """What the kubelet told of the model's container; empty where nothing is known.

    An image that the node has is pulled in no time: ``marks`` then holds PULLING as PULLED.
    """

    marks: Mapping[Mark, int] = field(default_factory=dict)
    # None where no event tells.
    was_present: bool | None = None


def parse_pods(items: Iterable[Mapping[str, Any]]) -> list[Pod]:
    """Return the pods that hold or will hold containers: one that is over, as after an eviction,
    stays listed and serves nothing."""
    return [
        _parse_pod(item)
        for item in items
        if item.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    ]


def _parse_pod(item: Mapping[str, Any]) -> Pod:
    metadata, status = item["metadata"], item.get("status", {})
    marks = {Mark.POD_CREATED: seconds(metadata["creationTimestamp"])}
    for condition in status.get("conditions", ()):
        mark = _CONDITIONS.get(condition["type"])
        at = condition.get("lastTransitionTime")
        if mark is not None and condition["status"] == "True" and at:
            marks[mark] = seconds(at)
    container: Mapping[str, Any] = next(
        (one for one in status.get("containerStatuses", ()) if one["name"] == MODEL_CONTAINER), {}
    )
    if starts := _starts(container):
        marks[Mark.STARTED] = min(starts)
    return Pod(
        uid=metadata["uid"],
        name=metadata["name"],
        marks=marks,
        num_restarts=container.get("restartCount", 0),
        is_terminating="deletionTimestamp" in metadata,
    )


def _starts(container: Mapping[str, Any]) -> list[int]:
    """Return when the container started: the last time, and the time before."""
    states = [
        *container.get("state", {}).values(),
        container.get("lastState", {}).get("terminated", {}),
    ]
    return [seconds(state["startedAt"]) for state in states if state.get("startedAt")]


def parse_events(items: Iterable[Mapping[str, Any]], uid: str) -> ImageEvents:
    """Return what the events of that pod tell of its model's container, the first time each."""
    marks: dict[Mark, int] = {}
    path = f"spec.containers{{{MODEL_CONTAINER}}}"
    for item in items:
        regarding = item.get("involvedObject", {})
        mark = _EVENTS.get(item.get("reason", ""))
        at = item.get("firstTimestamp") or item.get("eventTime")
        if mark is None or not at or regarding.get("uid") != uid:
            continue
        if regarding.get("fieldPath") == path:
            marks[mark] = min(seconds(at), marks.get(mark, seconds(at)))
    if Mark.PULLED not in marks:
        return ImageEvents(marks)
    was_present = Mark.PULLING not in marks
    return ImageEvents({Mark.PULLING: marks[Mark.PULLED], **marks}, was_present)


def seconds(stamp: str) -> int:
    """Return the whole seconds of an RFC 3339 time: metav1.Time has no more."""
    return int(datetime.fromisoformat(stamp).timestamp())
