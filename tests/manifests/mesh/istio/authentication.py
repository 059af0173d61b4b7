"""PeerAuthentication and RequestAuthentication as modes of TLS and Envoy's JWT filter."""

from collections.abc import Iterable, Mapping

from tests.manifests.mesh.istio.objects import (
    Json,
    Workload,
    is_workload_wide,
    read,
    selected,
)


def peer_mode(documents: Iterable[Json], workload: Workload, port: int) -> str:
    """The narrowest statement wins: port, then workload, then namespace, then PERMISSIVE."""
    policies = selected(documents, "PeerAuthentication", workload)
    mode = "PERMISSIVE"
    for policy in sorted(policies, key=is_workload_wide, reverse=True):
        _, mtls, by_port = read(policy["spec"], "selector", "mtls", "portLevelMtls")
        for statement in (mtls, {int(k): v for k, v in (by_port or {}).items()}.get(port)):
            if statement:
                (mode,) = read(statement, "mode")
    return mode


def jwt_filters(
    documents: Iterable[Json], workload: Workload, keys: Mapping[str, str]
) -> list[Json]:
    """A token must be good or missing. ``keys`` has the key set that each jwksUri answers."""
    providers = {
        f"origins-{index}": _provider(rule, keys)
        for policy in selected(documents, "RequestAuthentication", workload)
        for index, rule in enumerate(read(policy["spec"], "selector", "jwtRules")[1])
    }
    if not providers:
        return []
    (name,) = providers
    any_of = {"requirements": [{"provider_name": name}, {"allow_missing": {}}]}
    config = {
        "@type": (
            "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
        ),
        "providers": providers,
        "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": any_of}}],
        "bypass_cors_preflight": True,
    }
    return [{"name": "envoy.filters.http.jwt_authn", "typed_config": config}]


def _provider(rule: Json, keys: Mapping[str, str]) -> Json:
    issuer, uri, audiences, is_forwarded, headers = read(
        rule, "issuer", "jwksUri", "audiences", "forwardOriginalToken", "fromHeaders"
    )
    return {
        "issuer": issuer,
        "audiences": audiences,
        "forward": bool(is_forwarded),
        "payload_in_metadata": "payload",
        "local_jwks": {"inline_string": keys[uri]},
        # With neither places nor parameters Envoy looks in Authorization and in ?access_token=.
        "from_headers": [_place(header) for header in headers or []],
    }


def _place(header: Json) -> Json:
    name, prefix = read(header, "name", "prefix")
    return {"name": name, "value_prefix": prefix or ""}
