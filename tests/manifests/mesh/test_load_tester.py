"""The load tester is a client of r1, and asks a tag host where loadtest/callers lets it."""

from collections.abc import Iterator

import pytest

from manifests.lint.render import render
from tests.manifests.mesh.cells import (
    AT_ACTIVATOR,
    CANARY,
    FOR_R1,
    FRONTEND,
    HOST,
    INFER,
    NEIGHBOUR,
    Cell,
)
from tests.manifests.mesh.conftest import COMPONENTS, Doors, doors, installed, objects, opened
from tests.manifests.mesh.istio.objects import Json, identity
from tests.manifests.mesh.topology import DOORS, Mesh, Trust, echo
from tests.manifests.ports import free_ports

LOAD_TESTER = "r1/r1-loadtest"
LATEST = "latest-r1-predictor.r1.svc.cluster.local"
PREV = "prev-r1-predictor.r1.svc.cluster.local"
BOTH_DOORS = pytest.mark.parametrize("door", ["activator", "inside"])
BOTH_TAGS = pytest.mark.parametrize("host", [LATEST, PREV], ids=["latest", "prev"])


def with_callers() -> dict[str, Json]:
    rendered = render(["base", "cluster/mesh"], [*COMPONENTS, "loadtest/callers"])
    ours = [document.body for document in rendered if "namespace" in document.body["metadata"]]
    return {identity(body): body for body in [*installed(), *ours]}


@pytest.fixture(scope="module")
def meshes(tmp_path_factory: pytest.TempPathFactory, trust: Trust) -> Iterator[Doors]:
    admin, app, *rest = free_ports(2 + 2 * len(DOORS))
    ports = iter(rest)
    both: dict[object, Mesh] = {
        name: Mesh(name, documents, trust, app, doors(ports))
        for name, documents in (("closed", dict(objects())), ("open", with_callers()))
    }
    with opened(tmp_path_factory.mktemp("callers"), trust, both, [echo(app)], admin) as running:
        yield running


def status(meshes: Doors, mesh: str, who: str, door: str, host: str) -> int | None:
    cell = Cell(door, who, "right", INFER, 200, AT_ACTIVATOR, 403, host, FOR_R1)
    return meshes.ask(cell, mesh).status


@BOTH_DOORS
def test_the_load_tester_asks_the_service_as_any_client_does(meshes: Doors, door: str) -> None:
    assert status(meshes, "closed", LOAD_TESTER, door, HOST) == 200


@BOTH_TAGS
@BOTH_DOORS
def test_a_tag_host_is_open_to_it_by_the_component_alone(
    meshes: Doors, door: str, host: str
) -> None:
    assert status(meshes, "closed", LOAD_TESTER, door, host) == 403
    assert status(meshes, "open", LOAD_TESTER, door, host) == 200


@BOTH_TAGS
@BOTH_DOORS
@pytest.mark.parametrize("who", [FRONTEND, NEIGHBOUR])
def test_the_component_opens_it_to_nobody_else(
    meshes: Doors, who: str, door: str, host: str
) -> None:
    assert status(meshes, "open", who, door, host) == 403


@BOTH_DOORS
def test_the_canary_tool_still_asks_a_tag_host(meshes: Doors, door: str) -> None:
    assert status(meshes, "open", CANARY, door, LATEST) == 200
