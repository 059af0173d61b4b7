"""The InferenceService for gRPC: base's, with one port and probes that Knative leaves right."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from manifests.lint.render import Document
from tests.manifests.scan.equivalent import equivalent_of
from tests.manifests.variants.overlay import build, service_of
from tests.predictor.server.conftest import Predictor

COMPONENTS = ["grpc", "mesh", "grpc/mesh", "monitoring", "grpc/monitoring"]
QUEUE_PROXY_HTTP2 = 8013


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    return build(tmp_path_factory.mktemp("grpc"), COMPONENTS)


@pytest.fixture(scope="module")
def predictor_spec(documents: list[Document]) -> dict[str, Any]:
    return service_of(documents, "r1-grpc")["spec"]["predictor"]


@pytest.fixture(scope="module")
def container(documents: list[Document]) -> dict[str, Any]:
    """As it is in the pod, after Knative."""
    deployment = equivalent_of(service_of(documents, "r1-grpc"))[0]
    return deployment["spec"]["template"]["spec"]["containers"][0]


def find(documents: list[Document], kind: str, name: str) -> dict[str, Any]:
    [body] = [d.body for d in documents if (d.kind, d.name) == (kind, name)]
    return body["spec"]


def test_its_one_port_is_the_predictor_s_for_grpc_under_knative_s_name(
    predictor_spec: dict[str, Any],
) -> None:
    assert predictor_spec["containers"][0]["ports"] == [
        {"name": "h2c", "containerPort": 8081, "protocol": "TCP"}
    ]


def test_all_else_is_base_s(documents: list[Document], predictor_spec: dict[str, Any]) -> None:
    rest = service_of(documents)["spec"]["predictor"]
    assert rest | {"maxReplicas": 0, "containers": []} == (
        predictor_spec | {"maxReplicas": 0, "containers": []}
    )
    changed = ("ports", "readinessProbe", "livenessProbe")
    both = [spec["containers"][0] for spec in (rest, predictor_spec)]
    assert len({str([c[key] for key in sorted(c) if key not in changed]) for c in both}) == 1


def test_a_service_s_name_sets_no_flag(predictor_spec: dict[str, Any]) -> None:
    assert predictor_spec["enableServiceLinks"] is False


def test_shared_objects_come_once(documents: list[Document]) -> None:
    names = [(d.kind, d.body["metadata"].get("namespace"), d.name) for d in documents]
    assert len(names) == len(set(names))


def test_knative_leaves_the_liveness_probe_as_it_is(
    container: dict[str, Any], predictor_spec: dict[str, Any]
) -> None:
    assert container["livenessProbe"] == predictor_spec["containers"][0]["livenessProbe"]


def test_the_liveness_probe_passes_while_the_predictor_lives(
    container: dict[str, Any], predictor: Predictor
) -> None:
    assert probe(container, predictor.url.removeprefix("http://")) == 0


def test_the_liveness_probe_fails_where_nothing_listens(container: dict[str, Any]) -> None:
    assert probe(container, "127.0.0.1:1") != 0


def probe(container: dict[str, Any], address: str) -> int:
    program, *arguments = container["livenessProbe"]["exec"]["command"]
    assert program == "python3"
    arguments = [word.replace("127.0.0.1:8080", address) for word in arguments]
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        timeout=container["livenessProbe"]["timeoutSeconds"],
    )
    return done.returncode


def test_the_readiness_probe_is_one_that_the_predictor_answers(
    container: dict[str, Any], predictor: Predictor
) -> None:
    service = container["readinessProbe"]["grpc"].get("service", "")
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=30)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("kind", ["NetworkPolicy", "PodDisruptionBudget"])
def test_it_has_policies_of_its_own(documents: list[Document], kind: str) -> None:
    spec = find(documents, kind, "r1-grpc-predictor")
    selector = spec.get("podSelector") or spec["selector"]
    deployment = equivalent_of(service_of(documents, "r1-grpc"))[0]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert selector["matchLabels"] == {"serving.knative.dev/service": "r1-grpc-predictor"}
    assert selector["matchLabels"].items() <= labels.items()


def test_requests_reach_queue_proxy_s_port_for_http2(documents: list[Document]) -> None:
    service = equivalent_of(service_of(documents, "r1-grpc"))[1]
    assert service["spec"]["ports"][0]["targetPort"] == QUEUE_PROXY_HTTP2
    ingress = find(documents, "NetworkPolicy", "r1-grpc-predictor")["ingress"]
    assert [port["port"] for port in ingress[0]["ports"]] == [QUEUE_PROXY_HTTP2]


@pytest.mark.parametrize("name", ["r1-knative", "r1-requests", "r1-never"])
def test_the_mesh_s_rules_for_requests_hold_for_grpc_too(
    documents: list[Document], name: str
) -> None:
    operations = [
        to["operation"]
        for rule in find(documents, "AuthorizationPolicy", name)["rules"]
        for to in rule["to"]
        if "GET" not in to["operation"].get("methods", []) or name == "r1-knative"
    ]
    ports = [operation["ports"] for operation in operations if "8012" in operation["ports"]]
    assert ports
    assert all(str(QUEUE_PROXY_HTTP2) in port for port in ports)


def test_the_rate_limit_holds_for_grpc_too(documents: list[Document]) -> None:
    patches = find(documents, "EnvoyFilter", "r1-rate-limit")["configPatches"]
    by_port: dict[int, list[str]] = {}
    for patch in patches:
        by_port.setdefault(patch["match"]["listener"]["portNumber"], []).append(patch["applyTo"])
    assert by_port[QUEUE_PROXY_HTTP2] == by_port[8012]


def test_its_metrics_come_from_the_port_that_knative_does_not_know(
    documents: list[Document],
) -> None:
    spec = find(documents, "PodMonitor", "r1-grpc-predictor")
    assert spec["selector"]["matchLabels"] == {"serving.kserve.io/inferenceservice": "r1-grpc"}
    [address] = [
        rule
        for rule in spec["podMetricsEndpoints"][0]["relabelings"]
        if rule.get("targetLabel") == "__address__"
    ]
    assert address["replacement"] == "$1:8080"


@pytest.mark.parametrize("name", ["r1", "r1-grpc"])
def test_each_has_a_sidecar(documents: list[Document], name: str) -> None:
    labels = service_of(documents, name)["spec"]["predictor"]["labels"]
    assert labels["sidecar.istio.io/inject"] == "true"


def test_it_stands_without_the_other_components(tmp_path: Path) -> None:
    documents = build(tmp_path, ["grpc"])
    assert {d.name for d in documents if d.kind == "InferenceService"} == {"r1", "r1-grpc"}
