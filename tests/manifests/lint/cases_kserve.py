"""What KServe refuses, or takes and then does not do."""

import pytest

from tests.manifests.lint.planting import ANNOTATIONS, CONTAINER, GONE, PREDICTOR, SIDE

CASES = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {("metadata", "name"): "R1"},
        (
            'base/inferenceservice.yaml: InferenceService/R1: metadata.name = "R1": must '
            "match [a-z]([-a-z0-9]*[a-z0-9])? (KServe)"
        ),
        id="a-name-with-a-capital",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {("metadata", "name"): "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"},
        (
            "base/inferenceservice.yaml: "
            "InferenceService/rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr: "
            'metadata.name = "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr": must '
            "leave prev-rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr-predictor at most "
            "63 characters (KServe)"
        ),
        id="a-name-too-long-for-its-tag",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*ANNOTATIONS, "serving.kserve.io/autoscaler-class"): "hpa"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'metadata.annotations["serving.kserve.io/autoscaler-class"] = "hpa": unknown '
            "annotation (KServe)"
        ),
        id="an-unknown-kserve-annotation",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "minReplicas"): -1},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.minReplicas = "
            "-1: must be an integer of at least 0 (KServe)"
        ),
        id="negative-replicas",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "minReplicas"): 9},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.maxReplicas = "
            "4: must be at least minReplicas, 9 (KServe)"
        ),
        id="fewer-replicas-at-most-than-at-least",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "canaryTrafficPercent"): 150},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.canaryTrafficPercent = 150: must be an integer in 0..100 "
            "(Knative)"
        ),
        id="over-100-percent",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "sklearn"): {"storageUri": "pvc://r1-models"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor = containers, "
            "sklearn: must have exactly one of containers, model and the like (KServe)"
        ),
        id="two-implementations",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "name"): "predictor"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].name = "predictor": must be kserve-container '
            "(KServe)"
        ),
        id="another-container-name",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "PROTOCOL", "value": "v3"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].value = "v3": must be v1 or v2 (KServe)'
        ),
        id="an-unknown-protocol",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "PYTHONPATH", "value": "/x"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].name = "PYTHONPATH": must not be any of '
            "PYTHONPATH (KServe)"
        ),
        id="PYTHONPATH",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "resources", "limits", "memory"): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].resources.limits.memory = missing: must be there: "
            "KServe fills in 2Gi (ours)"
        ),
        id="no-memory-limit",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "storageUris"): [{"uri": "pvc://r1-models/x", "mountPath": "/mnt/models"}]},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.storageUris = "
            '[{"uri": "pvc://r1-models/x", "mountPath": "/mnt/models"}]: may not stand '
            "beside STORAGE_URI (KServe)"
        ),
        id="both-kinds-of-storage",
    ),
    pytest.param(
        "components/standard-mode",
        "InferenceService/r1",
        {
            (*CONTAINER, "env"): [],
            (*PREDICTOR, "storageUris"): [
                {"uri": "pvc://r1-models/x", "mountPath": "/mnt/models/../x"}
            ],
        },
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.storageUris[0].mountPath = "/mnt/models/../x": must be an '
            "absolute path without .. (KServe)"
        ),
        id="a-climbing-mount",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "maxReplicas"): -1},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.maxReplicas = "
            "-1: must be an integer of at least 0 (KServe)"
        ),
        id="negative-replicas-at-most",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "containerConcurrency"): -1},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containerConcurrency = -1: must be an integer of at least 0 "
            "(KServe)"
        ),
        id="negative-concurrency",
    ),
    pytest.param(
        "components/standard-mode",
        "InferenceService/r1",
        {
            (*PREDICTOR, "containers"): GONE,
            (*PREDICTOR, "volumes"): GONE,
            (*PREDICTOR, "model"): {"modelFormat": {"name": "x"}, "name": "x"},
        },
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.model.name = "
            '"x": must not be there (KServe)'
        ),
        id="a-named-model",
    ),
    pytest.param(
        "components/standard-mode",
        "InferenceService/r1",
        {
            (*PREDICTOR, "initContainers"): [
                {**SIDE, "env": [{"name": "PYTHONPATH", "value": "/x"}]}
            ]
        },
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.initContainers[0].env[0].name = "PYTHONPATH": must not be any '
            "of PYTHONPATH (KServe)"
        ),
        id="PYTHONPATH-in-an-init-container",
    ),
]
