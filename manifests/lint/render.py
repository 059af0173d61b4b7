"""kustomize's output as objects that remember the file they came from."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

MANIFESTS: Final = Path(__file__).parents[1]
ORIGIN: Final = "config.kubernetes.io/origin"
KUSTOMIZATION: Final = "kustomization.yaml"
# A component stands on those whose folders it is in; these stand on others, in this order.
BESIDE: Final[dict[str, tuple[str, ...]]] = {
    "components/grpc/mesh": ("components/grpc", "components/mesh"),
    "components/grpc/monitoring": (
        *("components/grpc", "components/mesh"),
        *("components/grpc/mesh", "components/monitoring"),
    ),
    "components/model-cache/oci": (),
    "components/monitoring": ("components/mesh",),
    "components/standard-mode/mesh": ("components/mesh", "components/standard-mode"),
    "loadtest/callers": ("components/mesh",),
}


class RenderFailed(Exception):
    """kustomize refused a target; the message is its own."""


@dataclass(frozen=True, slots=True)
class Document:
    """One rendered object; ``origin`` is its file, relative to ``manifests/``."""

    body: dict[str, Any]
    origin: str

    @property
    def api_version(self) -> str:
        return str(self.body["apiVersion"])

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.body["metadata"].get("namespace", ""))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is rendered together, under the name a user gives it."""

    name: str
    resources: tuple[str, ...]
    components: tuple[str, ...] = ()


def recipes(root: Path = MANIFESTS) -> list[Recipe]:
    """Return every target below ``root``; a component stands on the base and what it needs."""
    found = []
    for file in sorted(root.rglob(KUSTOMIZATION)):
        folder = str(file.parent.relative_to(root))
        if _is_component(file):
            found.append(Recipe(folder, ("base",), (*_needed(folder, root), folder)))
        elif not any((above / KUSTOMIZATION).is_file() for above in file.parent.parents):
            found.append(Recipe(folder, (folder,)))
    return found


def _is_component(file: Path) -> bool:
    try:
        body = yaml.safe_load(file.read_text())
    except yaml.YAMLError:
        # Rendering it will say so.
        return False
    return isinstance(body, dict) and body.get("kind") == "Component"


def _needed(folder: str, root: Path) -> tuple[str, ...]:
    if folder in BESIDE:
        return BESIDE[folder]
    above = Path(folder).parents
    return tuple(str(each) for each in reversed(above) if (root / each / KUSTOMIZATION).is_file())


def render(
    resources: Sequence[str], components: Sequence[str] = (), *, root: Path = MANIFESTS
) -> list[Document]:
    """Build folders of ``manifests/`` together, such as ``["base"], ["components/mesh"]``.

    Raises RenderFailed.
    """
    with tempfile.TemporaryDirectory() as workdir:
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(root / folder, workdir) for folder in resources],
            "components": [os.path.relpath(root / folder, workdir) for folder in components],
            "buildMetadata": ["originAnnotations"],
        }
        Path(workdir, KUSTOMIZATION).write_text(yaml.safe_dump(kustomization))
        try:
            done = subprocess.run(
                ["kubectl", "kustomize", workdir],
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
            )
        except FileNotFoundError:
            raise RenderFailed("kubectl is not installed: it renders the manifests") from None
        if done.returncode != 0:
            raise RenderFailed(done.stderr.strip())
        return [
            _read(body, Path(workdir).resolve(), root.resolve())
            for body in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader)
        ]


def _read(body: dict[str, Any], workdir: Path, root: Path) -> Document:
    annotations = body["metadata"]["annotations"]
    origin = yaml.safe_load(annotations.pop(ORIGIN))
    if not annotations:
        del body["metadata"]["annotations"]
    # A generated object has no file but the kustomization that makes it.
    path = workdir.joinpath(origin.get("path") or origin["configuredIn"]).resolve()
    return Document(body, str(path.relative_to(root)))
