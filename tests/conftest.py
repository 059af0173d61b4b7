"""Options of the whole suite, and the two servers that most of it shares."""

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.manifests.api.api_server import api_server
from tests.predictor.server.conftest import STOP_TIMEOUT_S, Predictor, start_predictor


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--crd-dir",
        help="Folder with the CRDs of KServe, Knative, Istio, prometheus-operator and KEDA.",
    )


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, though a shell has begun them in its background.

    Hypothesis gives the same examples each time, which may take as long as they take.
    """
    settings.register_profile(
        "steady",
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("steady")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is marked ``timing`` up to three times.

    A machine that is busy with other work misses a limit on wall time now and then, with nothing
    wrong; code that is too slow misses it each time.
    """
    for item in items:
        if item.get_closest_marker("timing"):
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_collection_finish() -> None:
    """Leave what was collected out of garbage collections, of which each would take a second.

    In the middle of a test that is a stall of whatever the test measures.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def predictor() -> Iterator[Predictor]:
    """One predictor for every test that does not stop it."""
    started = start_predictor("--model-dir=demo", K_REVISION="r1-predictor-00007")
    yield started
    status = started.stop()
    started.reader.join(STOP_TIMEOUT_S)
    assert status == 0, started.output


@pytest.fixture(scope="session")
def kubeconfig(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Path]:
    """One API server with every CRD, for every test that needs one."""
    crd_dir = pytestconfig.getoption("--crd-dir")
    workdir = tmp_path_factory.mktemp("api") / "server"
    with api_server(workdir, Path(crd_dir).resolve() if crd_dir else None) as path:
        yield path
