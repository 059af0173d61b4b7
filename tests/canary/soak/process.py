"""Child processes on a virtual clock, which die at a chosen line of the tool."""

import mmap
import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

# Else each child loads it anew, to ask Prometheus.
import httpcore  # noqa: F401
import urllib3

from tests.canary.simulator.server import Server

TOOL = str(Path(__file__).parents[3] / "canary") + os.sep
# Most lines read counters; what must survive a kill is around what is written.
WRITERS = tuple(
    TOOL + part for part in ("cluster", "commands", "controller.py", "record", "rollout")
)
# The header that says which child sleeps.
SLEEPER = "x-sleeper"
# Ends of a child that the tool has not chosen.
CRASHED = 70
STOPPED = -signal.SIGTERM
KILLED = -signal.SIGKILL


class SharedClock:
    """Seconds that the parent sets and its children read, without a request."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 24)

    def set(self, now: float) -> None:
        """Tell the children the time."""
        struct.pack_into("d", self._memory, 0, now)

    def monotonic(self) -> float:
        """Return the parent's time."""
        now: float = struct.unpack_from("d", self._memory, 0)[0]
        return now

    @property
    def num_lines(self) -> tuple[int, int]:
        """How many lines the last counted child has run, of the tool and of its writers."""
        of_tool, of_writers = struct.unpack_from("qq", self._memory, 8)
        return int(of_tool), int(of_writers)

    def tell_lines(self, of_tool: int, of_writers: int) -> None:
        """Leave the numbers for the parent."""
        struct.pack_into("qq", self._memory, 8, of_tool, of_writers)


class ChildClock:
    """The clock that the tool is given: to sleep lets the parent's time pass."""

    def __init__(self, url: str, shared: SharedClock) -> None:
        self._url = f"{url}/advance"
        self._shared = shared
        # One that is closed after each request: the parent may drop connections at any time.
        self._pool = urllib3.PoolManager(num_pools=1)

    def monotonic(self) -> float:
        """Return seconds."""
        return self._shared.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return once so much virtual time has passed."""
        answer = self._pool.request(
            "POST",
            self._url,
            json={"until": self._shared.monotonic() + seconds},
            headers={SLEEPER: str(os.getpid())},
            retries=False,
        )
        assert answer.status == 200, answer.status


class Killer:
    """Ends the process at the n-th line of some folders, as ``kill -9`` does."""

    def __init__(self, at_line: int, folders: str | tuple[str, ...] = TOOL) -> None:
        self._left = at_line
        self._folders = folders

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Be a trace function of ``sys.settrace``."""
        return self._line if frame.f_code.co_filename.startswith(self._folders) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._line


class LineCounter:
    """Counts the lines that a child runs."""

    def __init__(self, shared: SharedClock, tool: str = TOOL) -> None:
        self._shared = shared
        self._tool = tool
        self._of_tool = self._of_writers = 0

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Be a trace function of ``sys.settrace``."""
        return self._line if frame.f_code.co_filename.startswith(self._tool) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._of_tool += 1
            self._of_writers += frame.f_code.co_filename.startswith(WRITERS)
            self._shared.tell_lines(self._of_tool, self._of_writers)
        return self._line


def fork(
    server: Server, child: Callable[[], int], tracer: Killer | LineCounter | None, log: TextIO
) -> int:
    """Start a child that runs ``child`` and ends with its status; return its process id."""
    log.flush()
    pid = os.fork()
    if pid:
        return pid
    status = CRASHED
    try:
        server.abandon()
        os.dup2(log.fileno(), 2)
        if tracer is not None:
            sys.settrace(tracer.trace)
        status = child()
    except BaseException:  # noqa: BLE001
        sys.settrace(None)
        traceback.print_exc(file=log)
    finally:
        log.flush()
        os._exit(status)


def serve_until_ended(
    server: Server, pids: list[int], is_over: Callable[[], bool], wall_s: float = 60.0
) -> list[int]:
    """Answer the children until they have ended, or end them; return each one's exit status.

    A negative status is the signal that ended it; STOPPED is told where ``is_over`` has come true
    or so much real time has passed.
    """
    deadline = time.monotonic() + wall_s
    statuses: dict[int, int] = {}
    while len(statuses) < len(pids):
        server.turn(0.02)
        is_late = is_over() or time.monotonic() > deadline
        for pid in [pid for pid in pids if pid not in statuses]:
            if is_late:
                os.kill(pid, signal.SIGKILL)
            found, status = os.waitpid(pid, 0 if is_late else os.WNOHANG)
            if found:
                statuses[pid] = STOPPED if is_late else os.waitstatus_to_exitcode(status)
    server.drop_connections()
    return [statuses[pid] for pid in pids]
