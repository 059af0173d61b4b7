"""A null server as a child process, ended and waited for."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Final

from loadtest.errors import LoadtestError, UsageError
from loadtest.nullserver.server import NullServerConfig

_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """host:port of each protocol's listener."""

    http: str
    grpc: str | None


@contextmanager
def started(config: NullServerConfig) -> Iterator[Addresses]:
    """Serve from here to the end of the block; its golden file is there after that.

    Raises UsageError where it cannot listen and LoadtestError where it does not start or end.
    """
    ours, theirs = Pipe()
    with theirs:
        command = [sys.executable, "-m", "loadtest.nullserver.child", str(theirs.fileno())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    try:
        with ours:
            ours.send(config)
            yield _await_addresses(ours)
        process.terminate()
        if status := process.wait(_STOP_TIMEOUT_S):
            raise LoadtestError(f"the null server ended with status {status}, not 0")
    except subprocess.TimeoutExpired:
        raise LoadtestError(f"the null server did not end in {_STOP_TIMEOUT_S:g} s") from None
    finally:
        process.kill()
        process.wait()


def _await_addresses(pipe: Connection) -> Addresses:
    if not pipe.poll(_START_TIMEOUT_S):
        raise LoadtestError(f"the null server did not start in {_START_TIMEOUT_S:g} s")
    try:
        said = pipe.recv()
    except EOFError:
        raise LoadtestError("the null server ended before it listened") from None
    if isinstance(said, str):
        raise UsageError(said)
    assert isinstance(said, Addresses)
    return said
