"""What Knative takes only with a setting of manifests/cluster."""

import pytest

from tests.manifests.lint.planting import CONTAINER, PREDICTOR, SIDE

CASES = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "containers", 1): SIDE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.containers = "
            '[{"args": ["--model-name=r1", "--model-dir=/mnt/models", ...: needs '
            "multi-container enabled in cluster/config-features, not set (Knative)"
        ),
        id="a-second-container",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "nodeSelector"): {"gpu": "yes"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.nodeSelector = "
            '{"gpu": "yes"}: needs kubernetes.podspec-nodeselector enabled in '
            "cluster/config-features, not set (Knative)"
        ),
        id="a-node-selector-without-its-flag",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {
            (*PREDICTOR, "volumes", 1): {
                "name": "tmp",
                "persistentVolumeClaim": {"claimName": "r1-models", "readOnly": True},
            },
            (*CONTAINER, "volumeMounts", 1, "readOnly"): True,
        },
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.volumes[1].persistentVolumeClaim = {"claimName": "r1-models", '
            '"readOnly": true}: needs kubernetes.podspec-persistent-volume-claim enabled in '
            "cluster/config-features, not set (Knative)"
        ),
        id="a-claim-without-its-flag",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {
            (*CONTAINER, "env", 1): {
                "name": "POD",
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
            }
        },
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].valueFrom = {"fieldRef": {"fieldPath": '
            '"metadata.name"}}: needs kubernetes.podspec-fieldref enabled in '
            "cluster/config-features, not set (Knative)"
        ),
        id="a-field-reference-without-its-flag",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "timeout"): 1200},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.timeout = "
            "1200: must be at most 900, max-revision-timeout-seconds of "
            "cluster/config-defaults (Knative)"
        ),
        id="a-timeout-beyond-the-cluster's",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "hostNetwork"): True},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.hostNetwork = "
            "true: needs kubernetes.podspec-hostnetwork enabled in cluster/config-features, "
            "not set (Knative)"
        ),
        id="host-network",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {
            (*CONTAINER, "env"): [],
            (*PREDICTOR, "storageUris"): [{"uri": "pvc://r1-models/x", "mountPath": "/mnt/models"}],
        },
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.storageUris = "
            '[{"uri": "pvc://r1-models/x", "mountPath": "/mnt/models"}]: needs '
            "kubernetes.podspec-init-containers enabled in cluster/config-features, not set "
            "(Knative)"
        ),
        id="storage-uris-without-init-containers",
    ),
]
