"""Whether an InferenceService can be scaled to zero at all, read from its JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from loadtest.errors import TargetError

# KServe rewrites the older names from 0.16 on.
_KNATIVE: Final = ("Knative", "Serverless")
_STANDARD: Final = ("Standard", "RawDeployment")
# KServe's HorizontalPodAutoscaler never goes below one pod; these may.
_TO_ZERO: Final = ("keda", "external")
_ANNOTATIONS: Final = "serving.kserve.io"


@dataclass(frozen=True, slots=True)
class ZeroService:
    """An InferenceService that may be scaled to zero; ``mode`` is Knative or Standard."""

    name: str
    namespace: str
    mode: str


def check_service(body: Mapping[str, Any]) -> ZeroService:
    """Return the service; raises TargetError that names the field which keeps it from zero."""
    metadata, spec = body["metadata"], body["spec"]
    name = metadata["name"]
    annotations = metadata.get("annotations", {})
    for component in ("transformer", "explainer"):
        if spec.get(component):
            raise TargetError(
                f"InferenceService {name} has spec.{component}, which starts beside the model; "
                "only services with a predictor alone can be split"
            )
    least = spec["predictor"].get("minReplicas")
    if least != 0:
        said = "is unset, which is 1" if least is None else f"is {least}"
        raise TargetError(
            f"InferenceService {name} is never scaled to zero: spec.predictor.minReplicas {said}, "
            "must be 0"
        )
    if annotations.get(f"{_ANNOTATIONS}/stop") == "true":
        raise TargetError(
            f"InferenceService {name} is stopped by its annotation {_ANNOTATIONS}/stop, must not be"
        )
    return ZeroService(name, metadata["namespace"], _mode(name, body, annotations))


def _mode(name: str, body: Mapping[str, Any], annotations: Mapping[str, str]) -> str:
    said = body.get("status", {}).get("deploymentMode") or annotations.get(
        f"{_ANNOTATIONS}/deploymentMode"
    )
    if said in _KNATIVE:
        return "Knative"
    if said not in _STANDARD:
        raise TargetError(
            f"InferenceService {name} has status.deploymentMode {said!r}, must be one of "
            f"{', '.join(_KNATIVE + _STANDARD)}: it is not deployed yet, or not by this KServe"
        )
    scaler = annotations.get(f"{_ANNOTATIONS}/autoscalerClass", "hpa")
    if scaler not in _TO_ZERO:
        raise TargetError(
            f"InferenceService {name} is in Standard mode with the autoscaler {scaler!r}, which "
            f"never goes to zero; annotation {_ANNOTATIONS}/autoscalerClass must be one of "
            f"{', '.join(_TO_ZERO)}"
        )
    return "Standard"
