"""Secrets written out."""

import pytest

from tests.manifests.lint.planting import CONTAINER

WORD = "abcdefghijklmnop"
# In two parts, so that this file holds none.
PEM = "-----BEGIN " + "PRIVATE KEY-----"

CASES = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "HUB", "value": f"hf_{WORD}"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].value = "...": must come from a Secret, by '
            "valueFrom (ours)"
        ),
        id="a-token-of-a-hub",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "ACCESS", "value": f"AKIA{WORD.upper()}"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].value = "...": must come from a Secret, by '
            "valueFrom (ours)"
        ),
        id="a-key-of-a-cloud",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "MODEL", "value": f"sk-{WORD}"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].value = "...": must come from a Secret, by '
            "valueFrom (ours)"
        ),
        id="a-key-of-a-service",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "CERT", "value": PEM}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].value = "...": must come from a Secret, by '
            "valueFrom (ours)"
        ),
        id="a-private-key",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "HF_TOKEN", "value": "x"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].value = "...": must come from a Secret, by '
            "valueFrom (ours)"
        ),
        id="a-token-by-name",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "SIGNING_KEY", "value": "x"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].value = "...": must come from a Secret, by '
            "valueFrom (ours)"
        ),
        id="a-key-by-name",
    ),
    pytest.param(
        "base",
        "ConfigMap/r1-defaults",
        {("data", "system-prompt.txt"): f"Use hf_{WORD}."},
        (
            'base/configmap-defaults.yaml: ConfigMap/r1-defaults: data["system-prompt.txt"] = '
            '"...": must hold no secret (ours)'
        ),
        id="a-token-in-a-config-map",
    ),
]
