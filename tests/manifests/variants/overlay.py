"""base with components, as an overlay would name them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from manifests.lint.render import MANIFESTS, Document, render

IMAGE = {"name": "r1-predictor", "newName": "ghcr.io/kserve-r1/predictor", "newTag": "0.1.0"}


def build(
    workdir: Path, components: Sequence[str], patches: Sequence[dict[str, Any]] = ()
) -> list[Document]:
    """Render base, ``patches`` and then ``components``, folders of ``manifests/components``."""
    edited = workdir / "edited"
    edited.mkdir(parents=True)
    _write(edited, resources=["base"], components=[], patches=list(patches))
    overlay = workdir / "overlay"
    overlay.mkdir()
    _write(
        overlay,
        resources=[edited],
        components=[f"components/{name}" for name in components],
        images=[IMAGE],
    )
    return render([str(overlay)])


def service_of(documents: Sequence[Document], name: str = "r1") -> dict[str, Any]:
    """Return the InferenceService of that name."""
    [body] = [d.body for d in documents if (d.kind, d.name) == ("InferenceService", name)]
    return body


def _write(
    folder: Path, *, resources: Sequence[Any], components: Sequence[str], **fields: object
) -> None:
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(MANIFESTS / path, folder) for path in resources],
        "components": [os.path.relpath(MANIFESTS / path, folder) for path in components],
        **fields,
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
