"""Requests, limits and bounds of autoscalers."""

import pytest

from tests.manifests.lint.planting import GONE, PREDICTOR

JOB = ("spec", "template", "spec", "containers", 0, "resources")

CASES = [
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {(*JOB, "limits", "memory"): GONE},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.containers[0].resources.limits.memory = missing: must be "
            "there (ours)"
        ),
        id="a-job-without-a-limit",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {(*JOB, "requests", "cpu"): GONE},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.containers[0].resources.requests.cpu = missing: must be there "
            "(ours)"
        ),
        id="a-job-without-a-request",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {(*JOB, "limits", "memory"): "512m"},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            'spec.template.spec.containers[0].resources.limits.memory = "512m": must be a '
            "quantity, not in thousandths (m) (Kubernetes)"
        ),
        id="thousandths-of-a-byte",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {(*JOB, "requests", "cpu"): "1 core"},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            'spec.template.spec.containers[0].resources.requests.cpu = "1 core": must be a '
            "quantity (Kubernetes)"
        ),
        id="no-quantity",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "volumes", 1, "emptyDir", "sizeLimit"): "100m"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.volumes[1].emptyDir.sizeLimit = "100m": must be a quantity, not '
            "in thousandths (m) (Kubernetes)"
        ),
        id="thousandths-of-a-byte-for-a-volume",
    ),
    pytest.param(
        "base",
        "PersistentVolumeClaim/r1-models",
        {("spec", "resources", "requests", "storage"): "10m"},
        (
            "base/volume/persistentvolumeclaim.yaml: PersistentVolumeClaim/r1-models: "
            'spec.resources.requests.storage = "10m": must be a quantity, not in thousandths '
            "(m) (Kubernetes)"
        ),
        id="thousandths-of-a-byte-for-a-claim",
    ),
    pytest.param(
        "components/standard-mode/hpa",
        "HorizontalPodAutoscaler/r1",
        {("spec", "maxReplicas"): 0},
        (
            "components/standard-mode/hpa/horizontalpodautoscaler.yaml: "
            "HorizontalPodAutoscaler/r1: spec.maxReplicas = 0: must be an integer of at least "
            "1 (Kubernetes)"
        ),
        id="no-pod-at-most",
    ),
    pytest.param(
        "components/standard-mode/hpa",
        "HorizontalPodAutoscaler/r1",
        {("spec", "minReplicas"): 5},
        (
            "components/standard-mode/hpa/horizontalpodautoscaler.yaml: "
            "HorizontalPodAutoscaler/r1: spec.maxReplicas = 4: must be at least minReplicas, "
            "5 (Kubernetes)"
        ),
        id="more-pods-at-least-than-at-most",
    ),
]
