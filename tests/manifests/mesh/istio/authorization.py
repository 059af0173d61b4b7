"""AuthorizationPolicy as Envoy's RBAC filters, for HTTP and for TCP: DENY first, then ALLOW."""

from collections.abc import Callable, Iterable
from functools import partial

from tests.manifests.mesh.istio import matchers
from tests.manifests.mesh.istio.objects import (
    Json,
    Untranslated,
    Workload,
    identity,
    read,
    selected,
)

SNI = "connection.sni"
# What says nothing of a connection: on TCP Istio drops it from a DENY.
HTTP_FIELDS = {"hosts", "paths", "methods", "requestPrincipals"}
NEVER = {"permissions": [{"not_rule": {"any": True}}], "principals": [{"any": True}]}


def rbac_filters(documents: Iterable[Json], workload: Workload) -> list[Json]:
    policies = selected(documents, "AuthorizationPolicy", workload)
    filters = []
    for action in ("DENY", "ALLOW"):
        rules = {}
        for policy in policies:
            _, policy_action, policy_rules = read(policy["spec"], "selector", "action", "rules")
            if (policy_action or "ALLOW") == action:
                rules |= _rules(identity(policy), policy_rules or [], workload)
        if rules:
            filters.append(_filter(action, rules))
    return filters


def network_rbac_filters(documents: Iterable[Json], workload: Workload) -> list[Json]:
    """For TCP; an ALLOW, whose rules Istio drops whole there, is Untranslated."""
    rules = {}
    for policy in selected(documents, "AuthorizationPolicy", workload):
        _, action, policy_rules = read(policy["spec"], "selector", "action", "rules")
        if action != "DENY":
            raise Untranslated(f"{action or 'ALLOW'} on TCP")
        rules |= _rules(identity(policy), [_of_connection(rule) for rule in policy_rules], workload)
    config = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
        "stat_prefix": "tcp",
        "rules": {"action": "DENY", "policies": rules},
    }
    return [{"name": "envoy.filters.network.rbac", "typed_config": config}] if rules else []


def _of_connection(rule: Json) -> Json:
    sources, operations, conditions = read(rule, "from", "to", "when")
    return {
        "from": [{"source": _known_on_tcp(entry["source"])} for entry in sources or []],
        "to": [{"operation": _known_on_tcp(entry["operation"])} for entry in operations or []],
        "when": [each for each in conditions or [] if not each["key"].startswith("request.")],
    }


def _known_on_tcp(body: Json) -> Json:
    negated = {f"not{name[0].upper()}{name[1:]}" for name in HTTP_FIELDS}
    return {name: values for name, values in body.items() if name not in HTTP_FIELDS | negated}


def _filter(action: str, policies: Json) -> Json:
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {"action": action, "policies": policies},
        },
    }


def _rules(name: str, rules: list[Json], workload: Workload) -> Json:
    if not rules:
        return {name: NEVER}
    return {f"{name} {index}": _rule(rule, workload) for index, rule in enumerate(rules)}


def _rule(rule: Json, workload: Workload) -> Json:
    sources, operations, conditions = read(rule, "from", "to", "when")
    of_caller = [each for each in conditions or [] if each["key"] != SNI]
    of_target = [_server_name(each) for each in conditions or [] if each["key"] == SNI]
    common = [part for condition in of_caller for part in _condition(condition)]
    return {
        "permissions": [
            _operation(to, of_target, workload) for to in operations or [{"operation": {}}]
        ],
        "principals": [_source(source, common) for source in sources or [{"source": {}}]],
    }


def _server_name(condition: Json) -> Json:
    _, values = read(condition, "key", "values")
    names = [{"requested_server_name": matchers.string(value)} for value in values]
    return {"or_rules": {"rules": names}}


def _operation(to: Json, common: list[Json], workload: Workload) -> Json:
    (operation,) = read(to, "operation")
    kinds = {
        "hosts": lambda value: {"header": matchers.header(":authority", value, ignore_case=True)},
        "paths": lambda value: {"url_path": {"path": matchers.string(value)}},
        "methods": lambda value: {"header": matchers.header(":method", value)},
        # One that the workload does not listen on matches nothing.
        "ports": lambda value: {"destination_port": workload.ports.get(int(value), int(value))},
    }
    parts = _all(operation, kinds, "rules", "or_rules", "not_rule") + common
    return {"and_rules": {"rules": parts or [{"any": True}]}}


def _source(entry: Json, common: list[Json]) -> Json:
    (source,) = read(entry, "source")
    kinds = {
        "principals": lambda value: _peer(matchers.string(value, prefix="spiffe://")),
        "namespaces": lambda value: _peer(matchers.regex(f".*/ns/{value}/.*")),
        "requestPrincipals": _request_principal,
    }
    parts = _all(source, kinds, "ids", "or_ids", "not_id") + common
    return {"and_ids": {"ids": parts or [{"any": True}]}}


def _all(
    body: Json, kinds: dict[str, Callable[[str], Json]], listed: str, any_of: str, negated: str
) -> list[Json]:
    """One alternative of matchers for each field, and for each field's ``not`` form."""
    negations = {f"not{name[0].upper()}{name[1:]}": name for name in kinds}
    read(body, *kinds, *negations)
    alternatives = [
        (field, {any_of: {listed: [kinds[negations.get(field, field)](value) for value in values]}})
        for field, values in body.items()
    ]
    return [{negated: each} if field in negations else each for field, each in alternatives]


def _peer(name: Json) -> Json:
    return {"authenticated": {"principal_name": name}}


def _request_principal(value: str) -> Json:
    if value != "*":
        raise Untranslated(f"requestPrincipals {value}")
    return {"and_ids": {"ids": [matchers.claim("iss", ["*"]), matchers.claim("sub", ["*"])]}}


def _condition(condition: Json) -> list[Json]:
    key, values, not_values = read(condition, "key", "values", "notValues")
    match = _attribute(key)
    parts = []
    if values:
        parts.append(match(values))
    if not_values:
        parts.append({"not_id": match(not_values)})
    return parts


def _attribute(key: str) -> Callable[[list[str]], Json]:
    attribute, _, name = key.rstrip("]").partition("[")
    if attribute == "request.headers":
        return partial(_headers, name)
    if attribute == "request.auth.claims":
        return partial(matchers.claim, name)
    raise Untranslated(f"when {key}")


def _headers(name: str, values: list[str]) -> Json:
    return {"or_ids": {"ids": [{"header": matchers.header(name, value)} for value in values]}}
