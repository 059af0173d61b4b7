"""ConfigMaps and queries that their readers refuse, and images that move."""

import pytest

from tests.manifests.lint.planting import CONTAINER, PREDICTOR

CASES = [
    pytest.param(
        "base",
        "ConfigMap/r1-defaults",
        {("data", "generation.json"): '{"temperature": -1}'},
        (
            'base/configmap-defaults.yaml: ConfigMap/r1-defaults: data["generation.json"] = '
            '"{\\"temperature\\": -1}": temperature is -1, must be 0 or a number from 0.01 to '
            "2 (r1-predictor)"
        ),
        id="a-default-out-of-range",
    ),
    pytest.param(
        "base",
        "ConfigMap/r1-defaults",
        {("data", "generation.json"): '{"temprature": 1}'},
        (
            'base/configmap-defaults.yaml: ConfigMap/r1-defaults: data["generation.json"] = '
            '"{\\"temprature\\": 1}": the content has unknown member \'temprature\', known: '
            "temperature, top_p, top_k, min_p, repetition_penalty, presence_penalty, "
            "frequency_penalty, max_tokens, max_thinking_tokens, enable_thinking "
            "(r1-predictor)"
        ),
        id="an-unknown-default",
    ),
    pytest.param(
        "base",
        "ConfigMap/r1-defaults",
        {("data", "generation.json"): "{"},
        (
            'base/configmap-defaults.yaml: ConfigMap/r1-defaults: data["generation.json"] = '
            '"{": the content is not JSON: unexpected end of data at character 1 '
            "(r1-predictor)"
        ),
        id="a-default-that-is-no-json",
    ),
    pytest.param(
        "base",
        "ConfigMap/r1-defaults",
        {("data", "prompt.txt"): "x"},
        (
            'base/configmap-defaults.yaml: ConfigMap/r1-defaults: data["prompt.txt"] = "x": '
            "must be one of generation.json, system-prompt.txt (r1-predictor)"
        ),
        id="an-unknown-defaults-file",
    ),
    pytest.param(
        "components/standard-mode/keda",
        "InferenceService/r1",
        {
            (
                *PREDICTOR,
                "autoScaling",
                "metrics",
                0,
                "external",
                "metric",
                "query",
            ): "sum(r1_sequences_queued)"
        },
        (
            "components/standard-mode/keda/autoscaling.yaml: InferenceService/r1: "
            "spec.predictor.autoScaling.metrics[0].external.metric.query = "
            '"sum(r1_sequences_queued)": r1_sequences_queued is no metric of the predictor '
            "(ours)"
        ),
        id="a-query-of-an-unknown-metric",
    ),
    pytest.param(
        "components/monitoring",
        "PrometheusRule/r1-errors",
        {("spec", "groups", 0, "rules", 0, "expr"): "rate(r1_request_total[5m]) > 0"},
        (
            "components/monitoring/prometheusrule-errors.yaml: PrometheusRule/r1-errors: "
            'spec.groups[0].rules[0].expr = "rate(r1_request_total[5m]) > 0": '
            "r1_request_total is no metric of the predictor (ours)"
        ),
        id="an-alert-on-an-unknown-metric",
    ),
    pytest.param(
        "overlays/production",
        "InferenceService/r1",
        {(*CONTAINER, "image"): "ghcr.io/kserve-r1/predictor"},
        (
            "overlays/production/kustomization.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].image = "ghcr.io/kserve-r1/predictor": must have '
            "a tag, not latest, or a digest (ours)"
        ),
        id="an-untagged-image",
    ),
    pytest.param(
        "overlays/dev",
        "InferenceService/r1",
        {(*CONTAINER, "image"): "ghcr.io/kserve-r1/predictor:latest"},
        (
            "overlays/dev/kustomization.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].image = "ghcr.io/kserve-r1/predictor:latest": '
            "must have a tag, not latest, or a digest (ours)"
        ),
        id="latest",
    ),
    pytest.param(
        "components/monitoring",
        "ConfigMap/r1-dashboard",
        {
            ("data", "r1.json"): (
                '{"panels": [{"targets": [{"expr": "sum by (pod) (rate(r1_token_total[5m]))"}]}]}'
            )
        },
        (
            "components/monitoring/configmap-dashboard.yaml: ConfigMap/r1-dashboard: "
            'data["r1.json"] = r1_token_total: r1_token_total is no metric of the predictor '
            "(ours)"
        ),
        id="a-dashboard-of-an-unknown-metric",
    ),
]
