"""What is scanned: every overlay, every component that brings or changes pods, and the Jobs."""

from pathlib import Path
from typing import Any

from manifests.lint.render import Document, render
from tests.manifests.scan.equivalent import equivalent_of
from tests.manifests.variants.overlay import build

OVERLAYS = ("dev", "staging", "production")
VARIANTS = {
    "model-cache": ["model-cache"],
    "model-cache-oci": ["model-cache/oci"],
    "grpc": ["grpc", "mesh", "grpc/mesh", "monitoring", "grpc/monitoring"],
    "standard-keda": [
        *("mesh", "monitoring", "standard-mode", "standard-mode/mesh"),
        "standard-mode/keda",
    ],
    "standard-hpa": ["standard-mode", "standard-mode/hpa"],
}
SERVED = (*OVERLAYS, *VARIANTS)
JOBS = {"loadtest": "loadtest/service", "canary": "canary"}
TARGETS = (*SERVED, *JOBS)
# Groups of the API server's own; what else there is no scanner knows.
BUILT_IN = frozenset(
    {"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"}
)


def documents_of(target: str, workdir: Path) -> list[Document]:
    if target in VARIANTS:
        return build(workdir, VARIANTS[target])
    return render([JOBS.get(target, f"overlays/{target}")])


def scannable(documents: list[Document]) -> list[dict[str, Any]]:
    """Return built-in kinds as they are, an InferenceService as what becomes of it."""
    objects: list[dict[str, Any]] = []
    for document in documents:
        group = document.body["apiVersion"].rpartition("/")[0]
        if document.kind == "InferenceService":
            objects += equivalent_of(document.body)
        elif group in BUILT_IN:
            objects.append(document.body)
    return objects
