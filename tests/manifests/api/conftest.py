"""kubectl, bound to the one API server."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from manifests.lint.render import MANIFESTS
from manifests.lint.target import Target

Json = dict[str, Any]
Kubectl = Callable[..., subprocess.CompletedProcess[str]]

# What an installation has before anything of ours comes.
INSTALLED = Path(__file__).parent / "installed.yaml"


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Kubectl:
    """Run kubectl; a keyword ``stdin`` feeds it, ``editor`` is what edit calls."""

    def run(*args: str, stdin: str | None = None, editor: str = "false") -> object:
        return subprocess.run(
            ["kubectl", *args],
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=MANIFESTS,
            env=os.environ | {"KUBECONFIG": str(kubeconfig), "KUBE_EDITOR": editor},
        )

    done = run("apply", "--server-side", f"--filename={INSTALLED}")
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="session")
def served(kubectl: Kubectl, targets: dict[str, Target]) -> Callable[[str], list[Json]]:
    """Return what kustomize makes of a target, without what an old server lacks."""
    rows = kubectl("api-resources", "--no-headers").stdout.splitlines()
    # The last columns: apiVersion, whether it has a namespace, kind.
    kinds = {(row.split()[-3], row.split()[-1]) for row in rows}
    has_policy = kubectl("explain", "job.spec.podFailurePolicy").returncode == 0

    @cache
    def build(name: str) -> list[Json]:
        documents = targets[name].documents
        bodies = [deepcopy(d.body) for d in documents if (d.api_version, d.kind) in kinds]
        for body in bodies:
            if body["kind"] == "Job" and not has_policy:
                body["spec"].pop("podFailurePolicy", None)
        return bodies

    return build


def text_of(bodies: Sequence[Json]) -> str:
    """Return what kubectl reads of a file."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
