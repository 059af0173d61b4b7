"""What becomes of an exchange when the server does not do as it should."""

import socket
import threading
from time import monotonic_ns

import pytest

from loadtest.config import RunConfig
from loadtest.errors import AnswerError
from loadtest.net.http_answer import MAX_BODY_BYTES, HttpAnswer
from loadtest.record import NEVER, Outcome
from loadtest.wire.make import make_wire
from tests.loadtest.net.driving import a_prompt, ask, session
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
    say_and_reset,
    serving,
    sized,
)

UNTYPED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ERROR_EVENT = b'data: {"error": "the engine is being replaced"}\n\n'


@pytest.mark.parametrize(
    ("handle", "outcome", "detail"),
    [
        pytest.param(
            say_and_close(), Outcome.RESET, "closed by the server before an answer", id="closed"
        ),
        pytest.param(
            say_and_reset(), Outcome.RESET, "Connection reset by peer before an answer", id="reset"
        ),
        pytest.param(
            say_and_close(STREAM_HEAD + chunk(EVENT)),
            Outcome.RESET,
            "closed by the server within the answer",
            id="closed-within-the-chunks",
        ),
        pytest.param(
            say_and_close(head()[:20]),
            Outcome.RESET,
            "closed by the server within the answer",
            id="closed-within-the-head",
        ),
        pytest.param(
            say(STREAM_HEAD + chunk(EVENT) + chunk(b"")),
            Outcome.TRUNCATED,
            "the answer ended without its last part",
            id="no-last-event",
        ),
        pytest.param(
            say(STREAM_HEAD + chunk(EVENT + LAST[:-1]) + chunk(b"")),
            Outcome.TRUNCATED,
            "the answer ended without its last part",
            id="last-event-cut",
        ),
        pytest.param(
            say(STREAM_HEAD + chunk(EVENT + ERROR_EVENT) + chunk(b"")),
            Outcome.STREAM_ERROR,
            "the engine is being replaced",
            id="error-event",
        ),
        pytest.param(
            say(STREAM_HEAD + chunk(b"data: {]\n\n")),
            Outcome.MALFORMED,
            "the answer is not JSON",
            id="event-not-JSON",
        ),
        pytest.param(
            say(b"SSH-2.0-OpenSSH_9.2\r\n"), Outcome.MALFORMED, "not HTTP/1.1: ", id="not-HTTP"
        ),
        pytest.param(
            say(sized(WHOLE)),
            Outcome.MALFORMED,
            "the answer's content type is 'application/json', must be text/event-stream",
            id="not-a-stream",
        ),
        pytest.param(
            say(b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/event-stream\r\n\r\n" + UNTYPED),
            Outcome.MALFORMED,
            "the answer's content type is '', must be text/event-stream",
            id="interim-fields-are-not-the-answers",
        ),
        pytest.param(
            say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n"),
            Outcome.MALFORMED,
            "the server switched protocols",
            id="switched",
        ),
        pytest.param(
            say(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: 0123456789\r\n" * 10_000),
            Outcome.MALFORMED,
            "the answer's head has more than 65536 bytes",
            id="endless-head",
        ),
        pytest.param(
            say(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000),
            Outcome.MALFORMED,
            "the answer's head has more than 65536 bytes",
            id="endless-interim-answers",
        ),
    ],
)
def test_a_broken_stream_is_told_by_its_kind(
    handle: Handler, outcome: Outcome, detail: str
) -> None:
    with serving(handle) as address:
        exchange = ask(f"http://{address}")
    assert (exchange.outcome, exchange.detail[: len(detail)]) == (outcome, detail)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("400 Bad Request", Outcome.REFUSED),
        ("404 Not Found", Outcome.REFUSED),
        ("429 Too Many Requests", Outcome.OVERLOADED),
        ("500 Internal Server Error", Outcome.SERVER_ERROR),
        ("503 Service Unavailable", Outcome.OVERLOADED),
        ("504 Gateway Timeout", Outcome.DEADLINE),
        ("301 Moved Permanently", Outcome.MALFORMED),
        ("202 Accepted", Outcome.MALFORMED),
    ],
)
def test_a_status_decides_the_outcome_and_the_server_has_its_word(
    status: str, outcome: Outcome
) -> None:
    with serving(say(sized(b'{"error": "not today"}', status))) as address:
        exchange = ask(f"http://{address}")
    number = int(status[:3])
    assert (exchange.outcome, exchange.status) == (outcome, number)
    assert exchange.detail == f"HTTP {number}: not today"


def test_an_errors_word_does_not_hold_the_prompt() -> None:
    prompt = a_prompt("My secret is\nthe word Rumpelstiltskin.")

    def echo(peer: Peer) -> None:
        body = peer.request().partition(b"\r\n\r\n")[2]
        peer.send(sized(b'{"error": "bad text: %b"}' % body.replace(b'"', b"'"), "400 No"))

    with serving(echo) as address:
        exchange = ask(f"http://{address}", prompt)
    assert exchange.detail.startswith("HTTP 400: bad text: {'text_input':'…','parameters':")


def test_a_unary_answer_cut_short_is_a_reset() -> None:
    with serving(say_and_close(sized(WHOLE)[:-5])) as address:
        exchange = ask(f"http://{address}", protocol="v2-generate")
    assert exchange.outcome is Outcome.RESET
    assert exchange.status == 200


def test_a_unary_answer_of_another_shape_is_malformed() -> None:
    with serving(say(sized(b'{"text_output": 5}'))) as address:
        exchange = ask(f"http://{address}", protocol="v2-generate")
    assert exchange.outcome is Outcome.MALFORMED
    assert exchange.detail == "text_output is a number, must be a string"


def test_an_answer_without_end_is_refused_at_its_bound() -> None:
    answer = HttpAnswer(make_wire(RunConfig(target="http://h", protocol="v2-generate")))
    answer.feed(head("200 OK", "application/json", "Transfer-Encoding: chunked"))
    piece = chunk(b" " * (MAX_BODY_BYTES // 8))
    for _ in range(8):
        answer.feed(piece)
    with pytest.raises(AnswerError, match="the answer has more than 67108864 bytes"):
        answer.feed(piece)


def test_bytes_that_came_before_the_request_are_no_answer_to_it() -> None:
    has_asked, has_spoken = threading.Event(), threading.Event()

    def handle(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM)
        has_asked.wait(10)
        peer.send(STREAM)
        has_spoken.set()
        peer.request()

    with serving(handle) as address, session(f"http://{address}") as opened:
        opened.ask(a_prompt())
        has_asked.set()
        assert has_spoken.wait(10)
        # Both are ready: the socket is read, then the timer sends.
        opened.reactor.call_at(monotonic_ns(), lambda: opened.start(a_prompt()))
        opened.wait(2)
    early = opened.finished[1]
    assert (early.outcome, early.detail) == (
        Outcome.RESET,
        "the server spoke before it was asked",
    )


def test_nobody_listening_is_told_after_start_has_returned() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with session(target) as opened:
        exchange = opened.start(a_prompt())
        assert exchange.outcome is None
        opened.wait(1)
    assert exchange.outcome is Outcome.CONNECT_FAILED
    assert exchange.detail == "Connection refused"
    assert exchange.sent == NEVER


def test_a_request_on_a_connection_that_breaks_is_not_sent_again() -> None:
    requests = []

    def handle(peer: Peer) -> None:
        requests.append(peer.request())
        peer.send(sized(WHOLE))
        requests.append(peer.request())
        peer.reset()

    with serving(handle) as address, session(f"http://{address}", protocol="v2-generate") as opened:
        assert opened.ask(a_prompt()).outcome is Outcome.OK
        second = opened.ask(a_prompt())
    assert second.outcome is Outcome.RESET
    assert second.detail.endswith("before an answer, on a connection used before")
    assert len(requests) == 2
