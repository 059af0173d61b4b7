"""What is open to Prometheus is what it scrapes, and nothing beside it.

That the mesh then lets these requests pass and no other is shown in tests/manifests/mesh.
"""

from typing import Any

import pytest

from manifests.lint.render import Document

PREDICTOR = {"serving.knative.dev/service": "r1-predictor"}
# The container's port, and where queue-proxy serves what config-observability turns on.
SCRAPED = {8080, 9091}


@pytest.fixture
def specs(component: list[Document]) -> dict[str, dict[str, Any]]:
    wanted = {"PodMonitor", "PeerAuthentication", "AuthorizationPolicy", "NetworkPolicy"}
    return {d.kind: d.body["spec"] for d in component if d.kind in wanted}


def test_plain_text_is_taken_on_the_scraped_ports_of_the_predictor_alone(
    specs: dict[str, dict[str, Any]],
) -> None:
    spec = specs["PeerAuthentication"]

    assert spec["selector"]["matchLabels"] == PREDICTOR
    assert spec["portLevelMtls"] == {str(port): {"mode": "PERMISSIVE"} for port in SCRAPED}
    # The namespace's STRICT holds for the rest.
    assert "mtls" not in spec


def test_whoever_has_no_certificate_may_get_the_scraped_pages_and_nothing_else(
    specs: dict[str, dict[str, Any]],
) -> None:
    spec = specs["AuthorizationPolicy"]
    [rule] = spec["rules"]
    [to] = rule["to"]

    assert spec["selector"]["matchLabels"] == PREDICTOR
    assert (spec["action"], list(rule)) == ("ALLOW", ["to"])
    assert to["operation"] == {
        "ports": [str(port) for port in sorted(SCRAPED)],
        "methods": ["GET"],
        "paths": ["/metrics"],
    }
    assert {e["path"] for e in specs["PodMonitor"]["podMetricsEndpoints"]} == {"/metrics"}


def test_only_prometheus_reaches_the_scraped_ports(specs: dict[str, dict[str, Any]]) -> None:
    spec = specs["NetworkPolicy"]
    [way] = spec["ingress"]
    [source] = way["from"]

    assert spec["podSelector"]["matchLabels"] == PREDICTOR
    assert spec["policyTypes"] == ["Ingress"]
    assert {port["port"] for port in way["ports"]} == SCRAPED
    assert source["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "monitoring"
    }
    assert source["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
