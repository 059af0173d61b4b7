"""Keys and values of ConfigMaps that Knative and KServe would not read."""

import pytest

CASES = [
    pytest.param(
        "cluster",
        "ConfigMap/config-autoscaler",
        {("data", "enable-scale-to-zer0"): "true"},
        (
            "cluster/config-autoscaler.yaml: ConfigMap/config-autoscaler: "
            'data.enable-scale-to-zer0 = "true": unknown key (Knative)'
        ),
        id="an-unknown-key-of-the-autoscaler",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-defaults",
        {("data", "max-revision-timeout-second"): "900"},
        (
            "cluster/config-defaults.yaml: ConfigMap/config-defaults: "
            'data.max-revision-timeout-second = "900": unknown key (Knative)'
        ),
        id="an-unknown-key-of-the-defaults",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-deployment",
        {("data", "queue-sidecar-cpu-requests"): "1"},
        (
            "cluster/config-deployment.yaml: ConfigMap/config-deployment: "
            'data.queue-sidecar-cpu-requests = "1": unknown key (Knative)'
        ),
        id="an-unknown-key-of-the-deployment",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-features",
        {("data", "kubernetes.podspec-toleration"): "enabled"},
        (
            "cluster/config-features.yaml: ConfigMap/config-features: "
            'data["kubernetes.podspec-toleration"] = "enabled": unknown key (Knative)'
        ),
        id="an-unknown-feature",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-network",
        {("data", "mesh-compatibility"): "enabled"},
        (
            "cluster/config-network.yaml: ConfigMap/config-network: data.mesh-compatibility = "
            '"enabled": unknown key (Knative)'
        ),
        id="an-unknown-key-of-the-network",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-observability",
        {("data", "request-metrics"): "prometheus"},
        (
            "cluster/config-observability.yaml: ConfigMap/config-observability: "
            'data.request-metrics = "prometheus": unknown key (Knative)'
        ),
        id="an-unknown-key-of-the-observability",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-autoscaler",
        {("data", "enable-scale-to-zero"): "yes"},
        (
            "cluster/config-autoscaler.yaml: ConfigMap/config-autoscaler: "
            'data.enable-scale-to-zero = "yes": must be one of true, false (Knative)'
        ),
        id="a-boolean-that-is-none",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-autoscaler",
        {("data", "stable-window"): "60"},
        (
            "cluster/config-autoscaler.yaml: ConfigMap/config-autoscaler: data.stable-window "
            '= "60": must be a duration of whole seconds, in 6s..3600s (Knative)'
        ),
        id="a-duration-without-a-unit",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-defaults",
        {("data", "max-revision-timeout-seconds"): "900s"},
        (
            "cluster/config-defaults.yaml: ConfigMap/config-defaults: "
            'data.max-revision-timeout-seconds = "900s": must be an integer of at least 0 '
            "(Knative)"
        ),
        id="an-integer-with-a-unit",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-deployment",
        {("data", "queue-sidecar-memory-limit"): "256m"},
        (
            "cluster/config-deployment.yaml: ConfigMap/config-deployment: "
            'data.queue-sidecar-memory-limit = "256m": must be a quantity, not in thousandths '
            "(m) (Knative)"
        ),
        id="thousandths-of-a-byte-for-the-queue",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-features",
        {("data", "kubernetes.podspec-tolerations"): "true"},
        (
            "cluster/config-features.yaml: ConfigMap/config-features: "
            'data["kubernetes.podspec-tolerations"] = "true": must be one of enabled, '
            "allowed, disabled (Knative)"
        ),
        id="a-feature-that-is-neither-on-nor-off",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-observability",
        {("data", "request-metrics-protocol"): "http"},
        (
            "cluster/config-observability.yaml: ConfigMap/config-observability: "
            'data.request-metrics-protocol = "http": must be one of grpc, http/protobuf, '
            "prometheus, none (Knative)"
        ),
        id="an-unknown-protocol",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/config-network",
        {("metadata", "name"): "config-networks"},
        (
            "cluster/config-network.yaml: ConfigMap/config-networks: metadata.name = "
            '"config-networks": must be one of config-autoscaler, config-defaults, '
            "config-deployment, config-features, config-network, config-observability, "
            "config-certmanager, config-domain, config-gc, config-istio, "
            "config-leader-election, config-logging (Knative)"
        ),
        id="a-config-map-that-nobody-reads",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/inferenceservice-config",
        {("data", "deployment"): "{}"},
        (
            "cluster/inferenceservice-config.yaml: ConfigMap/inferenceservice-config: "
            'data.deployment = "{}": unknown key (KServe)'
        ),
        id="an-unknown-key-of-kserve",
    ),
    pytest.param(
        "cluster",
        "ConfigMap/inferenceservice-config",
        {("data", "deploy"): '{"defaultDeploymentMode": }'},
        (
            "cluster/inferenceservice-config.yaml: ConfigMap/inferenceservice-config: "
            'data.deploy = "{\\"defaultDeploymentMode\\": }": must be JSON: Expecting value: '
            "line 1 column 27 (char 26) (KServe)"
        ),
        id="a-setting-of-kserve-that-is-no-json",
    ),
]
