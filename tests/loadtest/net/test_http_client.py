"""The HTTP client against servers that keep to HTTP in odd ways."""

import threading

import pytest

from loadtest.record import NEVER, Outcome
from tests.loadtest.net.driving import Session, a_prompt, ask, session
from tests.loadtest.net.raw_server import (
    EVENT,
    LAST,
    STREAM,
    STREAM_HEAD,
    WHOLE,
    Handler,
    Peer,
    chunk,
    head,
    say,
    say_and_close,
    serving,
    sized,
)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param((STREAM,), id="in-one-piece"),
        pytest.param(tuple(bytes([byte]) for byte in STREAM), id="byte-by-byte"),
        pytest.param((b"HTTP/1.1 100 Continue\r\n\r\n" + STREAM,), id="after-an-interim-answer"),
        pytest.param(
            (
                b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n",
                STREAM,
            ),
            id="after-early-hints",
        ),
        pytest.param(
            (sized(EVENT + LAST, media_type="text/event-stream"),), id="with-a-content-length"
        ),
        pytest.param(
            (STREAM_HEAD + chunk(EVENT) + chunk(LAST) + b"0\r\nX-Trailer: 1\r\n\r\n",),
            id="with-a-trailer",
        ),
    ],
)
def test_a_stream_is_read_whole_and_its_connection_kept(data: tuple[bytes, ...]) -> None:
    with serving(say(*data)) as address, session(f"http://{address}") as opened:
        exchange = opened.ask(a_prompt())
        again = opened.ask(a_prompt())
    assert exchange.outcome is Outcome.OK, exchange.detail
    assert exchange.texts == ["42", "42"]
    assert exchange.response_bytes == len(EVENT + LAST)
    assert (again.outcome, again.is_reused) == (Outcome.OK, True)


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(
            say_and_close(head("200 OK", "text/event-stream") + EVENT + LAST), id="ended-by-close"
        ),
        pytest.param(
            say(STREAM.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)),
            id="connection-close",
        ),
        pytest.param(
            say_and_close(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + LAST),
            id="HTTP/1.0",
        ),
        pytest.param(say(STREAM + b"more"), id="bytes-after-the-answer"),
    ],
)
def test_an_answer_after_which_the_connection_is_of_no_use_is_whole(handle: Handler) -> None:
    with serving(handle) as address, session(f"http://{address}") as opened:
        first, second = opened.ask(a_prompt()), opened.ask(a_prompt())
    assert first.outcome is second.outcome is Outcome.OK
    assert not second.is_reused
    assert opened.client.most_open == 1


def test_an_idle_connection_that_the_server_has_closed_is_replaced_unnoticed() -> None:
    closed = threading.Event()

    def handle(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM)
        peer.close()
        closed.set()

    with serving(handle) as address, session(f"http://{address}") as opened:
        assert opened.ask(a_prompt()).outcome is Outcome.OK
        # The client has had no chance to be told of it.
        assert closed.wait(10)
        second = opened.ask(a_prompt())
    assert (second.outcome, second.is_reused) == (Outcome.OK, False)


def test_an_idle_connection_that_closes_is_dropped_at_once() -> None:
    with serving(say_and_close(STREAM)) as address, session(f"http://{address}") as opened:
        opened.ask(a_prompt())
        opened.run_until(lambda: opened.client.num_open == 0)


def test_an_idle_connection_on_which_the_server_speaks_is_dropped() -> None:
    is_idle = threading.Event()

    def handle(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM)
        is_idle.wait(10)
        peer.send(STREAM)
        peer.request()

    with serving(handle) as address, session(f"http://{address}") as opened:
        opened.ask(a_prompt())
        is_idle.set()
        opened.run_until(lambda: opened.client.num_open == 0)


def test_the_connection_used_last_is_used_first() -> None:
    order: list[int] = []
    both = threading.Barrier(2)

    def handle(peer: Peer) -> None:
        peer.request()
        both.wait(10)
        peer.send(STREAM)
        while peer.request():
            order.append(peer.number)
            peer.send(STREAM)

    with serving(handle) as address, session(f"http://{address}") as opened:
        opened.start(a_prompt())
        opened.start(a_prompt())
        opened.wait(2)
        for _ in range(5):
            opened.ask(a_prompt())
    assert len(set(order)) == 1
    assert len(order) == 5


def test_there_is_no_place_beyond_the_bound_until_an_answer_ends() -> None:
    with (
        serving(say(STREAM)) as address,
        session(f"http://{address}", max_connections=1) as opened,
    ):
        opened.start(a_prompt())
        assert not opened.client.has_place()
        opened.wait(1)
        assert opened.client.has_place()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(STREAM, id="answered"),
        pytest.param(STREAM_HEAD + chunk(b'data: {"error": "no"}\n\n'), id="failed-of-an-event"),
        pytest.param(sized(b"", "503 Busy"), id="overloaded"),
        pytest.param(b"?", id="not-HTTP"),
    ],
)
def test_the_next_request_may_start_as_soon_as_one_is_done(data: bytes) -> None:
    places: list[bool] = []

    class Chained(Session):
        def finish(self, exchange: object) -> None:
            places.append(self.client.has_place())
            if len(places) < 3:
                self.start(a_prompt())
            else:
                self.reactor.stop()

    with (
        serving(say(data)) as address,
        session(f"http://{address}", max_connections=1) as opened,
    ):
        chained = Chained(opened.client, opened.reactor, opened.wire)
        chained.start(a_prompt())
        chained.reactor.run()
    assert places == [True, True, True]
    assert opened.client.most_open == 1


def test_a_cancelled_exchange_ends_and_the_server_sees_the_connection_close() -> None:
    left = threading.Event()

    def handle(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM_HEAD + chunk(EVENT))
        if not peer.request():
            left.set()

    with serving(handle) as address, session(f"http://{address}") as opened:
        exchange = opened.start(a_prompt())
        opened.run_until(lambda: exchange.num_chunks == 1)
        opened.client.cancel(exchange, exchange.started + 5, Outcome.TIMEOUT, "too slow")
        assert left.wait(10)
    assert (exchange.outcome, exchange.detail) == (Outcome.TIMEOUT, "too slow")
    assert exchange.finished == exchange.started + 5
    assert opened.client.num_open == 0


def test_a_request_is_sent_once_its_last_byte_is_with_the_kernel() -> None:
    may_read = threading.Event()

    def handle(peer: Peer) -> None:
        may_read.wait(10)
        peer.request()
        peer.send(STREAM)

    with serving(handle) as address, session(f"http://{address}") as opened:
        exchange = opened.start(a_prompt("x" * 16_000_000))
        opened.run_until(lambda: exchange.connect > 0)
        # Time enough for what fits into the kernel's buffers.
        opened.run_for(0.05)
        assert exchange.sent == NEVER
        may_read.set()
        opened.wait(1)
    assert exchange.outcome is Outcome.OK
    assert exchange.started < exchange.sent <= exchange.first_byte


def test_the_request_is_what_was_asked_for() -> None:
    requests: list[bytes] = []

    def handle(peer: Peer) -> None:
        requests.append(peer.request())
        peer.send(STREAM)

    settings = {"host": "r1.example", "header": ("X-Team: maths", "User-Agent: mine")}
    with serving(handle) as address:
        ask(f"http://{address}", a_prompt("1+1="), model="a b", **settings)
    (request,) = requests
    assert request.split(b"\r\n") == [
        b"POST /v2/models/a%20b/generate_stream HTTP/1.1",
        b"Host: r1.example",
        b"Accept: text/event-stream",
        b"Accept-Encoding: identity",
        b"Content-Type: application/json",
        b"X-Team: maths",
        b"User-Agent: mine",
        b"X-Request-Id: r1-loadtest-0",
        b"Content-Length: 68",
        b"",
        b'{"text_input":"1+1=","parameters":{"max_tokens":64,"temperature":0}}',
    ]


def test_a_bearer_token_is_sent(tmp_path_factory: pytest.TempPathFactory) -> None:
    requests: list[bytes] = []

    def handle(peer: Peer) -> None:
        requests.append(peer.request())
        peer.send(STREAM)

    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text("abc.def-ghi\n")
    with serving(handle) as address:
        ask(f"http://{address}", bearer_token_file=path)
    assert b"\r\nAuthorization: Bearer abc.def-ghi\r\n" in requests[0]


def test_a_unary_body_counts_as_one_chunk_at_its_end() -> None:
    with serving(say(sized(WHOLE))) as address:
        exchange = ask(f"http://{address}", protocol="v2-generate")
    assert exchange.num_chunks == 1
    assert exchange.first_chunk == exchange.last_chunk == exchange.finished
