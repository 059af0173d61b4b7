"""Options of the whole suite, and the two servers that most of it shares."""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer

from tests.manifests.api.api_server import api_server
from tests.parallel import Scheduling, give_way, is_bounded
from tests.predictor.server.conftest import STOP_TIMEOUT_S, Predictor, start_predictor


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--crd-dir",
        help="Folder with the CRDs of KServe, Knative, Istio, prometheus-operator and KEDA.",
    )


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, though a shell has begun them in its background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give schemathesis' tests, one an operation, ids of their own, as their names are.

    pytest 9.2 makes an id of originalname; of tests with one id pytest-xdist runs one.
    """
    operation = item.name.partition("[")[2].removesuffix("]")
    if operation and item.id.params is None:
        item._id = item.id.with_params(operation)


def pytest_collection_finish() -> None:
    """Leave what was collected out of garbage collections, of which each would take a second.

    In the middle of a test that is a stall of whatever the test measures.
    """
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ and not is_bounded(item.nodeid):
        give_way()


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
