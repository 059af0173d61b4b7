"""Istio's objects among themselves and against the NetworkPolicies beside them."""

import re
from collections.abc import Iterator
from typing import Any, Final

from manifests.lint.faults import Finding, Path, at, items, mapping, select
from manifests.lint.pods import Pod
from manifests.lint.render import Document
from manifests.lint.selectors import NAME, OWN, known_namespaces
from manifests.lint.target import Target, matches
from manifests.lint.values import Row, apply, integer

ISTIO: Final = "Istio"
PRINCIPAL: Final = re.compile(r"cluster\.local/ns/([^/]+)/sa/([^/]+)")
# Accounts that Istio, Knative and kube-prometheus install.
ACCOUNTS: Final = {
    # istioctl's name of the gateway's, and the Helm chart's.
    "istio-system": ("istio-ingressgateway-service-account", "istio-ingressgateway", "istiod"),
    "knative-serving": ("activator", "controller", "autoscaler"),
    "monitoring": ("prometheus-k8s", "prometheus"),
}
GATEWAYS: Final = (
    *("mesh", "knative-serving/knative-ingress-gateway"),
    "knative-serving/knative-local-gateway",
)
SERVICES: Final = (
    "knative-local-gateway.istio-system.svc.cluster.local",
    "istio-ingressgateway.istio-system.svc.cluster.local",
    "activator-service.knative-serving.svc.cluster.local",
    "autoscaler.knative-serving.svc.cluster.local",
)
# What KServe and Knative call the Services of a predictor.
NAMES: Final = ("{}", "{}-predictor", "latest-{}-predictor", "prev-{}-predictor")
ROWS: Final = (
    Row(("spec", "http", "*", "route", "*", "weight"), ISTIO, integer(0, 100)),
    Row(("spec", "http", "*", "retries", "attempts"), ISTIO, integer(0)),
)


def check(target: Target) -> Iterator[Finding]:
    """Yield what is wrong in the mesh of a target."""
    for document in target.documents:
        yield from CHECKS.get(document.kind, _nothing)(target, document)
    yield from _ports_agree(target)


def _nothing(target: Target, document: Document) -> Iterator[Finding]:
    return iter(())


def _peer_authentication(target: Target, document: Document) -> Iterator[Finding]:
    path = ("spec", "portLevelMtls")
    if at(document.body, *path) and not at(document.body, "spec", "selector", "matchLabels"):
        yield Finding(document, path, f"needs a selector ({ISTIO})")


def _authorization_policy(target: Target, document: Document) -> Iterator[Finding]:
    for index, rule in enumerate(items(document.body, "spec", "rules")):
        for source_index, entry in enumerate(items(rule, "from")):
            path: Path = ("spec", "rules", index, "from", source_index, "source")
            source = mapping(entry, "source")
            for field in ("principals", "notPrincipals"):
                for place, value in enumerate(source.get(field, ())):
                    yield from _principal(target, document, (*path, field, place), value)
            for place, value in enumerate(source.get("namespaces", ())):
                if value not in known_namespaces(target) | _let_in(target):
                    rule_text = "must be a namespace that a NetworkPolicy here lets in (ours)"
                    yield Finding(document, (*path, "namespaces", place), rule_text)


def _let_in(target: Target) -> set[str]:
    """Return the namespaces that NetworkPolicies name: a client's is known nowhere else."""
    selector = ("spec", "ingress", "*", "from", "*", "namespaceSelector")
    namespaces = set()
    for document in target.documents:
        if document.kind == "NetworkPolicy":
            labels = select(document.body, (*selector, "matchLabels", NAME))
            namespaces |= {str(namespace) for _, namespace in labels}
            for _, expression in select(document.body, (*selector, "matchExpressions", "*")):
                if (expression["key"], expression["operator"]) == (NAME, "In"):
                    namespaces |= set(expression["values"])
    return namespaces


def _principal(target: Target, document: Document, path: Path, principal: str) -> Iterator[Finding]:
    if "*" in principal:
        return
    named = PRINCIPAL.fullmatch(principal)
    if not named:
        yield Finding(document, path, f"must be cluster.local/ns/NAMESPACE/sa/NAME ({ISTIO})")
        return
    namespace, name = named.groups()
    if namespace in ACCOUNTS:
        if name not in ACCOUNTS[namespace]:
            known = ", ".join(ACCOUNTS[namespace])
            yield Finding(document, path, f"must name an account of {namespace}: {known} (ours)")
        return
    tree = [each for each in target.tree() if each.namespace == namespace]
    accounts = {each.name for each in tree if each.kind == "ServiceAccount"}
    # A client's namespace has its own.
    if tree and name not in accounts:
        yield Finding(document, path, f"must name a ServiceAccount of {namespace} (ours)")


def _virtual_service(target: Target, document: Document) -> Iterator[Finding]:
    yield from apply(ROWS, document)
    for index, gateway in enumerate(at(document.body, "spec", "gateways") or ()):
        namespace, _, name = f"{document.namespace}/{gateway}".rpartition("/")
        namespace = namespace.rpartition("/")[2]
        if gateway not in GATEWAYS and not target.named("Gateway", namespace, name):
            rule = f"must name a Gateway of this target ({ISTIO})"
            yield Finding(document, ("spec", "gateways", index), rule)
    for index, route in enumerate(items(document.body, "spec", "http")):
        path: Path = ("spec", "http", index)
        for place, destination in _destinations(route):
            yield from _host(target, document, (*path, *place, "host"), destination.get("host"))
        weights = [entry.get("weight", 0) for entry in items(route, "route")]
        if len(weights) > 1 and sum(weights) != 100:
            rule = "weights must sum to 100 (ours)"
            yield Finding(document, (*path, "route"), rule, str(weights))


def _destinations(route: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, entry in enumerate(items(route, "route")):
        yield ("route", index, "destination"), mapping(entry, "destination")
    for index, entry in enumerate(items(route, "mirrors")):
        yield ("mirrors", index, "destination"), mapping(entry, "destination")
    if "mirror" in route:
        yield ("mirror",), mapping(route, "mirror")


def _destination_rule(target: Target, document: Document) -> Iterator[Finding]:
    yield from _host(target, document, ("spec", "host"), at(document.body, "spec", "host"))


def _host(target: Target, document: Document, path: Path, host: Any) -> Iterator[Finding]:
    full = str(host)
    name, _, rest = full.partition(".")
    # A short name is of the object's own namespace, in Istio's reading.
    namespace = rest.removesuffix(".svc.cluster.local").removesuffix(".svc") or document.namespace
    outside = {host for each in target.documents for host in _entries(each)} | set(SERVICES)
    if "*" in full or full in outside:
        return
    services = {(each.namespace, name) for each in target.tree() for name in _service_names(each)}
    if (namespace, name) not in services:
        yield Finding(document, path, f"must be the name of a Service that there is ({ISTIO})")


def _entries(document: Document) -> list[str]:
    is_entry = document.kind == "ServiceEntry"
    return (at(document.body, "spec", "hosts") or []) if is_entry else []


def _service_names(document: Document) -> list[str]:
    if document.kind == "InferenceService":
        return [name.format(document.name) for name in NAMES]
    return [document.name] if document.kind == "Service" else []


CHECKS: Final = {
    "PeerAuthentication": _peer_authentication,
    "AuthorizationPolicy": _authorization_policy,
    "VirtualService": _virtual_service,
    "DestinationRule": _destination_rule,
}


def _ports_agree(target: Target) -> Iterator[Finding]:
    """Yield ports that only one of NetworkPolicy and AuthorizationPolicy lets in."""
    useless: dict[tuple[str, Path], Finding] = {}
    useful: set[tuple[str, Path]] = set()
    for pod in target.pods():
        network, mesh = list(_network_ports(target, pod)), list(_mesh_ports(target, pod))
        if pod.document.kind != "InferenceService" or not network or not mesh:
            continue
        by_network = {port for _, _, port in network}
        by_mesh = {port for _, _, port in mesh}
        for document, path, port in network:
            # None is every port.
            if not by_mesh & {port, None} and port is not None:
                rule = "must be let in by an AuthorizationPolicy too (ours)"
                yield Finding(document, path, rule)
        for document, path, port in mesh:
            place = (document.name, path)
            rule = "must be let in by a NetworkPolicy too (ours)"
            useless[place] = Finding(document, path, rule)
            # One policy may be for pods with different ports.
            if port is None or by_network & {port, None}:
                useful.add(place)
    for place in useless.keys() - useful:
        document, path = useless[place].document, useless[place].path
        if str(at(document.body, *path)) not in _let_in_anywhere(target, document.namespace):
            yield useless[place]


def _let_in_anywhere(target: Target, namespace: str) -> set[str]:
    """Return the ports that a component not in this target may open."""
    return {
        str(port)
        for document in target.tree()
        if (document.kind, document.namespace) == ("NetworkPolicy", namespace)
        for _, port in select(document.body, ("spec", "ingress", "*", "ports", "*", "port"))
    }


Allowed = tuple[Document, Path, str | None]


def _network_ports(target: Target, pod: Pod) -> Iterator[Allowed]:
    for document in _about(target, "NetworkPolicy", pod):
        for index, entry in enumerate(items(document.body, "spec", "ingress")):
            path: Path = ("spec", "ingress", index)
            if not entry.get("ports"):
                yield document, path, None
            for place, port in enumerate(items(entry, "ports")):
                yield document, (*path, "ports", place, "port"), str(port.get("port"))


def _mesh_ports(target: Target, pod: Pod) -> Iterator[Allowed]:
    for document in _about(target, "AuthorizationPolicy", pod):
        if at(document.body, "spec", "action") not in (None, "ALLOW"):
            continue
        for index, rule in enumerate(items(document.body, "spec", "rules")):
            path: Path = ("spec", "rules", index)
            if not rule.get("to"):
                yield document, path, None
            for place, entry in enumerate(items(rule, "to")):
                ports = at(entry, "operation", "ports")
                if not ports:
                    yield document, (*path, "to", place), None
                for number, port in enumerate(ports or ()):
                    where = (*path, "to", place, "operation", "ports", number)
                    yield document, where, str(port)


def _about(target: Target, kind: str, pod: Pod) -> Iterator[Document]:
    """Yield the policies of a kind that select the pod by labels."""
    for document in target.documents:
        selector = mapping(document.body, *OWN[kind])
        is_same = (document.kind, document.namespace) == (kind, pod.document.namespace)
        if is_same and selector and matches(selector, pod.labels):
            yield document
