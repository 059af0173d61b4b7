"""Requests that a real API server and the memory API have to answer alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.canary.simulator.contract import CONFIG_MAPS, LEASES, MERGE, OPERATIONS, SERVICES

CONTAINER = {"name": "kserve-container", "image": "a"}
PERCENT = "/spec/predictor/canaryTrafficPercent"


def _service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"predictor": {"containers": [CONTAINER], "minReplicas": 0}},
    }


def _config_map(name: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"state": "{}"}}


def _lease(name: str) -> dict[str, Any]:
    spec = {"holderIdentity": "a", "renewTime": "2026-01-01T00:00:00.000000Z"}
    api_version = "coordination.k8s.io/v1"
    return {
        "apiVersion": api_version,
        "kind": "Lease",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec,
    }


def percent_patch(percent: object, **metadata: str) -> dict[str, Any]:
    patch: dict[str, Any] = {"spec": {"predictor": {"canaryTrafficPercent": percent}}}
    return patch | ({"metadata": metadata} if metadata else {})


def version(current: dict[str, Any]) -> str:
    version: str = current["metadata"]["resourceVersion"]
    return version


def _test_then_set(version: str) -> list[dict[str, Any]]:
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": PERCENT, "value": 5},
    ]


@dataclass(frozen=True)
class Case:
    """One request about an object that is there, and what of the answer has to agree."""

    method: str
    body: Callable[[dict[str, Any]], object] = lambda current: None
    content_type: str = "application/json"
    suffix: str = ""
    shown: tuple[str, ...] = ("status", "reason", "message", "code")
    path: str = SERVICES
    build: Callable[[str], dict[str, Any]] = _service
    is_of_collection: bool = False


WRITTEN = ("metadata.generation", "spec.predictor.canaryTrafficPercent", "spec.predictor")

CASES = {
    "merge-patch": Case("PATCH", lambda c: percent_patch(5), MERGE, shown=WRITTEN),
    "merge-patch-of-this-version": Case(
        "PATCH", lambda c: percent_patch(5, resourceVersion=version(c)), MERGE, shown=WRITTEN
    ),
    "merge-patch-of-an-older-version": Case(
        "PATCH", lambda c: percent_patch(5, resourceVersion="1"), MERGE
    ),
    "merge-patch-of-another-uid": Case(
        "PATCH", lambda c: percent_patch(5, uid="d2719d6c-0000-4000-8000-000000000000"), MERGE,
        shown=("status", "reason", "code"),
    ),
    "merge-patch-that-removes": Case(
        "PATCH", lambda c: {"spec": {"predictor": {"minReplicas": None}}}, MERGE, shown=WRITTEN
    ),
    "merge-patch-of-nothing": Case("PATCH", lambda c: {}, MERGE, shown=WRITTEN),
    "merge-patch-of-metadata": Case(
        "PATCH", lambda c: {"metadata": {"annotations": {"a": "b"}}}, MERGE,
        shown=(*WRITTEN, "metadata.annotations"),
    ),
    "merge-patch-replaces-a-list": Case(
        "PATCH",
        lambda c: {"spec": {"predictor": {"containers": [{"name": "x", "image": "b"}]}}},
        MERGE,
        shown=WRITTEN,
    ),
    "percent-out-of-range": Case("PATCH", lambda c: percent_patch(150), MERGE, shown=WRITTEN),
    "percent-of-a-wrong-type": Case(
        "PATCH", lambda c: percent_patch("ten"), MERGE, shown=("status", "reason", "code")
    ),
    "percent-of-a-wrong-type-in-words": Case(
        "PATCH", lambda c: percent_patch("ten"), MERGE, shown=("details.kind", "details.group")
    ),
    "dry-run": Case("PATCH", lambda c: percent_patch(5), MERGE, "?dryRun=All", WRITTEN),
    "dry-run-of-an-unknown-kind": Case(
        "PATCH", lambda c: percent_patch(5), MERGE, "?dryRun=Some", ("status", "reason", "code")
    ),
    "dry-run-of-an-older-version": Case(
        "PATCH", lambda c: percent_patch(5, resourceVersion="1"), MERGE, "?dryRun=All"
    ),
    "json-patch": Case(
        "PATCH", lambda c: _test_then_set(version(c)), OPERATIONS, shown=WRITTEN
    ),
    "json-patch-that-writes-an-older-version": Case(
        "PATCH",
        lambda c: [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": "1"},
            {"op": "add", "path": PERCENT, "value": 5},
        ],
        OPERATIONS,
    ),
    "json-patch-that-adds-and-removes": Case(
        "PATCH",
        lambda c: [
            {"op": "add", "path": PERCENT, "value": 0},
            {"op": "remove", "path": PERCENT},
        ],
        OPERATIONS,
        shown=WRITTEN,
    ),
    "json-patch-whose-test-fails": Case("PATCH", lambda c: _test_then_set("1"), OPERATIONS),
    "json-patch-of-a-missing-path": Case(
        "PATCH", lambda c: [{"op": "remove", "path": PERCENT}], OPERATIONS
    ),
    "strategic-merge-patch": Case(
        "PATCH", lambda c: percent_patch(5), "application/strategic-merge-patch+json",
        shown=("status", "reason", "code"),
    ),
    "patch-that-is-no-json": Case(
        "PATCH", lambda c: b"{", MERGE, shown=("status", "reason", "code")
    ),
    "replace": Case("PUT", lambda c: c, shown=WRITTEN),
    "replace-an-older-version": Case(
        "PUT", lambda c: c | {"metadata": c["metadata"] | {"resourceVersion": "1"}}
    ),
    "replace-without-a-version": Case("PUT", lambda c: _service(c["metadata"]["name"])),
    "replace-does-not-touch-status": Case(
        "PUT", lambda c: c | {"status": {"url": "http://x"}}, shown=(*WRITTEN, "status")
    ),
    "status": Case(
        "PUT",
        lambda c: c | {"status": {"url": "http://x"}, "spec": {"predictor": {"minReplicas": 3}}},
        suffix="/status",
        shown=(*WRITTEN, "status"),
    ),
    "status-of-an-older-version": Case(
        "PUT",
        lambda c: c | {"metadata": c["metadata"] | {"resourceVersion": "1"}, "status": {}},
        suffix="/status",
    ),
    "status-patch": Case(
        "PATCH", lambda c: {"status": {"url": "http://x"}}, MERGE, "/status", (*WRITTEN, "status")
    ),
    "missing": Case("GET", suffix="-no"),
    "patch-of-a-missing-one": Case("PATCH", lambda c: percent_patch(5), MERGE, "-no"),
    "create-again": Case(
        "POST", lambda c: _service(c["metadata"]["name"]), is_of_collection=True
    ),
    "delete-of-another-version": Case(
        "DELETE", lambda c: {"preconditions": {"resourceVersion": "1"}},
        shown=("status", "reason", "code"),
    ),
    "delete": Case("DELETE", shown=("status",)),
    "delete-a-missing-one": Case("DELETE", suffix="-no"),
    "config-map": Case(
        "PUT", lambda c: c | {"data": {"state": "1"}}, path=CONFIG_MAPS, build=_config_map,
        shown=("data", "metadata.generation"),
    ),
    "config-map-of-an-older-version": Case(
        "PUT", lambda c: c | {"metadata": c["metadata"] | {"resourceVersion": "1"}},
        path=CONFIG_MAPS, build=_config_map,
    ),
    "config-map-without-a-version": Case(
        "PUT", lambda c: _config_map(c["metadata"]["name"]) | {"data": {}},
        path=CONFIG_MAPS, build=_config_map, shown=("data",),
    ),
    "config-map-of-numbers": Case(
        "PUT", lambda c: c | {"data": {"state": 1}}, path=CONFIG_MAPS, build=_config_map,
        shown=("status", "reason", "code"),
    ),
    "config-map-merge-patch": Case(
        "PATCH", lambda c: {"data": {"command": "pause"}}, MERGE, path=CONFIG_MAPS,
        build=_config_map, shown=("data",),
    ),
    "config-map-again": Case(
        "POST", lambda c: _config_map(c["metadata"]["name"]), path=CONFIG_MAPS,
        build=_config_map, is_of_collection=True,
    ),
    "lease": Case(
        "PUT", lambda c: c | {"spec": {"holderIdentity": "b"}}, path=LEASES, build=_lease,
        shown=("spec", "metadata.generation"),
    ),
    "lease-of-an-older-version": Case(
        "PUT", lambda c: c | {"metadata": c["metadata"] | {"resourceVersion": "1"}},
        path=LEASES, build=_lease,
    ),
    "lease-without-a-version": Case(
        "PUT", lambda c: _lease(c["metadata"]["name"]), path=LEASES, build=_lease,
        shown=("status", "reason", "code"),
    ),
    "unknown-kind": Case(
        "GET", path=SERVICES.replace("inferenceservices", "teapots"), is_of_collection=True,
    ),
}  # fmt: skip
