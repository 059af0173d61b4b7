"""The gRPC client against servers that say exactly what a test wants."""

import threading

import pytest

from loadtest.record import NEVER, Outcome
from tests.loadtest.net import raw_http2 as raw
from tests.loadtest.net.driving import a_prompt
from tests.loadtest.net.raw_server import Handler, Peer, serving
from tests.loadtest.net.rpc_driving import PROMPT, STREAM, ask_raw, session

GRPC = "application/grpc"


@pytest.mark.parametrize(
    ("handle", "outcome", "status", "detail"),
    [
        (
            raw.each(raw.trailers(status="200", content_type=GRPC, grpc_status="5")),
            Outcome.REFUSED,
            5,
            "NOT_FOUND",
        ),
        (
            raw.each(raw.head(), raw.trailers(grpc_status="77", grpc_message="%41%zz")),
            Outcome.SERVER_ERROR,
            2,
            "UNKNOWN (77): A%zz",
        ),
        (
            raw.each(raw.head(), raw.trailers(grpc_status="13", grpc_message=f"saw {PROMPT}!")),
            Outcome.SERVER_ERROR,
            13,
            "INTERNAL: saw …!",
        ),
        (
            raw.each(raw.head(), raw.trailers(grpc_status="x")),
            Outcome.MALFORMED,
            NEVER,
            "grpc-status is 'x', must be a number",
        ),
        (
            raw.each(raw.head(), raw.trailers(other="0")),
            Outcome.MALFORMED,
            NEVER,
            "the answer ended without a grpc-status",
        ),
        (
            raw.each(raw.head(), raw.data(raw.prefixed(raw.unary_message()), raw.END_STREAM)),
            Outcome.MALFORMED,
            NEVER,
            "the answer ended without a grpc-status",
        ),
        (
            raw.each(raw.head(), raw.trailers(grpc_status="0")),
            Outcome.TRUNCATED,
            0,
            "the answer ended without its last part",
        ),
        (
            raw.each(raw.head(), raw.data(b"\0\0\0\0\x09abc"), raw.trailers(grpc_status="0")),
            Outcome.MALFORMED,
            0,
            "the answer ended within a message",
        ),
        (
            raw.each(raw.head(), raw.data(raw.prefixed(b"", 1))),
            Outcome.MALFORMED,
            NEVER,
            "a message is compressed, which was not offered",
        ),
        (
            raw.each(raw.head(), raw.data(b"\0\xff\xff\xff\xff")),
            Outcome.MALFORMED,
            NEVER,
            "a message is 4294967295 bytes long, at most 67108864 are taken",
        ),
        (
            raw.each(raw.head(), *[raw.data(raw.prefixed(raw.unary_message()))] * 2),
            Outcome.MALFORMED,
            NEVER,
            "more than one message answers a unary call",
        ),
        (
            raw.each(raw.head(), raw.data(raw.prefixed(b"\xff"))),
            Outcome.MALFORMED,
            NEVER,
            "a message is no ModelInferResponse",
        ),
        (
            raw.each(raw.head(content_type="text/html")),
            Outcome.MALFORMED,
            NEVER,
            "content type is 'text/html', must be application/grpc",
        ),
        (
            raw.each(raw.head(status="503", content_type="text/plain"), raw.data(b"no upstream")),
            Outcome.OVERLOADED,
            14,
            "HTTP 503 without a grpc-status",
        ),
        (
            raw.each(raw.head(status="404")),
            Outcome.REFUSED,
            12,
            "HTTP 404 without a grpc-status",
        ),
        (raw.each(raw.reset(2)), Outcome.RESET, NEVER, "reset by the server: INTERNAL_ERROR"),
        (raw.each(raw.reset(7)), Outcome.OVERLOADED, NEVER, "reset by the server: REFUSED_STREAM"),
        (raw.each(raw.reset(99)), Outcome.RESET, NEVER, "reset by the server: 99"),
        (raw.once_and_close(raw.head()), Outcome.RESET, NEVER, "closed by the server"),
        (
            raw.each(lambda _: raw.frame(raw.DATA, 0, 0)),
            Outcome.MALFORMED,
            NEVER,
            "the server does not speak HTTP/2 as in RFC 9113",
        ),
        (
            raw.each(first=b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            Outcome.MALFORMED,
            NEVER,
            "the server does not speak HTTP/2 as in RFC 9113",
        ),
        (
            raw.each(lambda _: b"\xff\xff\xff\0\0\0\0\0\1"),
            Outcome.MALFORMED,
            NEVER,
            "the server does not speak HTTP/2 as in RFC 9113",
        ),
    ],
    ids=[
        "trailers-only",
        "unknown-code",
        "prompt-quoted",
        "code-no-number",
        "trailers-without-code",
        "no-trailers",
        "no-message",
        "part-of-a-message",
        "compressed",
        "too-long",
        "two-messages",
        "no-protobuf",
        "content-type",
        "http-503",
        "http-404",
        "reset",
        "reset-refused",
        "reset-unknown",
        "closed",
        "not-http2",
        "http1",
        "frame-too-long",
    ],
)
def test_an_answer_that_fails_is_told_by_its_kind(
    handle: Handler, outcome: Outcome, status: int, detail: str
) -> None:
    exchange = ask_raw(handle)
    assert (exchange.outcome, exchange.status, exchange.detail) == (outcome, status, detail)


def test_a_stream_without_its_last_response_is_truncated() -> None:
    message = raw.data(raw.prefixed(raw.stream_message("a", is_last=False)))
    exchange = ask_raw(raw.each(raw.head(), message, raw.trailers(grpc_status="0")), STREAM)
    assert exchange.outcome is Outcome.TRUNCATED


def test_messages_cut_anywhere_are_put_together() -> None:
    messages = b"".join(
        raw.prefixed(raw.stream_message(f"<{number}>", is_last=number == 2)) for number in range(3)
    )
    pieces = [raw.data(bytes((byte,))) for byte in messages]
    exchange = ask_raw(raw.each(raw.head(), *pieces, raw.trailers(grpc_status="0")), STREAM)
    assert exchange.outcome is Outcome.OK, exchange.detail
    assert exchange.texts == ["<0>", "<1>", "<2>"]


def test_frames_cut_anywhere_are_put_together() -> None:
    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        rpc.begin(b"")
        said = raw.settings() + raw.goaway(1) + b"".join(part(1) for part in raw.GOOD)
        for byte in said:
            peer.send(bytes((byte,)))
        rpc.request()

    assert ask_raw(handle).outcome is Outcome.OK


def test_a_head_in_several_frames_is_put_together() -> None:
    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        rpc.begin(raw.settings())
        number = rpc.request()
        block = raw.fields(status="200", content_type="application/grpc")
        peer.send(raw.frame(raw.HEADERS, 0, number, block[:7]))
        peer.send(raw.frame(raw.CONTINUATION, 0, number, block[7:20]))
        peer.send(raw.frame(raw.CONTINUATION, raw.END_HEADERS, number, block[20:]))
        rpc.say(number, *raw.GOOD[1:])
        rpc.request()

    assert ask_raw(handle).outcome is Outcome.OK


@pytest.mark.parametrize(
    "frames",
    [
        raw.frame(raw.HEADERS, 0, 1, b"\x88") + raw.frame(raw.PING, 0, 0, bytes(8)),
        raw.frame(raw.CONTINUATION, raw.END_HEADERS, 1, b"\x88"),
        raw.frame(raw.HEADERS, raw.END_HEADERS, 1, b"\xff\xff\xff"),
        raw.frame(raw.DATA, 0, 1, b"early"),
        raw.frame(raw.WINDOW_UPDATE, 0, 0, bytes(4)),
        raw.frame(raw.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
        raw.frame(raw.RST_STREAM, 0, 7, bytes(4)),
        raw.frame(raw.GOAWAY, 0, 0, bytes(3)),
        raw.frame(raw.PUSH_PROMISE, raw.END_HEADERS, 1, bytes(5)),
    ],
    ids=[
        "interrupted",
        "continues-nothing",
        "hpack",
        "data-first",
        "window-zero",
        "window-over",
        "other-stream",
        "goaway-short",
        "push",
    ],
)
def test_a_breach_of_the_protocol_ends_the_connection(frames: bytes) -> None:
    exchange = ask_raw(raw.each(lambda _: frames))
    assert exchange.outcome is Outcome.MALFORMED
    assert exchange.detail == "the server does not speak HTTP/2 as in RFC 9113"


def test_streams_up_to_goaway_finish_and_those_after_it_are_sent_anew() -> None:
    is_moved = threading.Event()

    def leave(rpc: raw.Rpc) -> None:
        first, _ = rpc.request(), rpc.request()
        rpc.peer.send(raw.goaway(first))
        is_moved.wait(5)
        rpc.say(first, *raw.GOOD)

    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        rpc.begin(raw.settings())
        if peer.number == 0:
            leave(rpc)
        while number := rpc.request():
            rpc.say(number, *raw.GOOD)
            is_moved.set()

    with serving(handle) as address, session(address, max_connections=1) as opened:
        first, second = (opened.start(a_prompt(str(number))) for number in range(2))
        opened.wait(2)
        assert (first.outcome, second.outcome) == (Outcome.OK, Outcome.OK)
        assert opened.finished == [second, first]
        assert opened.client.num_opened == 2


def test_a_call_that_two_servers_leave_unseen_has_failed() -> None:
    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        rpc.begin(raw.settings())
        rpc.request()
        peer.send(raw.goaway(0))

    exchange = ask_raw(handle)
    assert exchange.outcome is Outcome.RESET
    assert exchange.detail == "the server left twice without looking at the call"


def test_the_servers_bound_on_streams_is_kept_and_more_connections_are_opened() -> None:
    barrier = threading.Barrier(2)
    num_streams: list[int] = []

    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        rpc.begin(raw.settings(streams=2))
        numbers = [rpc.request(), rpc.request()]
        barrier.wait(10)
        num_streams.append(len(rpc.heads))
        for number in numbers:
            rpc.say(number, *raw.GOOD)
        # Whichever connection is free takes what waits, so one may get more than the other.
        while True:
            rpc.say(rpc.request(), *raw.GOOD)

    with serving(handle) as address, session(address, max_connections=2) as opened:
        exchanges = [opened.start(a_prompt()) for _ in range(6)]
        opened.wait(6)
        assert {exchange.outcome for exchange in exchanges} == {Outcome.OK}
        assert num_streams == [2, 2]
        assert opened.client.most_open == 2


def test_there_is_no_place_once_every_stream_is_taken() -> None:
    with (
        serving(raw.each(first=raw.settings(streams=2))) as address,
        session(address, max_connections=1, max_streams=2) as opened,
    ):
        first = opened.start(a_prompt())
        assert opened.client.has_place()
        second = opened.start(a_prompt())
        opened.run_until(lambda: second.sent != NEVER)
        assert not opened.client.has_place()
        opened.client.cancel(first, first.started + 1, Outcome.TIMEOUT, "")
        assert opened.client.has_place()


def test_a_ping_is_answered_and_a_smaller_header_table_is_acknowledged() -> None:
    seen: list[raw.Rpc] = []

    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        seen.append(rpc)
        rpc.begin(raw.settings(table=0) + raw.frame(raw.PING, 0, 0, b"12345678"))
        rpc.say(rpc.request(), *raw.GOOD)
        rpc.request()

    assert ask_raw(handle).outcome is Outcome.OK
    assert seen[0].acknowledged_pings == [b"12345678"]
    # RFC 7541 section 6.3: a table of size 0.
    assert seen[0].heads[0].startswith(b"\x20")


def test_a_request_waits_for_the_streams_window() -> None:
    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        rpc.begin(raw.settings(window=10))
        while not rpc.bodies:
            rpc.read()
        peer.send(raw.frame(raw.WINDOW_UPDATE, 0, 1, (1000).to_bytes(4)))
        rpc.say(rpc.request(), *raw.GOOD)
        assert len(rpc.bodies[1]) > 10
        rpc.request()

    exchange = ask_raw(handle)
    assert exchange.outcome is Outcome.OK
    assert exchange.sent != NEVER


def test_an_answer_before_the_whole_request_is_taken_and_the_stream_given_up() -> None:
    seen: list[tuple[int, int]] = []

    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        rpc.begin(raw.settings(window=0))
        while not rpc.heads:
            rpc.read()
        rpc.say(1, raw.trailers(status="200", content_type=GRPC, grpc_status="8"))
        while not rpc.resets:
            rpc.read()
        seen.extend(rpc.resets)

    with serving(handle) as address, session(address) as opened:
        exchange = opened.ask(a_prompt())
        opened.run_until(lambda: bool(seen))
    assert (exchange.outcome, exchange.sent) == (Outcome.OVERLOADED, NEVER)
    assert seen == [(1, 0)]


def test_credit_comes_back_before_the_windows_are_empty() -> None:
    num_bytes = 40 * 2**20
    piece = bytes(16_384)
    seen: list[raw.Rpc] = []

    def handle(peer: Peer) -> None:
        rpc = raw.Rpc(peer)
        seen.append(rpc)
        rpc.begin(raw.settings())
        number = rpc.request()
        rpc.say(number, raw.head(), raw.data(b"\0" + num_bytes.to_bytes(4)))
        room, sent = 16 * 2**20, 0
        while sent < num_bytes:
            while room + min(rpc.credits.get(1, 0), rpc.credits[0] - room) - sent < 2 * len(piece):
                rpc.read()
            rpc.say(number, raw.data(piece))
            sent += len(piece)
        rpc.say(number, raw.trailers(grpc_status="0"))
        rpc.request()

    exchange = ask_raw(handle)
    assert exchange.detail == "a message is no ModelInferResponse"
