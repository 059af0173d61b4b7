"""What containers and claims ask of a node: stated, and in units that mean something."""

from collections.abc import Iterator
from typing import Final

from manifests.lint.faults import Finding, Path, at
from manifests.lint.pods import Pod
from manifests.lint.render import Document
from manifests.lint.target import Target
from manifests.lint.values import Row, apply, quantity

OURS: Final = "ours"
KUBERNETES: Final = "Kubernetes"
SIDES: Final = ("requests", "limits")
# Without these a pod is the first to be evicted, and may take the whole node.
STATED: Final = ("cpu", "memory")
CONTAINER_ROWS: Final = tuple(
    Row(("resources", side, name), KUBERNETES, quantity(name))
    for side in SIDES
    for name in (*STATED, "ephemeral-storage")
)
POD_ROWS: Final = (Row(("volumes", "*", "emptyDir", "sizeLimit"), KUBERNETES, quantity("storage")),)
CLAIM: Final[Path] = ("spec", "resources")
CLAIM_ROWS: Final = tuple(Row((side, "storage"), KUBERNETES, quantity("storage")) for side in SIDES)


def check(target: Target) -> Iterator[Finding]:
    """Yield requests and limits that are missing or not meant."""
    for pod in target.pods():
        yield from _pod(pod)
    for document in target.documents:
        yield from _claim(document)


def _pod(pod: Pod) -> Iterator[Finding]:
    yield from apply(POD_ROWS, pod.document, pod.path)
    for path, container in pod.containers():
        yield from apply(CONTAINER_ROWS, pod.document, path)
        for side in SIDES:
            for name in STATED:
                if at(container, "resources", side, name) is None:
                    place = (*path, "resources", side, name)
                    yield Finding(pod.document, place, f"must be there ({OURS})")


def _claim(document: Document) -> Iterator[Finding]:
    if document.kind == "PersistentVolumeClaim":
        yield from apply(CLAIM_ROWS, document, CLAIM)
