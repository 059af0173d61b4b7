"""Null servers as processes of their own, on free loopback ports."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO


@dataclass(frozen=True)
class NullServer:
    """Addresses of a started server."""

    http: str
    grpc: str
    pid: int

    @property
    def url(self) -> str:
        return f"http://{self.http}"


@contextmanager
def null_server(*flags: str) -> Iterator[NullServer]:
    """Start one and end it; it must end well."""
    command = [sys.executable, "-m", "loadtest.nullserver", "--port=0", "--grpc-port=0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            http, grpc = (_address(process.stdout) for _ in range(2))
            yield NullServer(http, grpc, process.pid)
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()


def _address(output: IO[str]) -> str:
    """Return what stands last in the next line."""
    return output.readline().split()[-1]
