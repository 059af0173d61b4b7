"""Faults planted in rendered objects."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from manifests.lint.checks import faults_of
from manifests.lint.faults import Path as FieldPath
from manifests.lint.render import MANIFESTS
from manifests.lint.target import Target

GONE: Final = object()
ANNOTATIONS: Final = ("metadata", "annotations")
PREDICTOR: Final = ("spec", "predictor")
CONTAINER: Final = (*PREDICTOR, "containers", 0)
POD_ANNOTATIONS: Final = (*PREDICTOR, "annotations")
QUANTITIES: Final = {"cpu": "1", "memory": "64Mi"}
# A container beside the predictor's, with nothing to say against it.
SIDE: Final = {
    "name": "side",
    "image": "example.com/side:1",
    "resources": {"requests": QUANTITIES, "limits": QUANTITIES},
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}


def plant(target: Target, subject: str, edits: Mapping[FieldPath, Any]) -> Target:
    """Return the target with fields of one object set or taken out."""
    documents = [replace(document, body=deepcopy(document.body)) for document in target.documents]
    [body] = [each.body for each in documents if f"{each.kind}/{each.name}" == subject]
    for path, value in edits.items():
        _edit(body, path, value)
    return replace(target, documents=tuple(documents))


def _edit(body: Any, path: FieldPath, value: Any) -> None:
    for key in path[:-1]:
        body = body.setdefault(key, {}) if isinstance(body, dict) else body[key]
    if value is GONE:
        del body[path[-1]]
    elif isinstance(body, list) and path[-1] == len(body):
        body.append(value)
    else:
        body[path[-1]] = value


def lines(target: Target, crd_dir: Path | None) -> list[str]:
    """Return the target's faults without the numbers of their lines, which edits move."""
    faults = sorted(faults_of(target, MANIFESTS, crd_dir))
    return [str(fault).replace(f":{fault.line}: ", ": ", 1) for fault in faults]
