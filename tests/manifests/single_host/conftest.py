"""Two real predictors, and fronts before them or before others."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

from tests.manifests.single_host.backends import Backend
from tests.manifests.single_host.front import FOLDER, Front, lay_out
from tests.predictor.server.conftest import Predictor, own_predictors

# Long enough to leave or to stop within a generation, short enough for 40 tokens.
SLOW = '{"step_delay_s": 0.01}'


def ports(*predictors: Predictor) -> list[int]:
    return [
        int(address.rpartition(":")[2])
        for predictor in predictors
        for address in (predictor.url, predictor.grpc_address)
    ]


@pytest.fixture(scope="session")
def nginx() -> None:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is missing: apt-get install nginx (Debian's package has all it needs)")


def start_slow(start: Callable[..., Predictor]) -> Predictor:
    defaults = f"--defaults-dir={FOLDER}/etc/r1/defaults"
    return start("--model-dir=demo", defaults, "--grace-period-s=30", R1_FAULTS=SLOW)


@pytest.fixture(scope="session")
def pair(nginx: None) -> Iterator[list[Predictor]]:
    """Two predictors for every test that stops none."""
    with own_predictors() as start, ThreadPoolExecutor() as pool:
        starts = [pool.submit(start_slow, start) for _ in range(2)]
        yield [started.result() for started in starts]


@pytest.fixture
def start_doomed(nginx: None) -> Iterator[Callable[[], Predictor]]:
    """Start predictors for a test that stops them."""
    with own_predictors() as start:
        yield partial(start_slow, start)


@pytest.fixture(scope="session")
def start_front(
    nginx: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Front]]:
    fronts: list[Front] = []

    def start(backends: list[int | None], rewrites: dict[str, str] | None = None) -> Front:
        front = lay_out(tmp_path_factory.mktemp("front"), backends, rewrites or {})
        front.start()
        fronts.append(front)
        return front

    yield start
    for front in fronts:
        front.stop()


@pytest.fixture(scope="session")
def front(pair: list[Predictor], start_front: Callable[..., Front]) -> Front:
    """One front before the pair for every test that changes nothing of it."""
    return start_front(ports(*pair))


@pytest.fixture
def client(front: Front) -> Iterator[httpx.Client]:
    with front.client() as client:
        yield client


@pytest.fixture
def backend() -> Iterator[Callable[[str], Backend]]:
    started: list[Backend] = []

    def start(behaviour: str) -> Backend:
        started.append(Backend(behaviour))
        return started[-1]

    yield start
    for each in started:
        each.stop()
