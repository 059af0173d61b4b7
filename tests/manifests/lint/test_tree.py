"""The tree as it is."""

from pathlib import Path

import pytest

from manifests.lint import raw, rollout
from manifests.lint.render import MANIFESTS, recipes
from manifests.lint.target import Target
from tests.manifests.lint.planting import lines


@pytest.mark.parametrize("name", [recipe.name for recipe in recipes()])
def test_a_target_has_no_fault(targets: dict[str, Target], crd_dir: Path | None, name: str) -> None:
    assert lines(targets[name], crd_dir) == []


def test_the_files_have_no_fault() -> None:
    assert [str(fault) for fault in raw.check(MANIFESTS)] == []


def test_the_edits_of_a_canary_have_no_fault() -> None:
    assert [str(fault) for fault in rollout.check(MANIFESTS)] == []


def test_every_folder_with_a_kustomization_is_in_a_target() -> None:
    names = {recipe.name for recipe in recipes()}
    assert names >= {"base", "cluster", "canary-start", "components/mesh", "overlays/production"}
    assert "cluster/mesh" not in names
