"""Objects that are not of their kind's shape."""

import pytest

from tests.manifests.lint.planting import CONTAINER, GONE, PREDICTOR

CASES = [
    pytest.param(
        "base",
        "ServiceAccount/r1-predictor",
        {("metadata", "labels"): {"a": 1}},
        (
            "base/serviceaccount.yaml: ServiceAccount/r1-predictor: metadata.labels.a = 1: "
            "must be of type null or string (Kubernetes 1.37)"
        ),
        id="a-number-for-a-label",
    ),
    pytest.param(
        "base",
        "NetworkPolicy/default-deny",
        {("spec", "policyType"): []},
        (
            "base/volume/networkpolicy-default-deny.yaml: NetworkPolicy/default-deny: "
            "spec.policyType = []: unknown field (Kubernetes 1.37)"
        ),
        id="a-misspelt-field-of-a-built-in-kind",
    ),
    pytest.param(
        "base",
        "PodDisruptionBudget/r1-predictor",
        {("apiVersion",): "policy/v2"},
        (
            "base/poddisruptionbudget.yaml: PodDisruptionBudget/r1-predictor: apiVersion = "
            '"policy/v2": has no kind PodDisruptionBudget (Kubernetes 1.37)'
        ),
        id="a-built-in-version-that-is-not-there",
    ),
]
# Found by CRDs alone.
OF_CRDS = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "minReplica"): 1},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.minReplica = "
            "1: unknown field (CRD of serving.kserve.io)"
        ),
        id="a-misspelt-field",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "resource"): {}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].resource = {}: unknown field (CRD of "
            "serving.kserve.io)"
        ),
        id="a-field-deep-in-a-container",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "timeout"): "660"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.timeout = "
            '"660": must be of type integer (CRD of serving.kserve.io)'
        ),
        id="a-string-for-a-number",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "scaleMetric"): "latency"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.scaleMetric = "
            '"latency": must be one of cpu, memory, concurrency, rps (CRD of '
            "serving.kserve.io)"
        ),
        id="a-word-outside-the-enum",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "name"): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].name = missing: must be there (CRD of "
            "serving.kserve.io)"
        ),
        id="a-required-field-left-out",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {("metadata", "annotation"): {}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: metadata.annotation = {}: "
            "unknown field (CRD of serving.kserve.io)"
        ),
        id="an-unknown-metadata-field",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {("apiVersion",): "serving.kserve.io/v1"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: apiVersion = "
            '"serving.kserve.io/v1": has no kind InferenceService (CRDs)'
        ),
        id="a-version-that-is-not-there",
    ),
    pytest.param(
        "components/mesh",
        "PeerAuthentication/default",
        {("spec", "mtls", "modes"): "STRICT"},
        (
            "components/mesh/peerauthentication.yaml: PeerAuthentication/default: "
            'spec.mtls.modes = "STRICT": unknown field (CRD of security.istio.io)'
        ),
        id="a-misspelt-field-of-istio",
    ),
    pytest.param(
        "components/mesh",
        "PeerAuthentication/default",
        {("spec", "mtls", "mode"): "STRICTLY"},
        (
            "components/mesh/peerauthentication.yaml: PeerAuthentication/default: "
            'spec.mtls.mode = "STRICTLY": must be one of UNSET, DISABLE, PERMISSIVE, STRICT '
            "(CRD of security.istio.io)"
        ),
        id="a-misspelt-mode-of-istio",
    ),
    pytest.param(
        "components/monitoring",
        "PodMonitor/r1-predictor",
        {("spec", "podMetricsEndpoints", 0, "intervals"): "1s"},
        (
            "components/monitoring/podmonitor.yaml: PodMonitor/r1-predictor: "
            'spec.podMetricsEndpoints[0].intervals = "1s": unknown field (CRD of '
            "monitoring.coreos.com)"
        ),
        id="a-misspelt-field-of-a-pod-monitor",
    ),
]
