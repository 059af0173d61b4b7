"""VirtualService as Envoy's virtual hosts, for one Gateway."""

from collections.abc import Callable, Iterable

from tests.manifests.mesh.istio.objects import Json, Untranslated, of_kind, one_of, read

Cluster = Callable[[str, int], str]

# What Istio tries again where a VirtualService does not say.
DEFAULT_RETRIES = {"attempts": 2, "retryOn": "connect-failure,refused-stream,unavailable,cancelled"}
NO_LIMIT = "0s"


def virtual_hosts(documents: Iterable[Json], gateway: str, cluster: Cluster) -> list[Json]:
    """``gateway`` is namespace/name; ``cluster`` names the cluster of a destination."""
    hosts = []
    for service in of_kind(documents, "VirtualService"):
        names, gateways, routes = read(service["spec"], "hosts", "gateways", "http")
        namespace = service["metadata"]["namespace"]
        if gateway not in {name if "/" in name else f"{namespace}/{name}" for name in gateways}:
            continue
        hosts.append(
            {
                "name": service["metadata"]["name"],
                "domains": [form for name in names for form in (name, f"{name}:*")],
                "routes": [
                    _route(route, match, cluster)
                    for route in routes
                    for match in route.get("match") or [{}]
                    if gateway in match.get("gateways", [gateway])
                ],
            }
        )
    return hosts


def redirects(names: Iterable[str], hosts: Iterable[Json]) -> list[Json]:
    """Make hosts redirect to HTTPS; what no VirtualService names has nothing behind it.

    Istio takes such a name as it is written: nobody asks for one with a namespace.
    """
    redirecting = [host | {"require_tls": "ALL"} for host in hosts]
    known = {domain for host in redirecting for domain in host["domains"]}
    bare = [
        {"name": name, "domains": [name, f"{name}:*"], "routes": [], "require_tls": "ALL"}
        for name in names
        if name not in known
    ]
    return [*redirecting, *bare]


def _route(route: Json, match: Json, cluster: Cluster) -> Json:
    name, _, headers, direct, fault, *action = read(
        route,
        *("name", "match", "headers", "directResponse", "fault"),
        *("route", "rewrite", "timeout", "retries", "mirrors"),
    )
    request, response = _headers(headers or {})
    result = {"match": _match(match)}
    if name:
        result["name"] = name
    host = request.pop("Host", None)
    result["request_headers_to_add"] = _set(request)
    result["response_headers_to_add"] = _set(response)
    if direct:
        status, body = read(direct, "status", "body")
        (text,) = read(body, "string")
        return result | {"direct_response": {"status": status, "body": {"inline_string": text}}}
    if fault:
        result["typed_per_filter_config"] = {"envoy.filters.http.fault": _fault(fault)}
    return result | {"route": _action(*action, host=host, cluster=cluster)}


def _match(match: Json) -> Json:
    uri, method, headers, authority, _ = read(
        match, "uri", "method", "headers", "authority", "gateways"
    )
    wanted = dict(headers or {})
    if method:
        wanted[":method"] = method
    if authority:
        wanted[":authority"] = authority
    return _path(uri) | {
        "headers": [{"name": name, "string_match": _string(to)} for name, to in wanted.items()]
    }


def _path(uri: Json | None) -> Json:
    if uri is None:
        return {"prefix": "/"}
    kind, value = one_of(uri, "exact", "prefix", "regex")
    return {
        "exact": {"path": value},
        "prefix": {"prefix": value},
        "regex": {"safe_regex": {"regex": value}},
    }[kind]


def _string(match: Json) -> Json:
    kind, value = one_of(match, "exact", "prefix", "regex")
    return {"safe_regex": {"regex": value}} if kind == "regex" else {kind: value}


def _headers(headers: Json) -> tuple[Json, Json]:
    request, response = read(headers, "request", "response")
    (on_request,) = read(request or {}, "set")
    (on_response,) = read(response or {}, "set")
    return dict(on_request or {}), dict(on_response or {})


def _set(headers: Json) -> list[Json]:
    return [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in headers.items()
    ]


def _action(
    destinations: list[Json],
    rewrite: Json | None,
    timeout: str | None,
    retries: Json | None,
    mirrors: list[Json] | None,
    *,
    host: str | None,
    cluster: Cluster,
) -> Json:
    (destination,) = destinations
    to, headers = read(destination, "destination", "headers")
    if headers:
        raise Untranslated(f"headers of a destination: {headers}")
    action: Json = {"cluster": _destination(to, cluster), "timeout": timeout or NO_LIMIT}
    (authority,) = read(rewrite or {}, "authority")
    if authority or host:
        action["host_rewrite_literal"] = authority or host
    if policy := _retries(DEFAULT_RETRIES if retries is None else retries):
        action["retry_policy"] = policy
    action["request_mirror_policies"] = [_mirror(mirror, cluster) for mirror in mirrors or []]
    return action


def _destination(to: Json, cluster: Cluster) -> str:
    host, port = read(to, "host", "port")
    (number,) = read(port, "number")
    return cluster(host, number)


def _retries(retries: Json) -> Json | None:
    attempts, retry_on = read(retries, "attempts", "retryOn")
    if not attempts:
        return None
    conditions = retry_on.split(",")
    codes = [int(condition) for condition in conditions if condition.isdigit()]
    words = [condition for condition in conditions if not condition.isdigit()]
    if codes:
        words.append("retriable-status-codes")
    return {"num_retries": attempts, "retry_on": ",".join(words), "retriable_status_codes": codes}


def _mirror(mirror: Json, cluster: Cluster) -> Json:
    to, percentage = read(mirror, "destination", "percentage")
    return {
        "cluster": _destination(to, cluster),
        "runtime_fraction": {"default_value": _percent(percentage)},
    }


def _fault(fault: Json) -> Json:
    delay, abort = read(fault, "delay", "abort")
    config: Json = {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"}
    if delay:
        fixed, percentage = read(delay, "fixedDelay", "percentage")
        config["delay"] = {"fixed_delay": fixed, "percentage": _percent(percentage)}
    if abort:
        status, percentage = read(abort, "httpStatus", "percentage")
        config["abort"] = {"http_status": status, "percentage": _percent(percentage)}
    return config


def _percent(percentage: Json) -> Json:
    (value,) = read(percentage, "value")
    return {"numerator": round(value * 10_000), "denominator": "MILLION"}
