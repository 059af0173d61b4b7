"""Who may ask what of r1: each answer, and the other one when the policy it is about is gone."""

import pytest

from tests.manifests.mesh.cells import ACTIVATOR, ALLOWS, NEVER, Cell
from tests.manifests.mesh.cells_predictor import SHUT_TWICE
from tests.manifests.mesh.conftest import CELLS, Doors

every_cell = pytest.mark.parametrize("cell", CELLS, ids=[cell.id for cell in CELLS])


@every_cell
def test_a_request_gets_the_documented_answer(matrix: Doors, cell: Cell) -> None:
    assert matrix.ask(cell).status == cell.answer


@every_cell
def test_without_the_policy_it_gets_the_other_answer(matrix: Doors, cell: Cell) -> None:
    assert cell.otherwise != cell.answer
    assert matrix.ask(cell, cell.without).status == cell.otherwise


@pytest.mark.parametrize("asks", SHUT_TWICE, ids=" ".join)
@pytest.mark.parametrize("without", [NEVER, ALLOWS], ids=["no DENY", "no ALLOW"])
def test_what_is_shut_twice_stays_shut_by_either(
    matrix: Doors, asks: tuple[str, str], without: frozenset[str]
) -> None:
    cell = Cell("predictor", ACTIVATOR, "right", asks, 403, without, 403)
    assert matrix.ask(cell, without).status == 403
