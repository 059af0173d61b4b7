"""Annotations that Knative and Istio read: their names and their values.

Source: knative/serving v1.21.1, pkg/apis/autoscaling (register.go, annotation_validation.go),
pkg/apis/serving; istio 1.27, its annotations reference.
"""

from collections.abc import Iterator
from typing import Final

from manifests.lint.faults import Finding, Path, mapping
from manifests.lint.knative import KNATIVE, Settings
from manifests.lint.render import Document
from manifests.lint.values import (
    ValueRule,
    absent,
    duration,
    integer_text,
    number_text,
    one_of,
)

MAX_WINDOW_S: Final = 3600
BOOLEAN: Final = one_of("true", "false")
WRITTEN_BY_KSERVE: Final = absent("is KServe's to write, from the predictor's own fields")

AUTOSCALING: Final[dict[str, ValueRule]] = {
    "window": duration(6, MAX_WINDOW_S),
    "scale-down-delay": duration(0, MAX_WINDOW_S),
    "scale-to-zero-pod-retention-period": duration(0, MAX_WINDOW_S),
    "target-utilization-percentage": number_text(1, 100),
    "target-burst-capacity": number_text(0, but=-1),
    "panic-window-percentage": number_text(1, 100),
    "panic-threshold-percentage": number_text(110, 1000),
    "initial-scale": integer_text(0),
    "activation-scale": integer_text(2),
    "metric-aggregation-algorithm": one_of("linear", "weightedExponential"),
    "class": one_of("kpa.autoscaling.knative.dev", "hpa.autoscaling.knative.dev"),
    **dict.fromkeys(("min-scale", "max-scale", "metric", "target"), WRITTEN_BY_KSERVE),
}
SERVING: Final[dict[str, ValueRule]] = {
    "progress-deadline": duration(1),
    "rollout-duration": duration(0),
}
SIDECAR: Final[dict[str, ValueRule]] = {
    "inject": BOOLEAN,
    "rewriteAppHTTPProbers": BOOLEAN,
    "nativeSidecar": BOOLEAN,
    **dict.fromkeys(
        (
            *("proxyCPU", "proxyCPULimit", "proxyMemory", "proxyMemoryLimit"),
            *("discoveryAddress", "logLevel", "statsInclusionPrefixes", "userVolume"),
            *("agentLogLevel", "componentLogLevel", "bootstrapOverride", "userVolumeMount"),
            *("extraStatTags", "statsHistogramBuckets", "statsCompression", "interceptionMode"),
        ),
        lambda _: None,
    ),
}
GROUPS: Final = {
    "autoscaling.knative.dev": (AUTOSCALING, KNATIVE),
    "serving.knative.dev": (SERVING, KNATIVE),
    "sidecar.istio.io": (SIDECAR, "Istio"),
}
PLACES: Final[tuple[Path, ...]] = (
    ("metadata", "annotations"),
    ("spec", "predictor", "annotations"),
    ("spec", "template", "metadata", "annotations"),
)


def check(document: Document, settings: Settings) -> Iterator[Finding]:
    """Yield annotations of a known group that it lacks, or whose value it would refuse."""
    for place in PLACES:
        for name, value in mapping(document.body, *place).items():
            group, _, key = name.partition("/")
            if group not in GROUPS:
                continue
            rules, source = GROUPS[group]
            rule = rules.get(key)
            wrong = rule(value) if rule else "unknown annotation"
            if wrong is not None:
                yield Finding(document, (*place, name), f"{wrong} ({source})")
            elif key == "initial-scale" and value == "0":
                yield from _zero_initial_scale(document, (*place, name), settings)


def _zero_initial_scale(document: Document, path: Path, settings: Settings) -> Iterator[Finding]:
    allows = settings.get("config-autoscaler", {}).get("allow-zero-initial-scale")
    if allows != "true":
        rule = f"must be at least 1 while allow-zero-initial-scale is not true ({KNATIVE})"
        yield Finding(document, path, rule)
