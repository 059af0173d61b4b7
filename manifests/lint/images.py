"""Images: what is deployed is named by a tag that says what it is, or by a digest."""

from collections.abc import Iterator
from typing import Final

from manifests.lint.faults import Finding, select
from manifests.lint.pods import CONTAINERS, pods_of
from manifests.lint.target import Target

# Of the base and the components the images are named in overlays.
DEPLOYED: Final = (
    *("overlays/", "canary", "loadtest/service", "loadtest/latest", "loadtest/prev"),
)


def check(target: Target) -> Iterator[Finding]:
    """Yield images without a tag or a digest, or with a tag that moves."""
    if not target.recipe.name.startswith(DEPLOYED):
        return
    for document in target.documents:
        for pod in pods_of(document):
            for group in CONTAINERS:
                for path, image in select(pod.spec, (group, "*", "image")):
                    if not _is_pinned(str(image)):
                        rule = "must have a tag, not latest, or a digest (ours)"
                        yield Finding(document, (*pod.path, *path), rule)


def _is_pinned(image: str) -> bool:
    name = image.rpartition("/")[2]
    return "@sha256:" in image or (":" in name and not name.endswith(":latest"))
