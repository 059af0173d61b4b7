"""What KServe's webhook refuses, or takes and then does not do.

Source: kserve v0.20.0, pkg/apis/serving/v1beta1 (inference_service_validation.go, component.go,
predictor_custom.go), pkg/constants, pkg/validation.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from manifests.lint.faults import Finding, at, items, mapping
from manifests.lint.pods import MODE, is_knative
from manifests.lint.render import Document
from manifests.lint.values import Row, absent, apply, integer, none_of, one_of

KSERVE: Final = "KServe"
OURS: Final = "ours"

PREDICTOR: Final = ("spec", "predictor")
CONTAINERS: Final = (*PREDICTOR, "containers")
ANNOTATIONS: Final = ("metadata", "annotations")
CLASS: Final = "serving.kserve.io/autoscalerClass"
TAGS: Final = "serving.kserve.io/enable-tag-routing"

MAX_LABEL_LENGTH: Final = 63
NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
# Every annotation of its group that the controller reads.
KNOWN: Final = frozenset(
    f"serving.kserve.io/{name}"
    for name in (
        *("deploymentMode", "autoscalerClass", "enable-tag-routing", "stop", "nodegroup"),
        *("enable-metric-aggregation", "enable-prometheus-scraping", "metrics"),
        *("targetUtilizationPercentage", "storage-initializer-uid", "gke-accelerator"),
        *("disable-localmodel", "disable-auto-update", "gpu-resource-types", "server-type"),
        *("logger-secret-name", "logger-secret-path", "logger-secret-file", "storageSecretName"),
    )
)
IMPLEMENTATIONS: Final = (
    *("containers", "model", "sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx"),
    *("huggingface", "pmml", "lightgbm", "paddle"),
)


def _name(value: Any) -> str | None:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        return f"must match {NAME.pattern}"
    # The longest name made of it: Knative's Service of the tag.
    longest = f"prev-{value}-predictor"
    if len(longest) > MAX_LABEL_LENGTH:
        return f"must leave {longest} at most {MAX_LABEL_LENGTH} characters"
    return None


def _no_climbing(value: Any) -> str | None:
    is_plain = isinstance(value, str) and value.startswith("/") and ".." not in value.split("/")
    return None if is_plain else "must be an absolute path without .."


# What other rules go by, so nothing else is said while these are wrong.
IDENTITY: Final = (
    Row(("metadata", "name"), KSERVE, _name),
    Row((*ANNOTATIONS, MODE), KSERVE, one_of("Knative", "Standard"), is_required=True),
)
ROWS: Final = (
    # kpa is the default and no word of the list.
    Row((*ANNOTATIONS, CLASS), KSERVE, one_of("hpa", "external", "keda", "none")),
    Row((*PREDICTOR, "minReplicas"), KSERVE, integer(0)),
    Row((*PREDICTOR, "maxReplicas"), KSERVE, integer(0)),
    Row((*PREDICTOR, "containerConcurrency"), KSERVE, integer(0)),
    # The CRD and the webhook take any number; Knative then refuses the Service made of it.
    Row((*PREDICTOR, "canaryTrafficPercent"), "Knative", integer(0, 100)),
    Row((*PREDICTOR, "model", "name"), KSERVE, absent("must not be there")),
    Row((*PREDICTOR, "storageUris", "*", "mountPath"), KSERVE, _no_climbing),
    Row((*CONTAINERS, "*", "env", "*", "name"), KSERVE, none_of("PYTHONPATH")),
    Row((*PREDICTOR, "initContainers", "*", "env", "*", "name"), KSERVE, none_of("PYTHONPATH")),
)
KNATIVE_ROWS: Final = (
    Row((*PREDICTOR, "scaleMetric"), KSERVE, one_of("concurrency", "rps")),
    Row((*PREDICTOR, "scaleTarget"), KSERVE, integer(1)),
    Row((*PREDICTOR, "deploymentStrategy"), KSERVE, absent("is for Standard mode alone")),
    # Of its own a template change: set from the start, it makes no revision later.
    Row((*ANNOTATIONS, TAGS), OURS, one_of("true"), is_required=True),
    Row(("spec", "canary"), KSERVE, absent("is for Standard mode alone")),
)
STANDARD_ROWS: Final = (
    Row((*PREDICTOR, "canaryTrafficPercent"), KSERVE, absent("does nothing in Standard mode")),
)
HPA_ROWS: Final = (
    Row((*PREDICTOR, "scaleMetric"), KSERVE, one_of("cpu", "memory")),
    Row((*PREDICTOR, "scaleTarget"), KSERVE, integer(1, 100)),
)
KEDA_ROWS: Final = (
    Row((*PREDICTOR, "scaleMetric"), KSERVE, absent("is not for autoscalerClass keda")),
)


def identity(document: Document) -> Iterator[Finding]:
    """Yield what is wrong with an InferenceService's name and mode."""
    if document.kind == "InferenceService":
        yield from apply(IDENTITY, document)


def check(document: Document) -> Iterator[Finding]:
    """Yield what is wrong with an InferenceService."""
    if document.kind != "InferenceService":
        return
    yield from apply(ROWS, document)
    yield from apply(_mode_rows(document), document)
    yield from _annotations(document)
    yield from _implementation(document)
    yield from _replicas(document)
    yield from _containers(document)


def _mode_rows(document: Document) -> tuple[Row, ...]:
    if is_knative(document):
        return KNATIVE_ROWS
    scaler = at(document.body, *ANNOTATIONS, CLASS) or "hpa"
    return STANDARD_ROWS + {"hpa": HPA_ROWS, "keda": KEDA_ROWS}.get(scaler, ())


def _annotations(document: Document) -> Iterator[Finding]:
    for name in mapping(document.body, *ANNOTATIONS):
        if name.startswith("serving.kserve.io/") and name not in KNOWN:
            yield Finding(document, (*ANNOTATIONS, name), f"unknown annotation ({KSERVE})")


def _implementation(document: Document) -> Iterator[Finding]:
    found = [name for name in IMPLEMENTATIONS if at(document.body, *PREDICTOR, name)]
    if len(found) != 1:
        rule = f"must have exactly one of containers, model and the like ({KSERVE})"
        yield Finding(document, PREDICTOR, rule, ", ".join(found) or "none")


def _replicas(document: Document) -> Iterator[Finding]:
    least, most = (at(document.body, *PREDICTOR, f"{end}Replicas") for end in ("min", "max"))
    # 0 is no bound; 1 pod is the least where nothing is said.
    if isinstance(most, int) and 0 < most < (1 if least is None else least):
        rule = f"must be at least minReplicas, {1 if least is None else least} ({KSERVE})"
        yield Finding(document, (*PREDICTOR, "maxReplicas"), rule)


def _containers(document: Document) -> Iterator[Finding]:
    containers = items(document.body, *CONTAINERS)
    if not containers:
        return
    path = (*CONTAINERS, 0)
    if containers[0].get("name") != "kserve-container":
        # KServe overwrites the first one, and names it so where it is alone.
        yield Finding(document, (*path, "name"), f"must be kserve-container ({KSERVE})")
    for index, entry in enumerate(items(containers[0], "env")):
        if entry.get("name") == "PROTOCOL" and entry.get("value") not in ("v1", "v2"):
            yield Finding(document, (*path, "env", index, "value"), f"must be v1 or v2 ({KSERVE})")
    for side in ("requests", "limits"):
        for name in ("cpu", "memory"):
            if at(containers[0], "resources", side, name) is None:
                place = (*path, "resources", side, name)
                default = "1" if name == "cpu" else "2Gi"
                yield Finding(document, place, f"must be there: KServe fills in {default} (ours)")
    if at(document.body, *PREDICTOR, "storageUris") and _has_storage_uri(containers[0]):
        rule = f"may not stand beside STORAGE_URI ({KSERVE})"
        yield Finding(document, (*PREDICTOR, "storageUris"), rule)


def _has_storage_uri(container: dict[str, Any]) -> bool:
    return any(entry.get("name") == "STORAGE_URI" for entry in items(container, "env"))
