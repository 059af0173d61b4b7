"""The examples do what they say: a mirror asks twice, a fault is one that was asked for."""

import time
from collections.abc import Iterator

import pytest

from tests.manifests.mesh.callers import Answer, Caller, ask
from tests.manifests.mesh.conftest import Doors, doors, objects, opened, shortened
from tests.manifests.mesh.topology import DOORS, Mesh, Trust, echo
from tests.manifests.ports import free_ports

HOST = "r1.example.com"
ACTIVATOR = "activator-service.knative-serving.svc.cluster.local"
INFER = ("POST", "/v2/models/r1/infer")
FACTOR = 10
# Of requests, until a tenth of them has one mirrored: with 300 it fails once in 10^13.
ENOUGH = 300


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory, trust: Trust) -> Iterator[Doors]:
    admin, app, candidate, *rest = free_ports(3 + 2 * len(DOORS))
    ports = iter(rest)
    fault = shortened(objects("fault"), FACTOR)
    mirrored = {ACTIVATOR: candidate}
    meshes: dict[object, Mesh] = {
        "fault": Mesh("fault", fault, trust, app, doors(ports)),
        "mirror": Mesh("mirror", objects("mirror"), trust, app, doors(ports), instead=mirrored),
    }
    more = [echo(app), echo(candidate)]
    with opened(tmp_path_factory.mktemp("examples"), trust, meshes, more, admin) as running:
        yield running


def outside(examples: Doors, mesh: str, *headers: tuple[str, str]) -> Answer:
    # A subject for each: the tests are about no client's rate.
    authorization = examples.authorization("right", str(time.monotonic_ns()))
    port = examples.meshes[mesh].doors["outside"]
    caller = Caller(server_name=HOST)
    return ask(port, caller, *INFER, [("host", HOST), *authorization, *headers])


def test_a_fault_comes_only_when_asked_for(examples: Doors) -> None:
    assert outside(examples, "fault").status == 200
    assert outside(examples, "fault", ("x-r1-fault", "abort")).status == 503


def test_a_delay_is_as_long_as_it_says(examples: Doors) -> None:
    began = time.monotonic()
    assert outside(examples, "fault", ("x-r1-fault", "delay")).status == 200
    assert time.monotonic() - began >= 2 / FACTOR


def test_a_fault_needs_a_token_too(examples: Doors) -> None:
    port = examples.meshes["fault"].doors["outside"]
    headers = [("host", HOST), ("x-r1-fault", "abort")]
    assert ask(port, Caller(server_name=HOST), *INFER, headers).status == 403


def test_a_mirror_asks_the_candidate_and_users_never_see_it(examples: Doors) -> None:
    cluster = f"mirror {ACTIVATOR}"
    for _ in range(ENOUGH):
        answer = outside(examples, "mirror")
        assert (answer.status, answer.headers["x-revision"]) == (200, "r1-predictor-00001")
        if examples.count(cluster, "upstream_rq_total"):
            return
    pytest.fail("nothing was mirrored")
