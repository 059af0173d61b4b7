"""The doors of a mesh with r1 behind them, as Envoy listeners: gateway, activator, predictor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from tests.manifests.mesh import envoy
from tests.manifests.mesh.identities import JWKS_URI, Authority, Identity, Issuer
from tests.manifests.mesh.istio.authentication import jwt_filters, peer_mode
from tests.manifests.mesh.istio.authorization import network_rbac_filters, rbac_filters
from tests.manifests.mesh.istio.gateways import server
from tests.manifests.mesh.istio.objects import Json, Workload
from tests.manifests.mesh.istio.routes import redirects, virtual_hosts
from tests.manifests.mesh.istio.traffic import (
    cluster_settings,
    is_mutual,
    patch_inbound,
    traffic_policy,
)

# Each door and the port that the objects know it by. 8443 is the pod's port for 443, 8080 for 80.
PREDICTOR = {"predictor": 8012, "autoscaling": 9090, "metrics": 8080}
ACTIVATOR = {"activator": 8012}
GATEWAY = {"inside": 8081, "outside": 8443, "plain": 8080}
DOORS = (*PREDICTOR, *ACTIVATOR, *GATEWAY)
LOCAL_GATEWAY = "knative-local-gateway.istio-system.svc.cluster.local"
PRIVATE = "r1-predictor-00001-private.r1.svc.cluster.local"
# A host of another tenant of the gateway, on the same port.
TENANT = "tenant.example.com"
# Not a policy: whether TLS asks callers for a certificate of the mesh's authority.
VERIFICATION = "the verification of certificates"
ECHO = {
    "x-host": "%REQ(K-Original-Host?:authority)%",
    "x-revision": "%REQ(Knative-Serving-Revision)%",
    "x-authorization": "%REQ(authorization)%",
    "x-timeout-ms": "%REQ(x-envoy-expected-rq-timeout-ms)%",
}


@dataclass(frozen=True)
class Trust:
    """Who signs what in one mesh."""

    mesh: Authority = field(default_factory=Authority)
    issuer: Issuer = field(default_factory=Issuer)


@dataclass(frozen=True)
class Mesh:
    """One set of objects, and the doors they guard; ``app`` is the port behind the predictor's."""

    name: str
    documents: Mapping[str, Json]
    trust: Trust
    app: int
    doors: Mapping[str, int]
    removed: frozenset[str] = frozenset()
    normalization: str = "DECODE_AND_MERGE_SLASHES"
    # Ports in place of a service's own, in plain text.
    instead: Mapping[str, int] = field(default_factory=dict)
    # Ports of the pods, in place of the predictor's door.
    pods: tuple[int, ...] = ()
    # Of the port of the pods: http or h2c.
    pods_protocol: Json = field(default_factory=lambda: envoy.HTTP_1)
    # Proxies before the gateway whose X-Forwarded headers it believes.
    num_trusted_proxies: int = 0
    # The port of another tenant's server, which TLS passes through to.
    tenant: int | None = None

    def listeners(self) -> list[Json]:
        predictor = self._workload("r1", PREDICTOR, component="predictor", service="r1-predictor")
        activator = self._workload("knative-serving", ACTIVATOR, app="activator")
        gateway = self._workload("istio-system", GATEWAY, istio="ingressgateway")
        sidecars = [self._sidecar(predictor, door, self.app_host()) for door in PREDICTOR]
        gateways = [self._gateway(gateway, door) for door in GATEWAY]
        return [*sidecars, self._sidecar(activator, "activator", self._activated()), *gateways]

    def clusters(self) -> list[Json]:
        gateway = self._account("istio-system", "istio-ingressgateway-service-account")
        activator = self._account("knative-serving", "activator")
        is_local_mutual = is_mutual(traffic_policy(self._values, LOCAL_GATEWAY), 80)
        named = partial("{} {}".format, self.name)
        policy = traffic_policy(self._values, PRIVATE)
        return [
            envoy.cluster(named("app"), self.app),
            envoy.cluster(
                named("pods"),
                *(self.pods or [self.doors["predictor"]]),
                protocol=self.pods_protocol,
                **({} if self.pods else {"tls": self._tls_as(activator)}),
                **(cluster_settings(policy) if policy else {}),
            ),
            envoy.cluster(named("activator"), self.doors["activator"], tls=self._tls_as(gateway)),
            envoy.cluster(
                named("local"),
                self.doors["inside"],
                **({"tls": self._tls_as(gateway)} if is_local_mutual else {}),
            ),
            *[envoy.cluster(named(host), port) for host, port in self.instead.items()],
            *([envoy.cluster(named("tenant"), self.tenant)] if self.tenant else []),
        ]

    def app_host(self) -> list[Json]:
        route = {"cluster": f"{self.name} app", "timeout": "0s"}
        return [_everything(route={"match": {"prefix": "/"}, "route": route})]

    def _activated(self) -> list[Json]:
        """The activator: its own certificate, and the host hidden as it hides it."""
        original = {"header": {"key": "K-Original-Host", "value": "%REQ(:authority)%"}}
        action = {
            "cluster": f"{self.name} pods",
            "timeout": "0s",
            "host_rewrite_literal": "10.0.0.1",
        }
        route = {"match": {"prefix": "/"}, "route": action, "request_headers_to_add": [original]}
        return [_everything(route=route)]

    @property
    def _values(self) -> list[Json]:
        return list(self.documents.values())

    def _workload(self, namespace: str, doors: Mapping[str, int], **labels: str) -> Workload:
        if service := labels.pop("service", None):
            labels["serving.knative.dev/service"] = service
        ports = {port: self.doors[door] for door, port in doors.items()}
        return Workload(namespace, labels, ports)

    def _filters(self, workload: Workload) -> list[Json]:
        keys = {JWKS_URI: self.trust.issuer.keys}
        return [
            *jwt_filters(self._values, workload, keys),
            *rbac_filters(self._values, workload),
        ]

    def _sidecar(self, workload: Workload, door: str, hosts: list[Json]) -> Json:
        port = {**PREDICTOR, **ACTIVATOR}[door]
        manager, filters = patch_inbound(
            self._values,
            workload,
            port,
            envoy.manager(door, hosts, self.normalization),
            self._filters(workload),
        )
        manager = envoy.with_filters(manager, filters)
        account = self._account(workload.namespace, door)
        chains = [envoy.chain(manager, self._mutual(account), transport_protocol="tls")]
        if peer_mode(self._values, workload, port) == "PERMISSIVE":
            chains.append(envoy.chain(manager, None, transport_protocol="raw_buffer"))
        return envoy.listener(f"{self.name} {door}", self.doors[door], chains)

    def _gateway(self, workload: Workload, door: str) -> Json:
        local = "knative-serving/knative-local-gateway"
        name, port = {
            "inside": (local, 8081),
            "outside": ("r1/r1-external", 443),
            "plain": ("r1/r1-external-plain", 80),
        }[door]
        asked = server(self.documents[f"Gateway {name}"], port)
        hosts = virtual_hosts(self._values, name, self._cluster)
        if asked.is_redirect:
            hosts = redirects(asked.hosts, hosts)
        manager = envoy.manager(door, hosts, self.normalization) | {
            "use_remote_address": True,
            "xff_num_trusted_hops": self.num_trusted_proxies,
        }
        manager = envoy.with_filters(manager, self._filters(workload))
        gateway = self._account("istio-system", "istio-ingressgateway-service-account")
        transport, match = None, {}
        if asked.mode == "ISTIO_MUTUAL":
            transport = self._mutual(gateway)
        elif asked.mode == "SIMPLE":
            identity = self.trust.mesh.host(asked.server_names[0])
            transport = envoy.downstream_tls(identity, None, asked.min_version)
            match = {"server_names": asked.server_names}
        chains = [envoy.chain(manager, transport, **match)]
        if self.tenant and door == "outside":
            filters = network_rbac_filters(self._values, workload)
            names = {"server_names": [TENANT]}
            chains.append(envoy.tcp_chain("tenant", filters, f"{self.name} tenant", **names))
        return envoy.listener(f"{self.name} {door}", self.doors[door], chains)

    def _cluster(self, host: str, port: int) -> str:
        """The cluster of a Service; behind the public ones of revisions is the activator."""
        assert port == 80
        if host in self.instead:
            return f"{self.name} {host}"
        known = {
            LOCAL_GATEWAY: "local",
            "activator-service.knative-serving.svc.cluster.local": "activator",
        }
        if host.startswith("r1-predictor-0"):
            return f"{self.name} activator"
        return f"{self.name} {known[host]}"

    def _account(self, namespace: str, account: str) -> Identity:
        return self.trust.mesh.workload(namespace, account)

    def _tls_as(self, identity: Identity) -> Json:
        return envoy.upstream_tls(identity, self.trust.mesh.certificate)

    def _mutual(self, identity: Identity) -> Json:
        validation: Json = {"trusted_ca": {"inline_string": self.trust.mesh.certificate}}
        if VERIFICATION in self.removed:
            validation["trust_chain_verification"] = "ACCEPT_UNTRUSTED"
        return envoy.downstream_tls(identity, validation, "TLSv1_2")


def _everything(route: Json) -> Json:
    return {"name": "all", "domains": ["*"], "routes": [route]}


def echo(
    port: int, status: int = 200, delay: str | None = None, transport: Json | None = None
) -> Json:
    """A listener that answers everything with what it was asked."""
    headers = [{"header": {"key": key, "value": value}} for key, value in ECHO.items()]
    route: Json = {
        "match": {"prefix": "/"},
        "direct_response": {"status": status},
        "response_headers_to_add": headers,
    }
    if delay:
        fault = {"fixed_delay": delay, "percentage": {"numerator": 100}}
        route["typed_per_filter_config"] = {
            "envoy.filters.http.fault": {"@type": envoy.FAULT, "delay": fault}
        }
    # Else Envoy drops the x-envoy- headers of the hop before.
    everybody = {"cidr_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 0}]}
    manager = envoy.manager("echo", [_everything(route)], "BASE") | {
        "internal_address_config": everybody
    }
    return envoy.listener(
        f"echo {port}", port, [envoy.chain(envoy.with_filters(manager, []), transport)]
    )
