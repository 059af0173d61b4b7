"""Selectors and Istio's objects."""

from pathlib import Path
from typing import Any

import pytest

from manifests.lint.faults import Path as FieldPath
from manifests.lint.target import Target
from tests.manifests.lint.planting import GONE, lines, plant

CASES = [
    pytest.param(
        "base",
        "NetworkPolicy/r1-predictor",
        {
            ("spec", "podSelector"): {
                "matchLabels": {"serving.knative.dev/revision": "r1-predictor-00001"}
            }
        },
        (
            "base/networkpolicy-predictor.yaml: NetworkPolicy/r1-predictor: "
            "spec.podSelector = serving.knative.dev/revision: must not be selected by: it "
            "changes with each revision (ours)"
        ),
        id="a-policy-of-one-revision",
    ),
    pytest.param(
        "base",
        "NetworkPolicy/r1-predictor",
        {("spec", "podSelector", "matchLabels", "serving.knative.dev/service"): "r1"},
        (
            "base/networkpolicy-predictor.yaml: NetworkPolicy/r1-predictor: "
            'spec.podSelector = {"matchLabels": {"serving.knative.dev/service": "r1"}}: '
            "must select pods that there are in r1 (Kubernetes)"
        ),
        id="a-policy-of-no-pods",
    ),
    pytest.param(
        "base",
        "PodDisruptionBudget/r1-predictor",
        {("spec", "selector", "matchLabels"): {"app": "r1"}},
        (
            "base/poddisruptionbudget.yaml: PodDisruptionBudget/r1-predictor: spec.selector "
            '= {"matchLabels": {"app": "r1"}}: must select pods that there are in r1 '
            "(Kubernetes)"
        ),
        id="a-budget-of-no-pods",
    ),
    pytest.param(
        "base",
        "NetworkPolicy/r1-predictor",
        {("spec", "ingress", 1, "from", 0, "podSelector", "matchLabels", "app"): "autoscalers"},
        (
            "base/networkpolicy-predictor.yaml: NetworkPolicy/r1-predictor: "
            'spec.ingress[1].from[0].podSelector = {"matchLabels": {"app": "autoscalers"}}: '
            "must select pods that there are in knative-serving (Kubernetes)"
        ),
        id="a-peer-that-is-not-there",
    ),
    pytest.param(
        "components/monitoring",
        "PodMonitor/r1-predictor",
        {("spec", "selector", "matchLabels"): {"serving.kserve.io/inferenceservice": "r2"}},
        (
            "components/monitoring/podmonitor.yaml: PodMonitor/r1-predictor: spec.selector "
            '= {"matchLabels": {"serving.kserve.io/inferenceservice": "r...: must select '
            "pods that there are in r1 (Kubernetes)"
        ),
        id="a-monitor-of-no-pods",
    ),
    pytest.param(
        "components/monitoring",
        "PodMonitor/r1-predictor",
        {("spec", "podMetricsEndpoints", 0, "port"): "metrics"},
        (
            "components/monitoring/podmonitor.yaml: PodMonitor/r1-predictor: "
            'spec.podMetricsEndpoints[0].port = "metrics": must be a container\'s port, or '
            "one of user-port, http-usermetric, aggr-metric, http-autometric (Knative)"
        ),
        id="a-monitor-of-no-port",
    ),
    pytest.param(
        "components/mesh",
        "RequestAuthentication/r1",
        {("spec", "selector", "matchLabels"): {"component": "predict"}},
        (
            "components/mesh/requestauthentication.yaml: RequestAuthentication/r1: "
            'spec.selector.matchLabels = {"component": "predict"}: must select pods that '
            "there are in r1 (Kubernetes)"
        ),
        id="a-mesh-policy-of-no-pods",
    ),
    pytest.param(
        "components/monitoring",
        "PeerAuthentication/r1-metrics",
        {("spec", "selector"): GONE},
        (
            "components/monitoring/peerauthentication-metrics.yaml: "
            'PeerAuthentication/r1-metrics: spec.portLevelMtls = {"8080": {"mode": '
            '"PERMISSIVE"}, "9091": {"mode": "PERMIS...: needs a selector (Istio)'
        ),
        id="port-levels-without-selector",
    ),
    pytest.param(
        "components/mesh",
        "AuthorizationPolicy/r1-knative",
        {("spec", "rules", 0, "from", 0, "source", "principals", 0): "knative-serving/controller"},
        (
            "components/mesh/authorizationpolicy-knative.yaml: "
            "AuthorizationPolicy/r1-knative: spec.rules[0].from[0].source.principals[0] = "
            '"knative-serving/controller": must be cluster.local/ns/NAMESPACE/sa/NAME '
            "(Istio)"
        ),
        id="a-principal-without-trust-domain",
    ),
    pytest.param(
        "components/mesh",
        "AuthorizationPolicy/r1-knative",
        {
            (
                "spec",
                "rules",
                0,
                "from",
                0,
                "source",
                "principals",
                0,
            ): "cluster.local/ns/knative-serving/sa/knative"
        },
        (
            "components/mesh/authorizationpolicy-knative.yaml: "
            "AuthorizationPolicy/r1-knative: spec.rules[0].from[0].source.principals[0] = "
            '"cluster.local/ns/knative-serving/sa/knative": must name an account of '
            "knative-serving: activator, controller, autoscaler (ours)"
        ),
        id="a-principal-that-knative-lacks",
    ),
    pytest.param(
        "components/mesh",
        "AuthorizationPolicy/r1-knative",
        {
            (
                "spec",
                "rules",
                0,
                "from",
                0,
                "source",
                "principals",
                0,
            ): "cluster.local/ns/r1/sa/canary"
        },
        (
            "components/mesh/authorizationpolicy-knative.yaml: "
            "AuthorizationPolicy/r1-knative: spec.rules[0].from[0].source.principals[0] = "
            '"cluster.local/ns/r1/sa/canary": must name a ServiceAccount of r1 (ours)'
        ),
        id="a-principal-that-we-lack",
    ),
    pytest.param(
        "components/mesh",
        "AuthorizationPolicy/r1-knative",
        {("spec", "rules", 0, "to", 0, "operation", "ports", 1): "9092"},
        (
            "components/mesh/authorizationpolicy-knative.yaml: "
            "AuthorizationPolicy/r1-knative: spec.rules[0].to[0].operation.ports[1] = "
            '"9092": must be let in by a NetworkPolicy too (ours)'
        ),
        id="a-port-for-the-mesh-alone",
    ),
    pytest.param(
        "components/mesh",
        "NetworkPolicy/r1-predictor",
        {("spec", "ingress", 0, "ports", 1): {"port": 8080, "protocol": "TCP"}},
        (
            "base/networkpolicy-predictor.yaml: NetworkPolicy/r1-predictor: "
            "spec.ingress[0].ports[1].port = 8080: must be let in by an AuthorizationPolicy "
            "too (ours)"
        ),
        id="a-port-for-the-network-alone",
    ),
    pytest.param(
        "components/external-gateway",
        "VirtualService/r1-external",
        {
            (
                "spec",
                "http",
                4,
                "route",
                0,
                "destination",
                "host",
            ): "r2-predictor.r1.svc.cluster.local"
        },
        (
            "components/external-gateway/virtualservice.yaml: VirtualService/r1-external: "
            'spec.http[4].route[0].destination.host = "r2-predictor.r1.svc.cluster.local": '
            "must be the name of a Service that there is (Istio)"
        ),
        id="a-host-that-is-not-there",
    ),
    pytest.param(
        "components/external-gateway",
        "VirtualService/r1-external",
        {("spec", "gateways", 0): "r2"},
        (
            "components/external-gateway/virtualservice.yaml: VirtualService/r1-external: "
            'spec.gateways[0] = "r2": must name a Gateway of this target (Istio)'
        ),
        id="a-gateway-that-is-not-there",
    ),
    pytest.param(
        "cluster",
        "DestinationRule/knative-local-gateway",
        {("spec", "host"): "knative-gateway.istio-system.svc.cluster.local"},
        (
            "cluster/mesh/destinationrule-knative-local.yaml: "
            "DestinationRule/knative-local-gateway: spec.host = "
            '"knative-gateway.istio-system.svc.cluster.local": must be the name of a '
            "Service that there is (Istio)"
        ),
        id="a-rule-for-a-service-that-is-not-there",
    ),
    pytest.param(
        "components/external-gateway",
        "VirtualService/r1-external",
        {
            ("spec", "http", 4, "route"): [
                {"destination": {"host": "r1-predictor"}, "weight": 50},
                {"destination": {"host": "r1-predictor"}, "weight": 40},
            ]
        },
        (
            "components/external-gateway/virtualservice.yaml: VirtualService/r1-external: "
            "spec.http[4].route = [50, 40]: weights must sum to 100 (ours)"
        ),
        id="weights-below-100",
    ),
    pytest.param(
        "components/external-gateway",
        "VirtualService/r1-external",
        {("spec", "http", 4, "route", 0, "weight"): 101},
        (
            "components/external-gateway/virtualservice.yaml: VirtualService/r1-external: "
            "spec.http[4].route[0].weight = 101: must be an integer in 0..100 (Istio)"
        ),
        id="a-weight-over-100",
    ),
    pytest.param(
        "components/external-gateway",
        "VirtualService/r1-external",
        {("spec", "http", 4, "retries"): {"attempts": -1}},
        (
            "components/external-gateway/virtualservice.yaml: VirtualService/r1-external: "
            "spec.http[4].retries.attempts = -1: must be an integer of at least 0 (Istio)"
        ),
        id="negative-retries",
    ),
]


@pytest.mark.parametrize(("target", "subject", "edits", "line"), CASES)
def test_a_planted_fault_gets_its_one_line(
    targets: dict[str, Target],
    crd_dir: Path,
    target: str,
    subject: str,
    edits: dict[FieldPath, Any],
    line: str,
) -> None:
    assert lines(plant(targets[target], subject, edits), crd_dir) == [line]
