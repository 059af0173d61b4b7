"""Bounds of autoscalers that are objects of their own."""

from collections.abc import Iterator
from typing import Any, Final

from manifests.lint.faults import Finding, Path, at
from manifests.lint.render import Document
from manifests.lint.target import Target

# Kind: where its least and its most stand, what they are if left out, and who says so.
BOUNDS: Final[dict[str, tuple[str, Any, str, Any, str]]] = {
    "HorizontalPodAutoscaler": ("minReplicas", 1, "maxReplicas", None, "Kubernetes"),
    "ScaledObject": ("minReplicaCount", 0, "maxReplicaCount", 100, "KEDA"),
}


def check(target: Target) -> Iterator[Finding]:
    """Yield autoscalers that can have no pod, or whose bounds cross."""
    for document in target.documents:
        if document.kind in BOUNDS:
            yield from _bounds(document)


def _bounds(document: Document) -> Iterator[Finding]:
    low, low_default, high, high_default, source = BOUNDS[document.kind]
    least, most = at(document.body, "spec", low), at(document.body, "spec", high)
    least = low_default if least is None else least
    most = high_default if most is None else most
    path: Path = ("spec", high)
    if not isinstance(most, int) or most < 1:
        yield Finding(document, path, f"must be an integer of at least 1 ({source})")
    elif isinstance(least, int) and most < least:
        yield Finding(document, path, f"must be at least {low}, {least} ({source})")
