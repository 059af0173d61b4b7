"""Objects on the real API server, and kubeconfigs for other users of it."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import yaml

from canary.cluster.api import Api
from canary.cluster.refusals import NotFound
from canary.cluster.transport import Request, Response, Transport

START_S = 1_700_000_000
SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/{}/inferenceservices"
CONTAINER = {"name": "kserve-container", "image": "predictor:1"}


@dataclass
class FakeTime:
    """Seconds that pass by sleeping alone."""

    now: float = 1000.0

    def __post_init__(self) -> None:
        self.slept: list[float] = []
        # Called at the next sleep, as another program that runs meanwhile.
        self.meanwhile: Callable[[], object] | None = None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.meanwhile is not None:
            self.meanwhile()


@dataclass(frozen=True)
class Dated:
    """A server whose answers bear the fake time, give or take the clock's error."""

    transport: Transport
    time: FakeTime
    skew_s: float = 0.0

    @property
    def host(self) -> str:
        return self.transport.host

    def exchange(self, request: Request) -> Response:
        response = self.transport.exchange(request)
        date = formatdate(START_S + self.skew_s + self.time.now, usegmt=True)
        return replace(response, headers={**response.headers, "date": date})


def make_namespace(api: Api, name: str) -> None:
    try:
        api.call(Request("GET", f"/api/v1/namespaces/{name}"))
    except NotFound:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        api.call(Request("POST", "/api/v1/namespaces", body=body))


def make_service(api: Api, namespace: str, name: str | None = None, **predictor: Any) -> str:
    """Create an InferenceService, and return its name."""
    name = name or f"s{secrets.token_hex(4)}"
    body = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"predictor": {"minReplicas": 1, "containers": [CONTAINER], **predictor}},
    }
    api.call(Request("POST", SERVICES.format(namespace), body=body))
    return name


def edit(api: Api, namespace: str, name: str, predictor: Mapping[str, Any], by: str) -> Any:
    """Merge into spec.predictor, as kubectl patch does under a field manager's name."""
    path = f"{SERVICES.format(namespace)}/{name}"
    body = {"spec": {"predictor": predictor}}
    merge = "application/merge-patch+json"
    return api.call(Request("PATCH", path, {"fieldManager": by}, body, merge))


def write_kubeconfig(given: Path, path: Path, *, token: str, server: str | None = None) -> Path:
    """Copy a kubeconfig for another token, and for another address of the server."""
    found = yaml.safe_load(given.read_text())
    context = next(c for c in found["contexts"] if c["name"] == found["current-context"])
    cluster = next(c for c in found["clusters"] if c["name"] == context["context"]["cluster"])
    if server is not None:
        cluster["cluster"] = {"server": server}
    made = {
        **found,
        "clusters": [cluster],
        "users": [{"name": "other", "user": {"token": token}}],
        "contexts": [{"name": "other", "context": {"cluster": cluster["name"], "user": "other"}}],
        "current-context": "other",
    }
    path.write_text(json.dumps(made))
    return path
