"""Kubernetes Events about the InferenceService."""

from hashlib import sha256
from typing import Any, Final

from canary.cluster.api import Api
from canary.cluster.clock import micro_time
from canary.cluster.owners import API_VERSION, KIND, TOOL
from canary.cluster.retries import ONCE
from canary.cluster.transport import Request
from canary.errors import Conflict
from canary.rollout.service import Service

# Of events.k8s.io/v1.
_MAX_NOTE_BYTES: Final = 1024
_READ_S: Final = 3.0
_CUT: Final = " ..."


def tell(
    api: Api,
    service: Service,
    *,
    key: str,
    time: float,
    reason: str,
    text: str,
    is_warning: bool,
    instance: str,
) -> None:
    """Write one Event, or raise why not; a second one of the same key is none.

    Asked once, for 3 s: a rollout does not wait for its Events. ``time`` is in Unix seconds. What
    is longer than an Event may be is cut, visibly.
    """
    path = f"/apis/events.k8s.io/v1/namespaces/{service.namespace}/events"
    kind = {"type": "Warning" if is_warning else "Normal", "reportingInstance": instance}
    # Named by what it tells: an attempt that was lost, or a process, is not told of twice.
    name = f"{service.name}.{sha256(f'{service.uid}/{key}'.encode()).hexdigest()[:16]}"
    body = _body(service, name, reason, text, micro_time(time)) | kind
    try:
        api.call(Request("POST", path, {"fieldManager": TOOL}, body, read_s=_READ_S), retries=ONCE)
    except Conflict:
        # It is there already.
        return


def _body(service: Service, name: str, reason: str, text: str, now: str) -> dict[str, Any]:
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": service.namespace},
        "eventTime": now,
        "reportingController": TOOL,
        "action": reason,
        "reason": reason,
        "note": _cut(text),
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": service.name,
            "namespace": service.namespace,
            "uid": service.uid,
            "resourceVersion": service.resource_version,
        },
    }


def _cut(text: str) -> str:
    raw = text.encode()
    if len(raw) <= _MAX_NOTE_BYTES:
        return text
    kept = raw[: _MAX_NOTE_BYTES - len(_CUT)].decode(errors="ignore")
    return kept + _CUT
