"""What fits another of KServe's modes, or another autoscaler."""

import pytest

from tests.manifests.lint.planting import ANNOTATIONS, GONE, PREDICTOR

CASES = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*ANNOTATIONS, "serving.kserve.io/deploymentMode"): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'metadata.annotations["serving.kserve.io/deploymentMode"] = missing: must be '
            "one of Knative, Standard (KServe)"
        ),
        id="no-mode",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*ANNOTATIONS, "serving.kserve.io/deploymentMode"): "Serverless"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'metadata.annotations["serving.kserve.io/deploymentMode"] = "Serverless": must '
            "be one of Knative, Standard (KServe)"
        ),
        id="an-old-mode",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*ANNOTATIONS, "serving.kserve.io/autoscalerClass"): "kpa"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'metadata.annotations["serving.kserve.io/autoscalerClass"] = "kpa": must be one '
            "of hpa, external, keda, none (KServe)"
        ),
        id="kpa-as-autoscaler-class",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*ANNOTATIONS, "serving.kserve.io/enable-tag-routing"): GONE},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'metadata.annotations["serving.kserve.io/enable-tag-routing"] = missing: must '
            'be "true" (ours)'
        ),
        id="no-tag-routing",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "scaleMetric"): "cpu"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.scaleMetric = "
            '"cpu": must be one of concurrency, rps (KServe)'
        ),
        id="a-metric-that-knative-lacks",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "deploymentStrategy"): {"type": "Recreate"}},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.deploymentStrategy = {"type": "Recreate"}: is for Standard mode '
            "alone (KServe)"
        ),
        id="a-strategy-in-knative-mode",
    ),
    pytest.param(
        "components/standard-mode",
        "InferenceService/r1",
        {(*PREDICTOR, "canaryTrafficPercent"): 10},
        (
            "components/standard-mode/mode.yaml: InferenceService/r1: "
            "spec.predictor.canaryTrafficPercent = 10: does nothing in Standard mode "
            "(KServe)"
        ),
        id="a-percent-in-standard-mode",
    ),
    pytest.param(
        "components/standard-mode",
        "InferenceService/r1",
        {
            (*ANNOTATIONS, "serving.kserve.io/autoscalerClass"): "hpa",
            (*PREDICTOR, "scaleMetric"): "cpu",
            (*PREDICTOR, "scaleTarget"): 150,
        },
        (
            "components/standard-mode/mode.yaml: InferenceService/r1: "
            "spec.predictor.scaleTarget = 150: must be an integer in 1..100 (KServe)"
        ),
        id="a-percentage-over-100-for-an-hpa",
    ),
    pytest.param(
        "components/standard-mode/keda",
        "InferenceService/r1",
        {(*PREDICTOR, "scaleMetric"): "cpu"},
        (
            "components/standard-mode/mode.yaml: InferenceService/r1: "
            'spec.predictor.scaleMetric = "cpu": is not for autoscalerClass keda (KServe)'
        ),
        id="a-metric-beside-keda",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*PREDICTOR, "scaleTarget"): 0},
        (
            "base/inferenceservice.yaml: InferenceService/r1: spec.predictor.scaleTarget = "
            "0: must be an integer of at least 1 (KServe)"
        ),
        id="a-target-of-0",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {("spec", "canary"): [{"predictor": {"name": "c"}, "trafficPercent": 10}]},
        (
            'base/inferenceservice.yaml: InferenceService/r1: spec.canary = [{"predictor": '
            '{"name": "c"}, "trafficPercent": 10}]: is for Standard mode alone (KServe)'
        ),
        id="a-standard-canary-in-knative-mode",
    ),
    pytest.param(
        "components/standard-mode",
        "InferenceService/r1",
        {
            (*ANNOTATIONS, "serving.kserve.io/autoscalerClass"): "hpa",
            (*PREDICTOR, "scaleMetric"): "rps",
        },
        (
            "components/standard-mode/mode.yaml: InferenceService/r1: "
            'spec.predictor.scaleMetric = "rps": must be one of cpu, memory (KServe)'
        ),
        id="a-metric-that-an-hpa-lacks",
    ),
]
