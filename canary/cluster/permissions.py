"""Every right that the tool uses, and which of them its user lacks."""

from dataclasses import dataclass
from typing import Final

from canary.cluster.api import Api
from canary.cluster.owners import companion_name
from canary.cluster.transport import Request

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True, slots=True)
class Right:
    """``is_named``: for one object, whose name depends on the service."""

    group: str
    resource: str
    verb: str
    is_named: bool

    def name(self, service: str) -> str:
        """Return the object's name, "" for every one: creation and lists cannot be restricted."""
        if not self.is_named:
            return ""
        return service if self.resource == "inferenceservices" else companion_name(service)


RIGHTS: Final = (
    Right("serving.kserve.io", "inferenceservices", "get", is_named=True),
    Right("serving.kserve.io", "inferenceservices", "patch", is_named=True),
    Right("", "configmaps", "create", is_named=False),
    Right("", "configmaps", "get", is_named=True),
    Right("", "configmaps", "update", is_named=True),
    Right("coordination.k8s.io", "leases", "create", is_named=False),
    Right("coordination.k8s.io", "leases", "get", is_named=True),
    Right("coordination.k8s.io", "leases", "update", is_named=True),
    Right("", "pods", "list", is_named=False),
    Right("events.k8s.io", "events", "create", is_named=False),
)


def missing_permissions(api: Api, namespace: str, service: str) -> list[str]:
    """Return such as "patch inferenceservices.serving.kserve.io/r1 in r1"; empty: all are there."""
    return [
        _told(right, namespace, service)
        for right in RIGHTS
        if not _is_allowed(api, right, namespace, service)
    ]


def _is_allowed(api: Api, right: Right, namespace: str, service: str) -> bool:
    attributes = {
        "namespace": namespace,
        "group": right.group,
        "resource": right.resource,
        "verb": right.verb,
        "name": right.name(service),
    }
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = api.call(Request("POST", _REVIEWS, body=body))
    return bool(answer["status"].get("allowed"))


def _told(right: Right, namespace: str, service: str) -> str:
    kind = ".".join(part for part in (right.resource, right.group) if part)
    name = right.name(service)
    return f"{right.verb} {kind}{f'/{name}' if name else ''} in {namespace}"
