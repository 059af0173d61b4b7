"""Pods that expose what a test sets, and a real Prometheus that scrapes them fast."""

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import yaml

from tests.manifests.monitoring.prometheus import DEADLINE_S, Prometheus
from tests.manifests.ports import free_ports

SCRAPE_MS = 250
# A start must find a scrape before it.
MIN_SCRAPES = 6
OK = 'r1_requests_total{route="infer",outcome="ok",protocol="rest"}'
ERROR = 'r1_requests_total{route="infer",outcome="error",protocol="rest"}'
IN_FLIGHT = 'r1_requests_in_flight{protocol="rest"}'
FAST = 'gen_ai_server_time_to_first_token_seconds_bucket{le="0.5"}'
ALL = 'gen_ai_server_time_to_first_token_seconds_bucket{le="+Inf"}'


@dataclass
class Pod:
    """Serves ``page``; while it is not up it answers 503."""

    revision: str
    port: int = 0
    page: Mapping[str, float | str] = field(default_factory=dict)
    is_up: bool = True

    def set(self, **values: float | str) -> None:
        """Show these samples beside the others."""
        self.page = {**self.page, **values}

    def forget(self, name: str) -> None:
        self.page = {key: value for key, value in self.page.items() if key != name}


@dataclass
class Pair:
    """One pod of a canary and one of its stable revision."""

    canary: Pod
    stable: Pod


@contextmanager
def serving(pod: Pod) -> Iterator[Pod]:
    class Handler(BaseHTTPRequestHandler):
        # Else a body waits for Prometheus to acknowledge the head, 40 ms later.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            text = "".join(f"{name} {value}\n" for name, value in pod.page.items())
            self.send_response(200 if pod.is_up else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            # Prometheus gives up a scrape that comes late, as on a busy machine.
            with suppress(BrokenPipeError):
                self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        pod.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield pod
        server.shutdown()
        thread.join()


@contextmanager
def scraping(program: str, workdir: Path, pods: Sequence[Pod]) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes them, once each has been scraped some times."""
    config = workdir / "prometheus.yaml"
    config.write_text(yaml.safe_dump(_config(pods)))
    (port,) = free_ports(1)
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={workdir / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        # Else the first scrape waits for 5 s more.
        "--scrape.discovery-reload-interval=100ms",
    ]
    with (workdir / "prometheus.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    try:
        prometheus.wait_for(lambda: process.poll() is not None or _has_scraped(prometheus, pods))
        assert process.poll() is None, (workdir / "prometheus.log").read_text()
        yield prometheus
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def _config(pods: Sequence[Pod]) -> dict[str, object]:
    targets = [
        {"targets": [f"127.0.0.1:{pod.port}"], "labels": {"revision": pod.revision}} for pod in pods
    ]
    every = f"{SCRAPE_MS}ms"
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every},
        "scrape_configs": [{"job_name": "r1", "static_configs": targets}],
    }


def _has_scraped(prometheus: Prometheus, pods: Sequence[Pod]) -> bool:
    try:
        enough = prometheus.query(f"count_over_time(up[1m]) >= {MIN_SCRAPES}")
        return len(enough) == len(pods)
    except (httpx.TransportError, ValueError):
        # It does not listen, or is not ready, yet.
        return False
