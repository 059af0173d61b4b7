"""What is left of connections that are over, as long as nobody collects cycles."""

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from time import monotonic_ns

import pytest

from loadtest.record import Outcome
from tests.loadtest.net import driving, rpc_driving
from tests.loadtest.net import raw_http2 as raw
from tests.loadtest.net.driving import Session, a_prompt
from tests.loadtest.net.raw_server import (
    EVENT,
    STREAM,
    STREAM_HEAD,
    Handler,
    Peer,
    chunk,
    say_and_close,
    say_and_reset,
    serving_in_turn,
)

GIVE_UP_NS = 60_000_000_000


@pytest.fixture(autouse=True)
def _no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def open_http(address: str) -> AbstractContextManager[Session]:
    return driving.session(f"http://{address}")


def open_grpc(address: str) -> AbstractContextManager[Session]:
    return rpc_driving.session(address)


def ask_over(opened: Session, num_connections: int) -> None:
    """Ask one by one until that many more connections have been opened."""
    goal = opened.client.num_opened + num_connections
    timer = opened.reactor.call_at(monotonic_ns() + GIVE_UP_NS, opened.reactor.stop)
    while opened.client.num_opened < goal:
        exchange = opened.start(a_prompt())
        opened.reactor.run()
        assert exchange.is_done
        opened.finished.clear()
    timer.cancel()


def cancel_over(opened: Session, num_connections: int) -> None:
    """Give up that many requests, each on a connection of its own."""
    for _ in range(num_connections):
        exchange = opened.start(a_prompt())
        opened.client.cancel(exchange, exchange.started, Outcome.TIMEOUT, "too late")
        opened.finished.clear()


def num_left_per_connection(opened: Session, ask: Callable[..., None], number: int) -> float:
    # What is kept for the next requests is there after the first.
    ask(opened, 20)
    before = len(gc.get_objects())
    ask(opened, number)
    return (len(gc.get_objects()) - before) / number


@pytest.mark.parametrize(
    ("open_client", "handle"),
    [
        pytest.param(open_http, say_and_close(STREAM), id="http"),
        pytest.param(open_grpc, raw.once_and_close(*raw.GOOD), id="grpc"),
    ],
)
def test_nothing_is_left_of_connections_that_the_server_closes(
    open_client: Callable[[str], AbstractContextManager[Session]], handle: Handler
) -> None:
    with serving_in_turn(handle) as address, open_client(address) as opened:
        assert num_left_per_connection(opened, ask_over, 500) < 0.5


def close_unread(peer: Peer) -> None:
    """Grant no window, so that a request stays unsent, and leave."""
    rpc = raw.Rpc(peer)
    rpc.begin(raw.settings(window=0))
    rpc.read()
    rpc.read()
    rpc.read()


@pytest.mark.parametrize(
    ("open_client", "handle"),
    [
        pytest.param(open_http, say_and_reset(STREAM_HEAD + chunk(EVENT)), id="http-reset"),
        pytest.param(open_http, say_and_close(b"?"), id="http-malformed"),
        pytest.param(open_grpc, raw.once_and_close(raw.head()), id="grpc-half"),
        pytest.param(open_grpc, raw.each(first=b"HTTP/1.1 400 Bad\r\n\r\n"), id="grpc-malformed"),
        pytest.param(open_grpc, close_unread, id="grpc-unsent"),
    ],
)
def test_nothing_is_left_of_connections_that_break(
    open_client: Callable[[str], AbstractContextManager[Session]], handle: Handler
) -> None:
    with serving_in_turn(handle) as address, open_client(address) as opened:
        assert num_left_per_connection(opened, ask_over, 100) < 0.5


@pytest.mark.parametrize("open_client", [open_http, open_grpc], ids=["http", "grpc"])
def test_nothing_is_left_of_connections_that_are_refused(
    open_client: Callable[[str], AbstractContextManager[Session]],
) -> None:
    with open_client("127.0.0.1:1") as opened:
        assert num_left_per_connection(opened, ask_over, 100) < 0.5


def test_nothing_is_left_of_requests_that_are_given_up() -> None:
    with open_http("127.0.0.1:1") as opened:
        assert num_left_per_connection(opened, cancel_over, 100) < 0.5
