"""Annotations that Knative or Istio would refuse, or not know."""

import pytest

from tests.manifests.lint.planting import POD_ANNOTATIONS

CASES = [
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/window"): "5s"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/window"] = "5s": must be a '
            "duration of whole seconds, in 6s..3600s (Knative)"
        ),
        id="a-window-too-short",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/window"): "120"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/window"] = "120": must be '
            "a duration of whole seconds, in 6s..3600s (Knative)"
        ),
        id="a-window-without-unit",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/window"): "6500ms"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/window"] = "6500ms": must '
            "be a duration of whole seconds, in 6s..3600s (Knative)"
        ),
        id="a-window-of-part-seconds",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/target-utilization-percentage"): "101"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/target-utilization-percentage"] '
            '= "101": must be a number in 1..100 (Knative)'
        ),
        id="utilization-over-100",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/target-burst-capacity"): "-2"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/target-burst-capacity"] = '
            '"-2": must be a number at least 0, or -1 (Knative)'
        ),
        id="burst-capacity--2",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/initial-scale"): "0"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/initial-scale"] = "0": '
            "must be at least 1 while allow-zero-initial-scale is not true (Knative)"
        ),
        id="initial-scale-0",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/scale-to-zero-pod-retention-period"): "24h"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/scale-to-zero-pod-retention-'
            'period"] '
            '= "24h": must be a duration of whole seconds, in 0s..3600s (Knative)'
        ),
        id="a-retention-of-a-day",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/stable-window"): "60s"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/stable-window"] = "60s": '
            "unknown annotation (Knative)"
        ),
        id="an-unknown-autoscaling-annotation",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "autoscaling.knative.dev/min-scale"): "1"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["autoscaling.knative.dev/min-scale"] = "1": is '
            "KServe's to write, from the predictor's own fields (Knative)"
        ),
        id="min-scale-by-hand",
    ),
    pytest.param(
        "base",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "serving.knative.dev/progress-deadline"): "half an hour"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["serving.knative.dev/progress-deadline"] = "half an '
            'hour": must be a duration of whole seconds, at least 1s (Knative)'
        ),
        id="a-deadline-that-is-no-duration",
    ),
    pytest.param(
        "components/mesh",
        "InferenceService/r1",
        {(*POD_ANNOTATIONS, "sidecar.istio.io/nativeSideCar"): "true"},
        (
            "base/inferenceservice.yaml: InferenceService/r1: "
            'spec.predictor.annotations["sidecar.istio.io/nativeSideCar"] = "true": unknown '
            "annotation (Istio)"
        ),
        id="a-misspelt-sidecar-annotation",
    ),
]
