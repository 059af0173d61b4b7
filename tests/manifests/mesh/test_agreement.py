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


def test_activator_and_gateway_know_the_same_client_namespaces() -> None:
    sources = [
        objects()[f"AuthorizationPolicy {namespace}/r1-callers"]["spec"]["rules"][0]["from"][0]
        for namespace in ("istio-system", "knative-serving")
    ]
    namespaces = [source["source"]["notNamespaces"] for source in sources]
    assert namespaces == [["r1", "frontend", "processing"]] * 2


def test_both_ask_for_the_same_tokens() -> None:
    rules = [
        objects()[f"RequestAuthentication {namespace}/r1"]["spec"]["jwtRules"][0]
        for namespace in ("r1", "istio-system")
    ]
    predictor, gateway = rules
    assert gateway == predictor | {"forwardOriginalToken": True}
