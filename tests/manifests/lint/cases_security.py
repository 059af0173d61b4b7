"""Pods that the restricted profile would refuse, or ours."""

import pytest

from tests.manifests.lint.planting import CONTAINER, GONE, PREDICTOR

CASES = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "securityContext", "allowPrivilegeEscalation"): True},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].securityContext.allowPrivilegeEscalation = true: "
            "must be false (Pod Security restricted)"
        ),
        id="privilege-escalation",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "securityContext", "capabilities", "drop"): ["NET_RAW"]},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].securityContext.capabilities.drop = ["NET_RAW"]: '
            'must be ["ALL"] (Pod Security restricted)'
        ),
        id="capabilities-kept",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "securityContext", "runAsNonRoot"): False},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].securityContext.runAsNonRoot = false: must be "
            "true (Pod Security restricted)"
        ),
        id="root",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "securityContext", "runAsUser"): 1000},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].securityContext.runAsUser = 1000: must be an "
            "integer of at least 10000 (ours)"
        ),
        id="a-low-user",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "securityContext", "seccompProfile"): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.securityContext.seccompProfile = missing: must be there: Istio's "
            "containers have none before 1.28 (Pod Security restricted)"
        ),
        id="no-seccomp-profile",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "securityContext", "readOnlyRootFilesystem"): False},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].securityContext.readOnlyRootFilesystem = false: "
            "must be true (ours)"
        ),
        id="a-writable-root",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "containers", 0, "securityContext", "runAsUser"): 0},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.containers[0].securityContext.runAsUser = 0: must be an "
            "integer of at least 10000 (ours)"
        ),
        id="root-in-a-job",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "hostNetwork"): True},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.hostNetwork = true: shares the node with the pod: must not "
            "be there (ours)"
        ),
        id="host-network-in-a-job",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {
            ("spec", "template", "spec", "volumes", 1): {
                "name": "models",
                "hostPath": {"path": "/models"},
            }
        },
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            'spec.template.spec.volumes[1] = {"name": "models", "hostPath": {"path": '
            '"/models"}}: may hold only name, configMap, csi, downwardAPI, emptyDir, '
            "ephemeral, image, persistentVolumeClaim, projected, secret (Pod Security "
            "restricted)"
        ),
        id="a-host-path-in-a-job",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "hostPID"): True},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.hostPID = true: shares the node with the pod: must not be "
            "there (ours)"
        ),
        id="host-processes-in-a-job",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "hostIPC"): True},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.hostIPC = true: shares the node with the pod: must not be "
            "there (ours)"
        ),
        id="host-memory-in-a-job",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "securityContext", "runAsNonRoot"): False},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.securityContext.runAsNonRoot = false: must be true (Pod "
            "Security restricted)"
        ),
        id="a-root-pod",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "securityContext", "runAsUser"): 0},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.securityContext.runAsUser = 0: must be an integer of at "
            "least 1 (Pod Security restricted)"
        ),
        id="user-0-of-a-pod",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "securityContext", "seccompProfile"): {"type": "Unconfined"}},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            'spec.template.spec.securityContext.seccompProfile.type = "Unconfined": must be '
            "one of RuntimeDefault, Localhost (Pod Security restricted)"
        ),
        id="a-pod-without-seccomp",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "securityContext", "seccompProfile"): GONE},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.containers[0].securityContext.seccompProfile = missing: must "
            "be there, or on the pod (Pod Security restricted)"
        ),
        id="no-seccomp-profile-without-a-sidecar",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "securityContext", "sysctls"): [{"name": "a", "value": "b"}]},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            'spec.template.spec.securityContext.sysctls = [{"name": "a", "value": "b"}]: '
            "must not be there (Pod Security restricted)"
        ),
        id="sysctls",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "containers", 0, "securityContext", "privileged"): True},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.containers[0].securityContext.privileged = true: must not "
            "be any of True (Pod Security restricted)"
        ),
        id="a-privileged-job",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {
            (
                "spec",
                "template",
                "spec",
                "containers",
                0,
                "securityContext",
                "capabilities",
                "add",
            ): ["SYS_TIME"]
        },
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.containers[0].securityContext.capabilities.add = "
            '["SYS_TIME"]: must be ["NET_BIND_SERVICE"] (Pod Security restricted)'
        ),
        id="a-capability",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {("spec", "template", "spec", "containers", 0, "securityContext", "procMount"): "Unmasked"},
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            'spec.template.spec.containers[0].securityContext.procMount = "Unmasked": must '
            'be "Default" (Pod Security restricted)'
        ),
        id="an-unmasked-proc",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {
            (
                "spec",
                "template",
                "spec",
                "containers",
                0,
                "securityContext",
                "seccompProfile",
                "type",
            ): "Unconfined"
        },
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.containers[0].securityContext.seccompProfile.type = "
            '"Unconfined": must be one of RuntimeDefault, Localhost (Pod Security '
            "restricted)"
        ),
        id="a-container-without-seccomp",
    ),
    pytest.param(
        "components/model-cache",
        "Job/r1-model-cache",
        {
            ("spec", "template", "spec", "containers", 0, "ports"): [
                {"containerPort": 80, "hostPort": 80}
            ]
        },
        (
            "components/model-cache/job.yaml: Job/r1-model-cache: "
            "spec.template.spec.containers[0].ports[0].hostPort = 80: must not be there "
            "(Pod Security restricted)"
        ),
        id="a-port-of-the-host",
    ),
]
