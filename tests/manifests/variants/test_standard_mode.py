"""KServe without Knative: nothing of Knative is left, and everything still finds the pods."""

from pathlib import Path
from typing import Any

import pytest

from manifests.lint.render import Document
from tests.manifests.scan.equivalent import equivalent_of
from tests.manifests.variants.overlay import build, service_of

COMPONENTS = ["mesh", "monitoring", "standard-mode", "standard-mode/mesh"]
KNATIVE = "serving.knative.dev/service"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    # A field that KServe would ignore without a word.
    canary = {
        "patch": '[{"op": "add", "path": "/spec/predictor/canaryTrafficPercent", "value": 10}]',
        "target": {"kind": "InferenceService", "name": "r1"},
    }
    return build(tmp_path_factory.mktemp("standard"), COMPONENTS, [canary])


@pytest.fixture(scope="module")
def predictor(documents: list[Document]) -> dict[str, Any]:
    return service_of(documents)["spec"]["predictor"]


@pytest.fixture(scope="module")
def pod(documents: list[Document]) -> dict[str, Any]:
    return equivalent_of(service_of(documents))[0]["spec"]["template"]


def find(documents: list[Document], kind: str, name: str) -> dict[str, Any]:
    [body] = [d.body for d in documents if (d.kind, d.name) == (kind, name)]
    return body["spec"]


def test_the_mode_is_named(documents: list[Document]) -> None:
    annotations = service_of(documents)["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "Standard"
    assert "serving.kserve.io/enable-tag-routing" not in annotations


@pytest.mark.parametrize(
    "field", ["canaryTrafficPercent", "containerConcurrency", "scaleMetric", "scaleTarget"]
)
def test_fields_that_only_knative_obeys_are_gone(predictor: dict[str, Any], field: str) -> None:
    assert field not in predictor


def test_no_annotation_of_knative_is_left(predictor: dict[str, Any]) -> None:
    assert not [key for key in predictor["annotations"] if "knative.dev" in key]


def test_there_is_always_a_pod(predictor: dict[str, Any]) -> None:
    assert predictor["minReplicas"] == 1


def test_the_grace_covers_the_sleep_and_the_longest_generation(predictor: dict[str, Any]) -> None:
    [container] = predictor["containers"]
    [grace] = [arg for arg in container["args"] if arg.startswith("--grace-period-s=")]
    sleep_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain_s = sleep_s + int(grace.partition("=")[2])
    # Last words take 2 s after the grace.
    assert drain_s + 2 < predictor["terminationGracePeriodSeconds"]


def test_an_update_takes_no_pod_away_before_its_successor_is_ready(
    predictor: dict[str, Any],
) -> None:
    assert predictor["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_both_protocols_have_a_port_of_the_service(documents: list[Document]) -> None:
    service = equivalent_of(service_of(documents))[1]
    ports = {port["name"]: (port["port"], port["targetPort"]) for port in service["spec"]["ports"]}
    assert ports == {"http": (80, 8080), "grpc": (8081, 8081)}


def selectors(documents: list[Document]) -> list[tuple[str, dict[str, str]]]:
    """Every selector of pods in the namespace, with the object's name."""
    found = []
    for document in documents:
        spec = document.body.get("spec", {})
        selector = spec.get("podSelector") or spec.get("selector") or spec.get("workloadSelector")
        if document.body["metadata"].get("namespace") == "r1" and selector:
            labels = selector.get("matchLabels") or selector.get("labels")
            found.append((f"{document.kind} {document.name}", labels))
    return found


def test_every_policy_for_the_predictor_finds_its_pods(
    documents: list[Document], pod: dict[str, Any]
) -> None:
    labels = pod["metadata"]["labels"].items()
    missed = {name for name, selector in selectors(documents) if not selector.items() <= labels}
    assert missed == {"NetworkPolicy r1-canary-activator"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AuthorizationPolicy", "r1-never"),
        ("AuthorizationPolicy", "r1-requests"),
        ("EnvoyFilter", "r1-rate-limit"),
        ("NetworkPolicy", "r1-predictor"),
    ],
)
def test_a_policy_for_requests_names_the_container_s_ports(
    documents: list[Document], kind: str, name: str
) -> None:
    policy = str(find(documents, kind, name))
    assert "8012" not in policy
    assert "8080" in policy
    assert "8081" in policy


def test_clients_of_the_mesh_reach_the_pods_themselves(documents: list[Document]) -> None:
    clients = ["r1", "frontend", "processing"]
    rules = find(documents, "AuthorizationPolicy", "r1-requests")["rules"]
    assert rules[0]["from"][1]["source"] == {"namespaces": clients}
    ingress = find(documents, "NetworkPolicy", "r1-predictor")["ingress"]
    [namespaces] = [rule["from"][0]["namespaceSelector"] for rule in ingress[1:]]
    assert namespaces["matchExpressions"][0]["values"] == clients


def test_metrics_are_scraped_by_the_port_s_name(
    documents: list[Document], predictor: dict[str, Any]
) -> None:
    endpoints = find(documents, "PodMonitor", "r1-predictor")["podMetricsEndpoints"]
    names = {port["name"] for port in predictor["containers"][0]["ports"]}
    assert {endpoint["port"] for endpoint in endpoints} <= names


def test_it_stands_without_the_other_components(tmp_path: Path) -> None:
    documents = build(tmp_path, ["standard-mode"])
    assert service_of(documents)["spec"]["predictor"]["labels"] == {KNATIVE: "r1-predictor"}
