"""What Knative refuses of a revision's pods."""

import pytest

from tests.manifests.lint.planting import CONTAINER, GONE, PREDICTOR

CASES = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "ports", 1): {"containerPort": 8080}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].ports[1] = {"containerPort": 8080}: must be the '
            "one port of all containers (Knative)"
        ),
        id="two-ports",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "ports", 0, "name"): "http"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].ports[0].name = "http": must be one of http1, h2c '
            "(Knative)"
        ),
        id="a-port-name-of-its-own",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "ports", 0, "containerPort"): 9090},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].ports[0].containerPort = 9090: must not be any of "
            "8008, 8012, 8013, 8022, 9090, 9091 (Knative)"
        ),
        id="a-reserved-port",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "ports", 0, "protocol"): "UDP"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].ports[0].protocol = "UDP": must be "TCP" '
            "(Knative)"
        ),
        id="udp",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "PORT", "value": "8080"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1].name = "PORT": must not be any of PORT, '
            "K_SERVICE, K_CONFIGURATION, K_REVISION (Knative)"
        ),
        id="a-reserved-variable",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "volumeMounts", 1, "mountPath"): "/dev"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].volumeMounts[1].mountPath = "/dev": must be a '
            "path of its own, none of /, /dev, /dev/log (Knative)"
        ),
        id="a-reserved-mount",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "volumeMounts", 1, "mountPath"): "/etc/r1/"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].volumeMounts[1].mountPath = "/etc/r1/": must be a '
            "path of its own, none of /, /dev, /dev/log (Knative)"
        ),
        id="a-mount-twice",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "volumeMounts", 0, "readOnly"): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].volumeMounts[0].readOnly = missing: must be true "
            "for such a volume (Knative)"
        ),
        id="a-writable-config-map",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "volumes", 2): {"name": "spare", "emptyDir": {}}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.volumes[2].name = "spare": must be mounted (Knative)'
        ),
        id="an-unmounted-volume",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "lifecycle"): {"preStop": {"sleep": {"seconds": 5}}}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].lifecycle = {"preStop": {"sleep": {"seconds": '
            "5}}}: is not allowed (Knative)"
        ),
        id="a-lifecycle",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "terminationGracePeriodSeconds"): 60},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.terminationGracePeriodSeconds = 60: is not allowed in a "
            "revision (Knative)"
        ),
        id="a-grace-of-its-own",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "automountServiceAccountToken"): True},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.automountServiceAccountToken = true: must be false (Knative)"
        ),
        id="a-token-for-the-api",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "securityContext", "seLinuxOptions"): {"level": "s0"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].securityContext.seLinuxOptions = {"level": "s0"}: '
            "is not allowed (Knative)"
        ),
        id="a-selinux-option",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "readinessProbe", "failureThreshold"): 2},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].readinessProbe.failureThreshold = 2: needs "
            "periodSeconds above 0 (Knative)"
        ),
        id="a-probe-without-period",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {
            (*PREDICTOR, "volumes", 1): {"name": "tmp", "ephemeral": {}},
            (*CONTAINER, "volumeMounts", 1, "readOnly"): True,
        },
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.volumes[1] = "
            '{"name": "tmp", "ephemeral": {}}: may hold only name, secret, configMap, '
            "projected, persistentVolumeClaim, hostPath, csi, image, emptyDir (Knative)"
        ),
        id="a-volume-that-knative-lacks",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "image"): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].image = missing: must be there (Knative)"
        ),
        id="no-image",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "securityContext", "privileged"): True},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].securityContext.privileged = true: must be false "
            "(Knative)"
        ),
        id="privileged",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "ports", 0, "hostIP"): "127.0.0.1"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].ports[0].hostIP = "127.0.0.1": is never allowed '
            "(Knative)"
        ),
        id="an-address-of-the-host",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "volumeMounts", 0, "recursiveReadOnly"): "Enabled"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].volumeMounts[0].recursiveReadOnly = "Enabled": is '
            "never allowed (Knative)"
        ),
        id="a-recursive-mount",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "resources", "claims"): [{"name": "gpu"}]},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].resources = {"limits": {"cpu": "4", '
            '"ephemeral-storage": "2Gi", "memo...: may hold only requests, limits (Knative)'
        ),
        id="claimed-devices",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "readinessProbe", "successThreshold"): 0},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].readinessProbe.successThreshold = 0: must be an "
            "integer of at least 1 (Knative)"
        ),
        id="success-at-once",
    ),
]
