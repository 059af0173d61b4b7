"""A client's rate, and pods that do not answer."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.manifests.mesh.callers import Answer, ask, ask_again, connect
from tests.manifests.mesh.cells import ACTIVATOR, FOR_R1, FRONTEND, HOST
from tests.manifests.mesh.conftest import Doors, doors, objects, opened
from tests.manifests.mesh.topology import DOORS, Mesh, Trust, echo
from tests.manifests.ports import free_ports

INFER = ("POST", "/v2/models/r1/infer")
# More than the bucket holds and is filled with in the seconds that asking takes.
MANY = 200
NUM_ASKED = 20
EJECTED = "outlier_detection.ejections_active"
WAIT_S = 30


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, trust: Trust) -> Iterator[Doors]:
    """A predictor, and an activator before two pods, one of which is closed or full."""
    admin, app, closed, full, *rest = free_ports(4 + 3 * len(DOORS))
    ports, documents = iter(rest), objects()
    meshes: dict[object, Mesh] = {
        "one": Mesh("one", documents, trust, app, doors(ports)),
        "closed": Mesh("closed", documents, trust, app, doors(ports), pods=(closed, app)),
        "full": Mesh("full", documents, trust, app, doors(ports), pods=(full, app)),
    }
    more = [echo(app), echo(full, status=503)]
    with opened(tmp_path_factory.mktemp("traffic"), trust, meshes, more, admin) as running:
        yield running


def answers(pods: Doors, subject: str, method: str, path: str) -> list[Answer]:
    """Ask the predictor's door many times on one connection."""
    headers = [("host", HOST), *pods.authorization("right", subject)]
    door = pods.meshes["one"].doors["predictor"]
    with connect(door, pods.caller(ACTIVATOR, HOST)) as connection:
        return [ask_again(connection, method, path, headers) for _ in range(MANY)]


def statuses(pods: Doors, mesh: str) -> list[int | None]:
    """Ask through the activator."""
    caller = pods.caller(FRONTEND, HOST)
    headers = [("host", HOST), *FOR_R1, *pods.authorization("right", mesh)]
    door = pods.meshes[mesh].doors["activator"]
    return [ask(door, caller, *INFER, headers).status for _ in range(NUM_ASKED)]


def test_a_client_that_asks_too_often_is_told_when_to_come_back(pods: Doors) -> None:
    given = answers(pods, "hasty", *INFER)
    assert {answer.status for answer in given[:64]} == {200}
    refused = next(answer for answer in given if answer.status != 200)
    assert refused.status == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/json"
    assert json.loads(refused.body) == {"error": "too many requests of one client"}


def test_other_clients_do_not_pay_for_it(pods: Doors) -> None:
    assert 429 in {answer.status for answer in answers(pods, "greedy", *INFER)}
    headers = [("host", HOST), *pods.authorization("right", "patient")]
    door = pods.meshes["one"].doors["predictor"]
    assert ask(door, pods.caller(ACTIVATOR, HOST), *INFER, headers).status == 200


def test_reads_and_health_are_not_counted(pods: Doors) -> None:
    given = answers(pods, "watchful", "GET", "/v2/models/r1/ready")
    assert {answer.status for answer in given} == {200}


def test_a_pod_that_refuses_connections_is_left_alone(pods: Doors) -> None:
    deadline = time.monotonic() + WAIT_S
    while pods.count("closed pods", EJECTED) == 0:
        assert time.monotonic() < deadline
        statuses(pods, "closed")
    assert set(statuses(pods, "closed")) == {200}


def test_a_pod_that_says_it_is_full_stays(pods: Doors) -> None:
    given = statuses(pods, "full")
    assert (given.count(200), given.count(503)) == (NUM_ASKED / 2, NUM_ASKED / 2)
    assert pods.count("full pods", EJECTED) == 0
