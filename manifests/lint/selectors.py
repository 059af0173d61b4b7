"""Selectors: each takes in pods that there are, by labels that stay."""

from collections.abc import Iterator
from typing import Final

from manifests.lint.faults import Finding, Path, at, items, mapping
from manifests.lint.render import Document
from manifests.lint.target import NEIGHBOURS, Target, is_known, labels_in, matches

# Where a kind selects pods of its own namespace.
OWN: Final[dict[str, Path]] = {
    "AuthorizationPolicy": ("spec", "selector", "matchLabels"),
    "PeerAuthentication": ("spec", "selector", "matchLabels"),
    "RequestAuthentication": ("spec", "selector", "matchLabels"),
    "Telemetry": ("spec", "selector", "matchLabels"),
    "EnvoyFilter": ("spec", "workloadSelector", "labels"),
    "Sidecar": ("spec", "workloadSelector", "labels"),
    "Gateway": ("spec", "selector"),
    "NetworkPolicy": ("spec", "podSelector"),
    "PodDisruptionBudget": ("spec", "selector"),
    "PodMonitor": ("spec", "selector"),
    "Service": ("spec", "selector"),
}
# Of one revision: a policy that selects by them ends with it.
PASSING: Final = (
    *("serving.knative.dev/revision", "serving.knative.dev/revisionUID"),
    *("serving.knative.dev/configurationGeneration", "serving.knative.dev/routingState"),
)
METRICS_PORTS: Final = ("user-port", "http-usermetric", "aggr-metric", "http-autometric")
NAME: Final = "kubernetes.io/metadata.name"
TARGET_ROLE: Final = ("ingress", "from"), ("egress", "to")


def check(target: Target) -> Iterator[Finding]:
    """Yield selectors that take in nothing, or what will soon be gone."""
    for document in target.documents:
        path = OWN.get(document.kind)
        if path is not None and at(document.body, *path):
            yield from _own(target, document, path)
        if document.kind == "NetworkPolicy":
            yield from _peers(target, document)
        if document.kind == "PodMonitor":
            yield from _monitor_ports(target, document)


def _own(target: Target, document: Document, path: Path) -> Iterator[Finding]:
    selector = mapping(document.body, *path)
    yield from _passing(document, path, selector)
    for namespace in _namespaces(document):
        if not is_known(target, namespace):
            continue
        if not any(matches(selector, labels) for labels in labels_in(target, namespace)):
            rule = f"must select pods that there are in {namespace} (Kubernetes)"
            yield Finding(document, path, rule)


def _namespaces(document: Document) -> list[str]:
    """Return where a selector looks: Istio's gateways stand apart from what configures them."""
    if document.kind == "Gateway":
        return ["istio-system"]
    names = at(document.body, "spec", "namespaceSelector", "matchNames")
    return names if document.kind == "PodMonitor" and names else [document.namespace]


def _passing(document: Document, path: Path, selector: dict[str, object]) -> Iterator[Finding]:
    keys = {*selector, *mapping(selector, "matchLabels")}
    keys |= {str(each.get("key")) for each in items(selector, "matchExpressions")}
    for key in sorted(keys & set(PASSING)):
        rule = "must not be selected by: it changes with each revision (ours)"
        yield Finding(document, path, rule, key)


def _peers(target: Target, document: Document) -> Iterator[Finding]:
    for direction, role in TARGET_ROLE:
        for index, entry in enumerate(items(document.body, "spec", direction)):
            for peer_index, peer in enumerate(items(entry, role)):
                path = ("spec", direction, index, role, peer_index)
                yield from _peer(target, document, path, peer)


def _peer(
    target: Target, document: Document, path: Path, peer: dict[str, object]
) -> Iterator[Finding]:
    namespaces = mapping(peer, "namespaceSelector", "matchLabels")
    namespace = namespaces.get(NAME)
    if "namespaceSelector" not in peer:
        namespace = document.namespace
    selector = mapping(peer, "podSelector")
    if not isinstance(namespace, str) or not selector or not is_known(target, namespace):
        return
    if not any(matches(selector, labels) for labels in labels_in(target, namespace)):
        rule = f"must select pods that there are in {namespace} (Kubernetes)"
        yield Finding(document, (*path, "podSelector"), rule)


def _monitor_ports(target: Target, document: Document) -> Iterator[Finding]:
    named = {
        port.get("name")
        for pod in target.pods()
        for _, container in pod.containers()
        for port in items(container, "ports")
    }
    for index, endpoint in enumerate(items(document.body, "spec", "podMetricsEndpoints")):
        port = endpoint.get("port")
        if port is not None and port not in METRICS_PORTS and port not in named:
            rule = f"must be a container's port, or one of {', '.join(METRICS_PORTS)} (Knative)"
            yield Finding(document, ("spec", "podMetricsEndpoints", index, "port"), rule)


def known_namespaces(target: Target) -> set[str]:
    own = {document.namespace for document in target.documents if document.namespace}
    return own | set(NEIGHBOURS)
