"""What is tried again: reads, and generations that cannot have begun."""

from collections.abc import Iterator

import pytest

from tests.manifests.mesh.callers import Caller, ask
from tests.manifests.mesh.conftest import Doors, doors, objects, opened
from tests.manifests.mesh.failing import Resetting, resetting
from tests.manifests.mesh.topology import DOORS, LOCAL_GATEWAY, Mesh, Trust, echo
from tests.manifests.ports import free_ports

HOST = "r1.example.com"
READ = ("GET", "/v2/models/r1")
GENERATE = ("POST", "/v2/models/r1/infer")


@pytest.fixture(scope="module")
def resets() -> Iterator[Resetting]:
    with resetting() as server:
        yield server


@pytest.fixture(scope="module")
def failures(
    tmp_path_factory: pytest.TempPathFactory, trust: Trust, resets: Resetting
) -> Iterator[Doors]:
    """The gateway outside before what is closed, what is full, and what resets."""
    admin, app, closed, full, *rest = free_ports(4 + 3 * len(DOORS))
    ports, documents = iter(rest), objects()
    targets = {"closed": closed, "full": full, "resets": resets.port}
    meshes: dict[object, Mesh] = {
        name: Mesh(name, documents, trust, app, doors(ports), instead={LOCAL_GATEWAY: port})
        for name, port in targets.items()
    }
    more = [echo(app), echo(full, status=503)]
    with opened(tmp_path_factory.mktemp("retries"), trust, meshes, more, admin) as running:
        yield running


def tries(failures: Doors, mesh: str, asks: tuple[str, str], statistic: str) -> int:
    """Ask once, see it fail, and return how often the upstream was tried."""
    cluster = f"{mesh} {LOCAL_GATEWAY}"
    before = failures.count(cluster, statistic)
    headers = [("host", HOST), *failures.authorization("right", "retries")]
    port = failures.meshes[mesh].doors["outside"]
    assert ask(port, Caller(server_name=HOST), *asks, headers).status == 503
    return failures.count(cluster, statistic) - before


@pytest.mark.parametrize("asks", [READ, GENERATE], ids=["read", "generation"])
def test_a_connection_that_fails_is_tried_again(failures: Doors, asks: tuple[str, str]) -> None:
    assert tries(failures, "closed", asks, "upstream_cx_connect_fail") == 3


@pytest.mark.parametrize(
    ("asks", "num_tries"), [(READ, 3), (GENERATE, 1)], ids=["read", "generation"]
)
def test_a_full_predictor_is_asked_again_only_to_read(
    failures: Doors, asks: tuple[str, str], num_tries: int
) -> None:
    assert tries(failures, "full", asks, "upstream_rq_total") == num_tries


@pytest.mark.parametrize(
    ("asks", "num_tries"), [(READ, 3), (GENERATE, 1)], ids=["read", "generation"]
)
def test_a_generation_that_may_have_begun_is_not_begun_again(
    failures: Doors, resets: Resetting, asks: tuple[str, str], num_tries: int
) -> None:
    before = resets.num_requests
    assert tries(failures, "resets", asks, "upstream_rq_total") == num_tries
    assert resets.num_requests - before == num_tries
