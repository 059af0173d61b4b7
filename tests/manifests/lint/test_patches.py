"""Patches that are for nothing."""

from pathlib import Path

import pytest

from manifests.lint import patches
from manifests.lint.render import MANIFESTS, recipes


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        pytest.param(
            "overlays/dev",
            "kind: InferenceService\n      name: r1",
            "kind: InferenceService\n      name: r2",
            'patches[0].target = {"kind": "InferenceService", "name": "r2"}',
            id="no-such-name",
        ),
        pytest.param(
            "overlays/dev",
            "kind: InferenceService\n      name: r1",
            "kind: InferenceServices\n      name: r1",
            'patches[0].target = {"kind": "InferenceServices", "name": "r1"}',
            id="no-such-kind",
        ),
        pytest.param(
            "overlays/dev",
            "kind: InferenceService\n      name: r1",
            "kind: InferenceService\n      name: r",
            'patches[0].target = {"kind": "InferenceService", "name": "r"}',
            id="a-part-of-a-name",
        ),
        pytest.param(
            "overlays/dev",
            "kind: InferenceService\n      name: r1",
            "kind: InferenceService\n      labelSelector: tier=gpu",
            'patches[0].target = {"kind": "InferenceService", "labelSelector": "tier=gpu"}',
            id="no-such-label",
        ),
        pytest.param(
            "components/standard-mode/hpa",
            "kind: InferenceService\n      name: r1",
            "kind: InferenceService\n      name: r2",
            'patches[0].target = {"kind": "InferenceService", "name": "r2"}',
            id="in-a-component",
        ),
        pytest.param(
            "components/grpc/service",
            "kind: PodDisruptionBudget\n      name: r1-predictor",
            "kind: PodDisruptionBudget\n      name: r1-predict",
            'patches[3].target = {"kind": "PodDisruptionBudget", "name": "r1-predict"}',
            id="in-what-a-component-is-made-of",
        ),
    ],
)
def test_a_patch_for_nothing_is_found_where_it_stands(
    tree: Path, file: str, old: str, new: str, line: str
) -> None:
    kustomization = tree / file / "kustomization.yaml"
    before, _, after = kustomization.read_text().partition(old)
    kustomization.write_text(f"{before}{new}{after}")
    number = before.count("\n")

    found = patches.check(tree, recipes(tree))

    assert [str(fault) for fault in found] == [
        f"{file}/kustomization.yaml:{number}: file: {line}: must match an object (kustomize)"
    ]


@pytest.mark.parametrize("name", ["r1|r2", "r.*"])
def test_a_name_may_be_a_regular_expression(tree: Path, name: str) -> None:
    kustomization = tree / "overlays/dev/kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("name: r1\n", f"name: {name}\n"))

    assert patches.check(tree, recipes(tree)) == set()


def test_an_object_may_be_named_as_an_earlier_patch_renamed_it(tree: Path) -> None:
    with (tree / "components/grpc/service/kustomization.yaml").open("a") as kustomization:
        kustomization.write(
            "  - patch: '[]'\n    target:\n      kind: InferenceService\n      name: r1-grpc\n"
        )

    assert patches.check(tree, recipes(tree)) == set()


def test_every_patch_of_the_tree_is_for_something() -> None:
    assert patches.check(MANIFESTS, recipes()) == set()
