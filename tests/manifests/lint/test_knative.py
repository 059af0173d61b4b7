"""What is said of a revision's pods once the cluster's features allow more."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from manifests.lint.faults import Path as FieldPath
from manifests.lint.target import Target
from tests.manifests.lint.planting import CONTAINER, PREDICTOR, QUANTITIES, SIDE, lines, plant

BASE = "base/inferenceservice.yaml: InferenceService/r1: "


@pytest.mark.parametrize(
    ("feature", "edits", "line"),
    [
        pytest.param(
            "kubernetes.podspec-persistent-volume-claim",
            {
                (*PREDICTOR, "volumes", 2): {
                    "name": "models",
                    "persistentVolumeClaim": {"claimName": "r1-models"},
                },
                (*CONTAINER, "volumeMounts", 2): {"name": "models", "mountPath": "/models"},
            },
            f"{BASE}spec.predictor.volumes[2].persistentVolumeClaim.readOnly = missing: needs "
            "kubernetes.podspec-persistent-volume-write enabled in cluster/config-features, "
            "not set (Knative)",
            id="a-claim-to-write-to",
        ),
        pytest.param(
            "kubernetes.podspec-init-containers",
            {
                (*PREDICTOR, "initContainers"): [
                    {**SIDE, "readinessProbe": {"httpGet": {"port": 1}}}
                ]
            },
            f"{BASE}spec.predictor.initContainers[0].readinessProbe = "
            '{"httpGet": {"port": 1}}: is not for init containers (Knative)',
            id="a-probe-of-an-init-container",
        ),
        pytest.param(
            "kubernetes.podspec-init-containers",
            {
                (*PREDICTOR, "initContainers"): [
                    {**SIDE, "resources": {"requests": QUANTITIES, "limits": {"cpu": "1"}}}
                ]
            },
            f"{BASE}spec.predictor.initContainers[0].resources.limits.memory = missing: "
            "must be there (ours)",
            id="an-init-container-without-a-limit",
        ),
        pytest.param(
            "multi-container",
            {
                (*PREDICTOR, "containers", 1): {
                    **SIDE,
                    "resources": {"requests": {"cpu": "1"}, "limits": QUANTITIES},
                }
            },
            f"{BASE}spec.predictor.containers[1].resources.requests.memory = missing: "
            "must be there (ours)",
            id="a-second-container-without-a-request",
        ),
    ],
)
def test_an_allowed_feature_has_its_own_rules(
    targets: dict[str, Target],
    crd_dir: Path | None,
    feature: str,
    edits: dict[FieldPath, Any],
    line: str,
) -> None:
    enabled = {("data", feature): "enabled"}
    cluster = plant(targets["cluster"], "ConfigMap/config-features", enabled).documents
    planted = plant(targets["base"], "InferenceService/r1", edits)

    assert lines(replace(planted, cluster=cluster), crd_dir) == [line]
