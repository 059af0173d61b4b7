"""Flags, numbers, ports and paths that the program does not agree with."""

import pytest

from tests.manifests.lint.planting import CONTAINER, GONE, PREDICTOR

CASES = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 4): "--max-num-seq=64"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].args[4] = "--max-num-seq=64": No such option: '
            "--max-num-seq (Possible options: --max-num-seqs, --max-rows) (r1-predictor)"
        ),
        id="an-unknown-flag",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 4): "--max-num-seqs=0"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].args[4] = "--max-num-seqs=0": Invalid value for '
            "'--max-num-seqs': Input should be greater than or equal to 1 (r1-predictor)"
        ),
        id="a-flag-out-of-range",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 4): "max-num-seqs"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].args[4] = "max-num-seqs": must be --flag=value '
            "(ours)"
        ),
        id="a-flag-of-two-items",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 7): "--max-num-batched-tokens=32"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].args = ["--model-name=r1", '
            '"--model-dir=/mnt/models", "--default...: max_num_batched_tokens is 32, must '
            "be at least max_num_seqs, 64 (r1-predictor)"
        ),
        id="settings-that-exclude-each-other",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "R1_MAX_SEQS", "value": "64"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1] = {"name": "R1_MAX_SEQS", "value": "64"}: '
            "No such option: --max-seqs (Possible options: --max-headers, --max-num-seqs, "
            "--max-rows) (r1-predictor)"
        ),
        id="an-unknown-variable",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env", 1): {"name": "R1_HTTP_PORT", "value": "80800"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].env[1] = {"name": "R1_HTTP_PORT", "value": '
            "\"80800\"}: Invalid value for '--http-port': Input should be less than or equal "
            "to 65535 (r1-predictor)"
        ),
        id="a-variable-out-of-range",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 3): "--host=127.0.0.1"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].args[3] = --host=127.0.0.1: must be 0.0.0.0 in a "
            "pod (ours)"
        ),
        id="localhost",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "ports", 0, "containerPort"): 8000},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].ports[0].containerPort = 8000: must be "
            "--http-port, 8080 (ours)"
        ),
        id="another-port",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "containerConcurrency"): 32},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containerConcurrency = 32: must be --max-num-seqs, 64 (ours)"
        ),
        id="a-batch-unlike-the-concurrency",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "scaleTarget"): 32},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.scaleTarget = "
            "32: must be --max-num-seqs, 64 (ours)"
        ),
        id="a-batch-unlike-the-target",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "readinessProbe"): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].readinessProbe = missing: must be there (ours)"
        ),
        id="no-readiness",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "readinessProbe", "httpGet", "path"): "/v2/models/r2/ready"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].readinessProbe.httpGet.path = "
            '"/v2/models/r2/ready": must be /v2/models/r1/ready (ours)'
        ),
        id="readiness-of-another-model",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "livenessProbe", "httpGet", "path"): "/v2/health/ready"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].livenessProbe.httpGet.path = "/v2/health/ready": '
            "must be /v2/health/live (ours)"
        ),
        id="liveness-that-waits-for-the-model",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "startupProbe", "httpGet", "port"): 8081},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].startupProbe.httpGet.port = 8081: must be "
            "--http-port, 8080 (ours)"
        ),
        id="a-probe-of-another-port",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "startupProbe", "failureThreshold"): 3600},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].startupProbe.failureThreshold = 3600: lasts 3600 "
            "s, must end before serving.knative.dev/progress-deadline, 1800s (Knative)"
        ),
        id="a-startup-beyond-the-deadline",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "timeout"): 630},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.timeout = 630: "
            "must be at least 640: 30 until SIGTERM, then the requests (ours)"
        ),
        id="a-timeout-without-room-for-the-drain",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 6): "--grace-period-s=300"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].args[6] = --grace-period-s=300.0: must be at "
            "least --request-timeout-s less 30, 570 (ours)"
        ),
        id="a-grace-shorter-than-a-request",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "env"): []},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].args[1] = --model-dir=/mnt/models: needs "
            "STORAGE_URI, or must be demo (ours)"
        ),
        id="no-storage",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 1): "--model-dir=demo"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].args[1] = --model-dir=demo: must be /mnt/models, "
            "where KServe mounts it (ours)"
        ),
        id="the-demo-model-with-storage",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 2): "--defaults-dir=/etc/defaults"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            "spec.predictor.containers[0].args[2] = --defaults-dir=/etc/defaults: must be "
            "where a ConfigMap is mounted (ours)"
        ),
        id="defaults-elsewhere",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "volumeMounts", 0, "subPath"): "generation.json"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].volumeMounts[0].subPath = "generation.json": must '
            "not be there: such a mount never changes (ours)"
        ),
        id="defaults-that-never-change",
    ),
    pytest.param(
        "components/standard-mode",
        "InferenceService/r1",
        {(*PREDICTOR, "terminationGracePeriodSeconds"): 60},
        (
            "components/standard-mode/mode.yaml: InferenceService/r1: "
            "spec.predictor.terminationGracePeriodSeconds = 60: must be at least 625: 15 "
            "until SIGTERM, then the requests (ours)"
        ),
        id="no-grace-in-standard-mode",
    ),
    pytest.param(
        "components/grpc",
        "InferenceService/r1-grpc",
        {(*CONTAINER, "livenessProbe"): {"httpGet": {"path": "/v2/health/live", "port": 8080}}},
        (
            "base/inferenceservice.yaml: InferenceService/r1-grpc: "
            "spec.predictor.containers[0].livenessProbe.httpGet.port = 8080: would be moved "
            "to 8081, the container's one port (Knative)"
        ),
        id="a-liveness-that-knative-moves",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*CONTAINER, "args", 2): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.containers[0].volumeMounts[0].mountPath = "/etc/r1": needs '
            "--defaults-dir=/etc/r1: nobody reads it (ours)"
        ),
        id="defaults-that-nobody-reads",
    ),
]
