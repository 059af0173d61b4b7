"""A real Prometheus on a free loopback port, and its answers."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.manifests.ports import free_ports

DEADLINE_S = 60
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Prometheus:
    url: str

    def get(self, path: str, **params: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=params, timeout=DEADLINE_S)
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the samples of an instant query; an expression that does not parse fails."""
        samples: list[dict[str, Any]] = self.get("query", query=expr)["result"]
        return samples

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        """Poll until it holds; scrapes and rules go on by themselves."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < deadline, f"not so within {DEADLINE_S} s"
            time.sleep(POLL_S)

    def wait_for_all(self, ask: Callable[[], list[Any]], number: int) -> list[Any]:
        """Poll until that many things are there, and return them."""
        found: list[Any] = []

        def are_there() -> bool:
            found[:] = ask()
            return len(found) == number

        self.wait_for(are_there)
        return found


@contextmanager
def started(program: str, config: Path) -> Iterator[Prometheus]:
    """Run Prometheus on a configuration file, its data beside it."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    log = config.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={config.parent / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    prometheus = Prometheus(f"http://{address}")
    try:
        prometheus.wait_for(lambda: process.poll() is not None or _is_ready(prometheus.url))
        assert process.poll() is None, log.read_text()
        yield prometheus
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=DEADLINE_S).is_success
    except httpx.TransportError:
        return False
