"""The tool's own client, bound to the one API server, and to a faulty way there."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.connection import READ_S, open_transport
from canary.cluster.transport import Transport
from canary.rollout.service import Service
from tests.canary.cluster.api import Dated, FakeTime, make_namespace, make_service, write_kubeconfig
from tests.canary.cluster.faults import FaultyServer, faulty_server

NAMESPACE = "canary-cluster"


@pytest.fixture(scope="session")
def transport(kubeconfig: Path) -> Transport:
    return open_transport(kubeconfig, None)


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
def bind(clock: FakeTime) -> Callable[[Transport], Api]:
    """Return an Api whose seconds pass by sleeping alone."""

    def make(transport: Transport) -> Api:
        return Api(transport, rng=Random(6), sleep=clock.sleep, monotonic=clock.monotonic)

    return make


@pytest.fixture
def api(bind: Callable[[Transport], Api], transport: Transport, clock: FakeTime) -> Api:
    made = bind(Dated(transport, clock))
    make_namespace(made, NAMESPACE)
    return made


@pytest.fixture
def cluster(api: Api) -> Cluster:
    return Cluster(api)


@pytest.fixture
def service(api: Api, cluster: Cluster) -> Service:
    """An InferenceService of its own for each test."""
    return cluster.read_service(NAMESPACE, make_service(api, NAMESPACE))


@pytest.fixture
def faulty(transport: Transport) -> Iterator[FaultyServer]:
    with faulty_server(transport) as server:
        yield server


@pytest.fixture
def read_s() -> float:
    """How long the tool's client waits for an answer; a test of a silent server sets less."""
    return READ_S


@pytest.fixture
def faulty_api(
    faulty: FaultyServer,
    bind: Callable[[Transport], Api],
    kubeconfig: Path,
    tmp_path: Path,
    read_s: float,
) -> Api:
    """The tool's client with a faulty way to the real API server."""
    given = write_kubeconfig(kubeconfig, tmp_path / "faulty", token="none", server=faulty.url)
    return bind(open_transport(given, None, read_s=read_s))


@pytest.fixture
def faulty_cluster(faulty_api: Api) -> Cluster:
    return Cluster(faulty_api)
