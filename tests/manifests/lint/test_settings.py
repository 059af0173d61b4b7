"""Settings of the cluster that an InferenceService goes by."""

from dataclasses import replace
from pathlib import Path

from manifests.lint.target import Target
from tests.manifests.lint.planting import lines, plant


def test_no_pods_at_all_need_scale_to_zero(
    targets: dict[str, Target], crd_dir: Path | None
) -> None:
    off = {("data", "enable-scale-to-zero"): "false"}
    cluster = plant(targets["cluster"], "ConfigMap/config-autoscaler", off).documents

    assert lines(replace(targets["base"], cluster=cluster), crd_dir) == [
        "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.minReplicas = 0: "
        "needs enable-scale-to-zero true in cluster/config-autoscaler, false (Knative)"
    ]
