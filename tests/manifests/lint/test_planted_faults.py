"""Each rule finds its fault in an object, and says nothing else."""

from pathlib import Path
from typing import Any

import pytest

from manifests.lint.faults import Path as FieldPath
from manifests.lint.target import Target
from tests.manifests.lint import (
    cases_annotations,
    cases_contents,
    cases_flags,
    cases_knative,
    cases_kserve,
    cases_literals,
    cases_modes,
    cases_namespaces,
    cases_program,
    cases_references,
    cases_resources,
    cases_rights,
    cases_routes,
    cases_security,
    cases_settings,
    cases_shapes,
)
from tests.manifests.lint.planting import lines, plant

CASES = [
    *cases_annotations.CASES,
    *cases_contents.CASES,
    *cases_flags.CASES,
    *cases_knative.CASES,
    *cases_kserve.CASES,
    *cases_literals.CASES,
    *cases_modes.CASES,
    *cases_namespaces.CASES,
    *cases_program.CASES,
    *cases_references.CASES,
    *cases_resources.CASES,
    *cases_rights.CASES,
    *cases_routes.CASES,
    *cases_security.CASES,
    *cases_settings.CASES,
    *cases_shapes.CASES,
]


@pytest.mark.parametrize(("target", "subject", "edits", "line"), CASES)
def test_a_planted_fault_gets_its_one_line(
    targets: dict[str, Target],
    crd_dir: Path | None,
    target: str,
    subject: str,
    edits: dict[FieldPath, Any],
    line: str,
) -> None:
    assert lines(plant(targets[target], subject, edits), crd_dir) == [line]


@pytest.mark.parametrize(("target", "subject", "edits", "line"), cases_shapes.OF_CRDS)
def test_a_fault_that_crds_alone_find_gets_its_one_line(
    targets: dict[str, Target],
    crds: Path,
    target: str,
    subject: str,
    edits: dict[FieldPath, Any],
    line: str,
) -> None:
    assert lines(plant(targets[target], subject, edits), crds) == [line]
