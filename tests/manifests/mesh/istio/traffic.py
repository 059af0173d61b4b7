"""DestinationRule and EnvoyFilter as parts of Envoy's clusters and connection managers."""

from collections.abc import Iterable
from typing import Any

from tests.manifests.mesh.istio.objects import Json, Untranslated, Workload, of_kind, read, selected

MANAGER = "envoy.filters.network.http_connection_manager"


def traffic_policy(documents: Iterable[Json], host: str) -> Json:
    """Return what the most specific rule for a host says, or nothing."""
    rules = [
        read(rule["spec"], "host", "trafficPolicy")
        for rule in of_kind(documents, "DestinationRule")
    ]
    matching = [
        (name, policy)
        for name, policy in rules
        if name == host or (name.startswith("*") and host.endswith(name[1:]))
    ]
    return max(matching, key=lambda rule: len(rule[0]), default=("", {}))[1]


def is_mutual(policy: Json, port: int) -> bool:
    (settings,) = read(policy, "portLevelSettings")
    for setting in settings or []:
        selector, tls = read(setting, "port", "tls")
        if read(selector, "number") == [port]:
            if read(tls, "mode") != ["ISTIO_MUTUAL"]:
                raise Untranslated(f"tls {tls}")
            return True
    return False


def cluster_settings(policy: Json) -> Json:
    pool, outliers = read(policy, "connectionPool", "outlierDetection")
    return _pool(pool) | _outliers(outliers)


def _pool(pool: Json) -> Json:
    (tcp,) = read(pool, "tcp")
    connect_timeout, keepalive = read(tcp, "connectTimeout", "tcpKeepalive")
    time, interval, probes = read(keepalive, "time", "interval", "probes")
    return {
        "connect_timeout": connect_timeout,
        "upstream_connection_options": {
            "tcp_keepalive": {
                "keepalive_time": int(time.removesuffix("s")),
                "keepalive_interval": int(interval.removesuffix("s")),
                "keepalive_probes": probes,
            }
        },
    }


def _outliers(outliers: Json) -> Json:
    split, local, answers, gateway, interval, ejection, maximum, healthy = read(
        outliers,
        *("splitExternalLocalOriginErrors", "consecutiveLocalOriginFailures"),
        *("consecutive5xxErrors", "consecutiveGatewayErrors"),
        *("interval", "baseEjectionTime", "maxEjectionPercent", "minHealthPercent"),
    )
    return {
        "outlier_detection": {
            "split_external_local_origin_errors": split,
            "consecutive_local_origin_failure": local,
            "enforcing_consecutive_local_origin_failure": 100,
            "consecutive_5xx": answers,
            "enforcing_consecutive_5xx": 100 if answers else 0,
            "consecutive_gateway_failure": gateway,
            "enforcing_consecutive_gateway_failure": 100 if gateway else 0,
            "enforcing_success_rate": 0,
            "enforcing_local_origin_success_rate": 0,
            "interval": interval,
            "base_ejection_time": ejection,
            "max_ejection_percent": maximum,
        },
        "common_lb_config": {"healthy_panic_threshold": {"value": healthy}},
    }


def patch_inbound(
    documents: Iterable[Json], workload: Workload, port: int, manager: Json, filters: list[Json]
) -> tuple[Json, list[Json]]:
    """Return the connection manager and its filters with the EnvoyFilters applied."""
    for document in selected(documents, "EnvoyFilter", workload):
        _, patches = read(document["spec"], "workloadSelector", "configPatches")
        for entry in patches:
            to, match, patch = read(entry, "applyTo", "match", "patch")
            is_router = _is_before_router(match, port)
            if is_router is None:
                continue
            operation, value = read(patch, "operation", "value")
            if (to, operation, is_router) == ("HTTP_FILTER", "INSERT_BEFORE", True):
                filters = [*filters, value]
            elif (to, operation, is_router) == ("NETWORK_FILTER", "MERGE", False):
                manager = manager | read(value, "typed_config")[0]
            else:
                raise Untranslated(f"{operation} of {to}")
    return manager, filters


def _is_before_router(match: Json, port: int) -> bool | None:
    """Whether a patch goes before the router, or to the manager itself; None: to another port."""
    context, listener = read(match, "context", "listener")
    number, chain = read(listener, "portNumber", "filterChain")
    name, sub_filter = read(read(chain, "filter")[0], "name", "subFilter")
    known: list[Any] = [None, {"name": "envoy.filters.http.router"}]
    if context != "SIDECAR_INBOUND" or name != MANAGER or sub_filter not in known:
        raise Untranslated(f"match {match}")
    return None if number != port else sub_filter is not None
