"""Hosts that are open to the outside: routed where they are served, and never without a token."""

from collections.abc import Iterator
from typing import Any, Final

from manifests.lint.faults import Finding, Path, at, items, mapping
from manifests.lint.mesh import GATEWAYS, ISTIO
from manifests.lint.render import Document
from manifests.lint.target import Target

SHARED: Final = {"istio": "ingressgateway"}
NAMESPACE: Final = "istio-system"
SNI: Final = "connection.sni"
NO_TOKEN: Final = {"source": {"notRequestPrincipals": ["*"]}}

Server = tuple[Path, dict[str, Any]]


def check(target: Target) -> Iterator[Finding]:
    """Yield hosts that are open, or lead nowhere, as one file of several does not know them."""
    guarded = set(_guarded(target))
    for document in target.documents:
        if document.kind == "Gateway" and at(document.body, "spec", "selector") == SHARED:
            yield from _served(target, document, guarded)
        if document.kind == "VirtualService":
            yield from _routed(target, document)


def _served(target: Target, document: Document, guarded: set[str]) -> Iterator[Finding]:
    for path, server in _servers(document):
        # There everybody has a name.
        if at(server, "tls", "mode") == "ISTIO_MUTUAL":
            continue
        if at(server, "port", "protocol") == "HTTP":
            yield from _plain(target, document, path, server)
            continue
        for index, host in enumerate(_hosts(server)):
            if host not in guarded:
                rule = (
                    f"must have a DENY in {NAMESPACE} from notRequestPrincipals * alone, to hosts "
                    f"{host} and {host}:*, when {SNI} is {host} (ours)"
                )
                yield Finding(document, (*path, "hosts", index), rule)


def _plain(
    target: Target, document: Document, path: Path, server: dict[str, Any]
) -> Iterator[Finding]:
    if not at(server, "tls", "httpsRedirect"):
        yield Finding(document, (*path, "tls"), "must have httpsRedirect: true (ours)")
    over_tls = {
        host
        for each in target.documents
        if each.kind == "Gateway"
        for _, other in _servers(each)
        if at(other, "tls", "mode")
        for host in _hosts(other)
    }
    for index, host in enumerate(_hosts(server)):
        if host not in over_tls:
            rule = "must be the host of a server with TLS, to redirect to (ours)"
            yield Finding(document, (*path, "hosts", index), rule)
        if "/" in server["hosts"][index]:
            rule = f"must have no namespace: without routes it would not redirect ({ISTIO})"
            yield Finding(document, (*path, "hosts", index), rule)


def _guarded(target: Target) -> Iterator[str]:
    """Yield the hosts that nobody without a token may ask, but for some paths."""
    for document in target.documents:
        spec = document.body.get("spec")
        is_there = (document.kind, document.namespace) == ("AuthorizationPolicy", NAMESPACE)
        is_shared = at(spec, "selector", "matchLabels") == SHARED
        if not is_there or not is_shared or at(spec, "action") != "DENY":
            continue
        for rule in items(spec, "rules"):
            if NO_TOKEN in items(rule, "from"):
                yield from _hosts_of_rule(rule)


def _hosts_of_rule(rule: dict[str, Any]) -> Iterator[str]:
    conditions = items(rule, "when")
    # Another condition leaves out some requests; without this one TCP of other hosts is shut.
    if [at(condition, "key") for condition in conditions] != [SNI]:
        return
    names = at(conditions[0], "values") or []
    for entry in items(rule, "to"):
        operation = mapping(entry, "operation")
        if operation.keys() - {"hosts", "notPaths"}:
            continue
        hosts = operation.get("hosts", [])
        yield from (host for host in hosts if host in names and f"{host}:*" in hosts)


def _routed(target: Target, document: Document) -> Iterator[Finding]:
    names = at(document.body, "spec", "gateways") or []
    served: set[str] = set()
    for index, name in enumerate(names):
        if name in GATEWAYS:
            return
        namespace, _, short = (name if "/" in name else f"{document.namespace}/{name}").partition(
            "/"
        )
        found = target.named("Gateway", namespace, short)
        # mesh.py says so.
        if not found:
            return
        servers = [server for gateway in found for _, server in _servers(gateway)]
        served |= {host for server in servers for host in _hosts(server)}
        if any(at(server, "tls", "httpsRedirect") for server in servers):
            rule = (
                "must name no Gateway with httpsRedirect, which X-Forwarded-Proto may skip (ours)"
            )
            yield Finding(document, ("spec", "gateways", index), rule)
    for index, host in enumerate(at(document.body, "spec", "hosts") or ()):
        if host not in served:
            rule = f"must be a host of its Gateways ({ISTIO})"
            yield Finding(document, ("spec", "hosts", index), rule)


def _servers(gateway: Document) -> Iterator[Server]:
    for index, server in enumerate(items(gateway.body, "spec", "servers")):
        yield ("spec", "servers", index), server


def _hosts(server: dict[str, Any]) -> list[str]:
    """Return a server's hosts without the namespaces that may route them."""
    return [str(host).rpartition("/")[2] for host in server.get("hosts", ())]
