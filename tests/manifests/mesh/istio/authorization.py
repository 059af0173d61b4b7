"""AuthorizationPolicy as Envoy's RBAC filters: DENY first, then ALLOW."""

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
    common = [part for condition in conditions or [] for part in _condition(condition)]
    return {
        "permissions": [_operation(to, workload) for to in operations or []] or [{"any": True}],
        "principals": [_source(source, common) for source in sources or [{"source": {}}]],
    }


def _operation(to: Json, workload: Workload) -> Json:
    (operation,) = read(to, "operation")
    kinds = {
        "hosts": lambda value: {"header": matchers.header(":authority", value, ignore_case=True)},
        "paths": lambda value: {"url_path": {"path": matchers.string(value)}},
        "methods": lambda value: {"header": matchers.header(":method", value)},
        # One that the workload does not listen on matches nothing.
        "ports": lambda value: {"destination_port": workload.ports.get(int(value), int(value))},
    }
    return {"and_rules": {"rules": _all(operation, kinds, "rules", "or_rules", "not_rule")}}


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
