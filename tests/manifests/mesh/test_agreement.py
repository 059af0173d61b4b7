"""What is said in two places is said alike."""

import yaml

from manifests.lint.render import MANIFESTS
from tests.manifests.mesh.conftest import objects
from tests.manifests.mesh.topology import Mesh

MESH = yaml.safe_load(MANIFESTS.joinpath("cluster/mesh/istiod-values.yaml").read_text())[
    "meshConfig"
]


def test_paths_are_normalized_as_these_tests_take_for_granted() -> None:
    assert MESH["pathNormalization"]["normalization"] == Mesh.normalization


def test_traces_go_to_a_provider_that_istiod_knows() -> None:
    (tracing,) = objects()["Telemetry r1/default"]["spec"]["tracing"]
    assert tracing["providers"] == [{"name": each["name"]} for each in MESH["extensionProviders"]]


def test_traces_may_leave_to_where_the_provider_listens() -> None:
    (provider,) = MESH["extensionProviders"]
    (rule,) = objects()["NetworkPolicy r1/r1-tracing"]["spec"]["egress"]
    assert [port["port"] for port in rule["ports"]] == [provider["opentelemetry"]["port"]]


def test_sidecars_know_these_hosts_and_no_other() -> None:
    (egress,) = objects()["Sidecar r1/default"]["spec"]["egress"]
    assert egress["hosts"] == [
        "./*",
        "istio-system/*",
        "default/kubernetes.default.svc.cluster.local",
        "monitoring/*",
        "observability/otel-collector.observability.svc.cluster.local",
    ]


def test_activator_and_gateway_know_the_same_client_namespaces() -> None:
    sources = [
        objects()[f"AuthorizationPolicy {namespace}/r1-callers"]["spec"]["rules"][0]["from"][0]
        for namespace in ("istio-system", "knative-serving")
    ]
    namespaces = [source["source"]["notNamespaces"] for source in sources]
    assert namespaces == [["r1", "frontend", "processing"]] * 2


def test_callers_are_asked_for_on_every_port_of_knatives_gateway() -> None:
    rules = objects()["AuthorizationPolicy istio-system/r1-callers"]["spec"]["rules"]
    assert [rule["to"][0]["operation"]["ports"] for rule in rules] == [["8081", "8444"]] * 2


def test_both_ask_for_the_same_tokens() -> None:
    rules = [
        objects()[f"RequestAuthentication {namespace}/r1"]["spec"]["jwtRules"][0]
        for namespace in ("r1", "istio-system")
    ]
    predictor, gateway = rules
    assert gateway == predictor | {"forwardOriginalToken": True}
