"""A predictor under load, its faults on, and a Prometheus that scrapes it by our PodMonitor."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from manifests.lint.render import Document, render
from tests.manifests.monitoring.load import under_load
from tests.manifests.monitoring.prometheus import Prometheus, started
from tests.manifests.monitoring.rules import groups, quicken, write_groups
from tests.manifests.monitoring.scrape_config import scrape_configs, write_targets
from tests.predictor.server.conftest import Predictor, start_predictor

# A minute is two seconds: scrapes still have a third of one, on a busy machine too.
TIMES = 30
# What others expose: queue-proxy, kube-state-metrics, DCGM's exporter and Istio's gateway.
NEIGHBOURS = Path(__file__).parent / "neighbours"


class SilentFiles(SimpleHTTPRequestHandler):
    """Files for Prometheus, which hangs up at its end without a word."""

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()


@pytest.fixture(scope="session")
def component() -> list[Document]:
    return render([], ["components/monitoring"])


@pytest.fixture(scope="session")
def promtool() -> str:
    return installed("promtool")


@pytest.fixture(scope="session")
def failing_predictor() -> Iterator[Predictor]:
    """A predictor of whose sequences 3 in 10 fail."""
    predictor = start_predictor(
        "--model-dir=demo", R1_FAULTS='{"error_rate": 0.3}', K_REVISION="r1-predictor-00007"
    )
    yield predictor
    predictor.process.kill()
    predictor.process.wait()
    predictor.reader.join()


@pytest.fixture(scope="module")
def asked_predictor(failing_predictor: Predictor) -> Iterator[Predictor]:
    """The same while it is being asked in every way."""
    with under_load(failing_predictor):
        yield failing_predictor


@pytest.fixture(scope="module")
def neighbours() -> Iterator[str]:
    """The address of a file server."""
    files = partial(SilentFiles, directory=str(NEIGHBOURS))
    with ThreadingHTTPServer(("127.0.0.1", 0), files) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def prometheus(
    asked_predictor: Predictor,
    neighbours: str,
    component: list[Document],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    program = installed("prometheus")
    workdir = tmp_path_factory.mktemp("prometheus")
    (monitor,) = [document.body for document in component if document.kind == "PodMonitor"]
    address = asked_predictor.url.removeprefix("http://")
    write_targets(workdir, "user-port", "kserve-container", address)
    write_targets(workdir, "http-usermetric", "queue-proxy", neighbours)
    cluster = {
        "job_name": "cluster",
        "honor_labels": True,
        "scrape_interval": "500ms",
        "scrape_timeout": "500ms",
        "metrics_path": "/cluster",
        "static_configs": [{"targets": [neighbours]}],
    }
    config = {
        "scrape_configs": [*scrape_configs(monitor, workdir, TIMES), cluster],
        "rule_files": [str(path) for path in write_groups(workdir, quick_groups())],
    }
    path = workdir / "prometheus.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    with started(program, path) as prometheus:
        yield prometheus


def quick_groups() -> list[dict[str, object]]:
    """Return the rules with nothing but their durations changed."""
    durations = ("interval", "for", "keep_firing_for", "expr")
    return [
        {
            "name": group["name"],
            "interval": quicken(group["interval"], TIMES),
            "rules": [
                {k: quicken(v, TIMES) if k in durations else v for k, v in rule.items()}
                for rule in group["rules"]
            ],
        }
        for group in groups()
    ]


def installed(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is missing: apt-get install prometheus has it")
    return path
