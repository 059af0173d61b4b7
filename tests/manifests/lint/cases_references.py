"""Names that nothing bears."""

import pytest

from tests.manifests.lint.planting import CONTAINER, GONE, PREDICTOR

CASES = [
    pytest.param(
        "components/canary-rbac",
        "NetworkPolicy/r1-canary",
        {("metadata", "namespace"): GONE},
        (
            "components/canary-rbac/networkpolicy.yaml: NetworkPolicy/r1-canary: "
            "metadata.namespace = missing: must be there: kubectl would take its own (ours)"
        ),
        id="no-namespace",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "serviceAccountName"): "r1-predict"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.serviceAccountName = "r1-predict": must be the name of a '
            "ServiceAccount of this target (Kubernetes)"
        ),
        id="no-such-account",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "volumes", 0, "configMap", "name"): "r1-default"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.volumes[0].configMap.name = "r1-default": must be the name of a '
            "ConfigMap of this target (Kubernetes)"
        ),
        id="no-such-config-map",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "volumeMounts", 2): {"name": "cache", "mountPath": "/cache"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].volumeMounts[2].name = "cache": must name a '
            "volume (Kubernetes)"
        ),
        id="no-such-volume",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 0, "value"): "pvc://r1-model/x"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[0].value = "pvc://r1-model/x": must name a '
            "PersistentVolumeClaim of this target (KServe)"
        ),
        id="no-such-claim",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {
            (
                "spec",
                "template",
                "spec",
                "volumes",
                1,
                "persistentVolumeClaim",
                "claimName",
            ): "r1-model"
        },
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            'spec.template.spec.volumes[1].persistentVolumeClaim.claimName = "r1-model": '
            "must be the name of a PersistentVolumeClaim of this target (Kubernetes)"
        ),
        id="no-such-claim-in-a-job",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "runtimeClassName"): "nvidia-gpu"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.runtimeClassName = "nvidia-gpu": must be the name of a '
            "RuntimeClass of this target (Kubernetes)"
        ),
        id="no-such-runtime-class",
    ),
    pytest.param(
        "components/canary-rbac",
        "RoleBinding/r1-canary",
        {("roleRef", "name"): "canary"},
        (
            "components/canary-rbac/rolebinding.yaml: RoleBinding/r1-canary: roleRef.name = "
            '"canary": must be the name of a Role of this target (Kubernetes)'
        ),
        id="no-such-role",
    ),
    pytest.param(
        "components/canary-rbac",
        "RoleBinding/r1-canary",
        {("subjects", 0, "name"): "canary"},
        (
            "components/canary-rbac/rolebinding.yaml: RoleBinding/r1-canary: subjects[0].name = "
            '"canary": must be the name of a ServiceAccount of this target (Kubernetes)'
        ),
        id="no-such-subject",
    ),
    pytest.param(
        "components/standard-mode/hpa",
        "HorizontalPodAutoscaler/r1",
        {("spec", "scaleTargetRef", "name"): "r1"},
        (
            "components/standard-mode/hpa/horizontalpodautoscaler.yaml: "
            'HorizontalPodAutoscaler/r1: spec.scaleTargetRef.name = "r1": must be one of '
            "r1-predictor (Kubernetes)"
        ),
        id="no-such-scale-target",
    ),
]
