"""The file and line that a fault names are those that a user edits."""

from dataclasses import replace
from pathlib import Path

import pytest

from manifests.lint.checks import faults_of
from manifests.lint.faults import Fault
from manifests.lint.render import render
from manifests.lint.target import Target


def faults(tree: Path, target: Target, crd_dir: Path | None) -> list[Fault]:
    """Return the faults of a target whose files have changed."""
    recipe = target.recipe
    documents = render(recipe.resources, recipe.components, root=tree)
    return list(faults_of(replace(target, documents=tuple(documents)), tree, crd_dir))


@pytest.mark.parametrize(
    ("target", "file", "old", "new", "says"),
    [
        pytest.param(
            "base",
            "base/inferenceservice.yaml",
            "    timeout: 660",
            "    timeout: 6600",
            "spec.predictor.timeout = 6600",
            id="in-the-object's-own-file",
        ),
        pytest.param(
            "overlays/dev",
            "overlays/dev/without-gpu.yaml",
            "  value: --model-dir=demo",
            "  value: --model-dri=demo",
            'spec.predictor.containers[0].args[1] = "--model-dri=demo"',
            id="in-a-json-patch",
        ),
        pytest.param(
            "components/standard-mode",
            "components/standard-mode/mode.yaml",
            "    serving.kserve.io/autoscalerClass: none",
            "    serving.kserve.io/autoscalerClass: kpa",
            'metadata.annotations["serving.kserve.io/autoscalerClass"] = "kpa"',
            id="in-a-merge-patch",
        ),
        pytest.param(
            "components/canary-rbac",
            "components/canary-rbac/rolebinding.yaml",
            "  - kind: ServiceAccount\n    name: r1-canary",
            "  - kind: ServiceAccount\n    name: r1-canaries",
            'subjects[0].name = "r1-canaries"',
            id="in-a-component",
        ),
        pytest.param(
            "cluster",
            "cluster/config-features.yaml",
            "kind: ConfigMap",
            "kind: ConfigMap\nimmutible: true",
            "immutible = true",
            id="in-the-cluster's",
        ),
    ],
)
def test_a_fault_names_its_file_and_line(
    targets: dict[str, Target],
    tree: Path,
    crd_dir: Path | None,
    target: str,
    file: str,
    old: str,
    new: str,
    says: str,
) -> None:
    before, _, after = (tree / file).read_text().partition(old)
    (tree / file).write_text(before + new + after)
    number = (before + new).count("\n") + 1

    [fault] = faults(tree, targets[target], crd_dir)

    assert str(fault).startswith(f"{file}:{number}: ")
    assert f": {says}: " in str(fault)


def test_an_image_s_fault_names_the_kustomization_that_sets_it(
    targets: dict[str, Target], tree: Path, crd_dir: Path
) -> None:
    file = tree / "overlays/dev/kustomization.yaml"
    file.write_text(file.read_text().replace("newTag: 0.1.0-cpu", "newTag: latest"))

    [fault] = faults(tree, targets["overlays/dev"], crd_dir)

    assert (fault.file, fault.field) == (
        "overlays/dev/kustomization.yaml",
        "spec.predictor.containers[0].image",
    )
