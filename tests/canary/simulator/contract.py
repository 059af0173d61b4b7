"""A client of a Kubernetes API that shows what was answered, for comparing two servers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from kubernetes import client, config

NAMESPACE = "default"
SERVICES = f"/apis/serving.kserve.io/v1beta1/namespaces/{NAMESPACE}/inferenceservices"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
MERGE = "application/merge-patch+json"
OPERATIONS = "application/json-patch+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is what JSON held, or the text of what is none."""

    status: int
    body: Any
    headers: dict[str, str]


class Api:
    """Sends what it is told, with the credentials of its client."""

    def __init__(self, of: client.ApiClient) -> None:
        self._pool = of.rest_client.pool_manager
        self._host = of.configuration.host
        token = of.configuration.get_api_key_with_prefix("BearerToken", "authorization")
        self._headers = {"Authorization": token} if token else {}

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        agent: str = "contract/1",
    ) -> Answer:
        """Return the answer, whatever its status; bytes are sent as they are."""
        headers = {**self._headers, "Content-Type": content_type, "User-Agent": agent}
        data = body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else None
        got = self._pool.request(method, self._host + path, body=data, headers=headers)
        is_json = got.headers["Content-Type"].startswith("application/json")
        shown = orjson.loads(got.data) if is_json else got.data.decode()
        return Answer(got.status, shown, dict(got.headers))


def api_of(kubeconfig: Path) -> Api:
    """Return the API that a kubeconfig names."""
    return Api(config.new_client_from_config(str(kubeconfig)))


def api_at(url: str) -> Api:
    """Return the API at a URL that asks for no credentials."""
    return Api(client.ApiClient(client.Configuration(host=url)))


def at(body: Any, path: str) -> Any:
    """Return the value at a path with dots, or None."""
    for part in path.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def percent_managers(body: Any) -> list[str]:
    """Return who owns canaryTrafficPercent, by managedFields."""
    return [
        entry["manager"]
        for entry in body["metadata"]["managedFields"]
        if at(entry["fieldsV1"], "f:spec.f:predictor.f:canaryTrafficPercent") is not None
    ]
