"""The harness itself: clocks, kills and connections of child processes."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3

from tests.canary.simulator.server import Dropped, Request, Response, Server, json_response
from tests.canary.soak.process import (
    CRASHED,
    KILLED,
    STOPPED,
    ChildClock,
    Killer,
    LineCounter,
    SharedClock,
    fork,
    serve_until_ended,
)

HERE = str(Path(__file__).parent)


@pytest.fixture
def clock() -> SharedClock:
    clock = SharedClock()
    clock.set(100.0)
    return clock


@pytest.fixture
def server(clock: SharedClock) -> Iterator[Server]:
    """Lets time pass as it is told to, and loses every other connection."""

    def handle(request: Request) -> Response:
        if request.path != "/advance":
            raise Dropped
        clock.set(float(request.body.split(b":")[1].strip(b" }")))
        return json_response(200, None)

    made = Server(handle)
    yield made
    made.close()


def _end(
    server: Server, child: Callable[[], int], tracer: Killer | LineCounter | None = None
) -> int:
    pid = fork(server, child, tracer, sys.__stderr__)
    [status] = serve_until_ended(server, [pid], lambda: False)
    return status


def _three_lines() -> int:
    number = 1
    number += 1
    return number


def test_a_childs_status_is_told(server: Server) -> None:
    assert _end(server, lambda: 4) == 4


def test_what_a_child_raises_is_a_crash(server: Server) -> None:
    assert _end(server, lambda: 1 // 0) == CRASHED


@pytest.mark.parametrize(("at_line", "status"), [(1, KILLED), (3, KILLED), (4, 2)])
def test_a_child_is_killed_at_a_line(server: Server, at_line: int, status: int) -> None:
    assert _end(server, _three_lines, Killer(at_line, HERE)) == status


def test_only_lines_of_the_tool_count(server: Server) -> None:
    assert _end(server, _three_lines, Killer(1)) == 2


def test_the_lines_that_a_child_has_run_are_told(server: Server, clock: SharedClock) -> None:
    _end(server, _three_lines, LineCounter(clock, HERE))

    assert clock.num_lines == (3, 0)


def test_sleeping_lets_the_parents_time_pass(server: Server, clock: SharedClock) -> None:
    def child() -> int:
        own = ChildClock(server.url, clock)
        own.sleep(7.0)
        return int(own.monotonic())

    assert _end(server, child) == 107
    assert clock.monotonic() == 107.0


def test_a_connection_that_is_lost_is_reset(server: Server) -> None:
    def child() -> int:
        try:
            urllib3.request("GET", f"{server.url}/x", retries=False)
        except urllib3.exceptions.ProtocolError as error:
            return 9 if isinstance(error.args[1], ConnectionResetError) else 8
        return 0

    assert _end(server, child) == 9


def test_who_is_not_done_in_time_is_ended(server: Server, clock: SharedClock) -> None:
    def child() -> int:
        own = ChildClock(server.url, clock)
        while True:
            own.sleep(1.0)

    pid = fork(server, child, None, sys.__stderr__)

    assert serve_until_ended(server, [pid], lambda: clock.monotonic() > 200) == [STOPPED]


def test_two_children_are_served_together(server: Server, clock: SharedClock) -> None:
    def child() -> int:
        ChildClock(server.url, clock).sleep(1.0)
        return 5

    pids = [fork(server, child, None, sys.__stderr__) for _ in range(2)]

    assert serve_until_ended(server, pids, lambda: False) == [5, 5]
