"""Heads, bodies and whatever else a connection may carry, through raw sockets."""

import contextlib
import logging
import random
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.predictor.server.raw_http import (
    DEADLINE_S,
    GET,
    MIB,
    Client,
    HeldServer,
    Server,
    assert_refused,
    get_rss_bytes,
    post,
    wait_until,
)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers with limits of one's own."""
    with contextlib.ExitStack() as stack:

        def start(**limits: float) -> Server:
            server = Server(**limits)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def held() -> Iterator[HeldServer]:
    """A server that waits 0.3 s for a next request."""
    started = HeldServer(idle_timeout_s=0.3)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for whatever needs nothing of its own; heads of 1024 bytes and 8 headers."""
    started = Server(max_header_bytes=1024, max_headers=8)
    yield started
    started.stop()


def head_of(num_bytes: int) -> bytes:
    start = GET[:-2] + b"Padding: "
    return start + b"p" * (num_bytes - len(start) - 4) + b"\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 5000], ids="{} bytes a send".format)
@pytest.mark.parametrize(
    ("head", "words"),
    [
        pytest.param(head_of(1024), None, id="as long as allowed"),
        pytest.param(head_of(1025), "head of the request is longer than 1024", id="a byte longer"),
        pytest.param(GET[:-2] + b"a:\r\n" * 7 + b"\r\n", None, id="8 headers"),
        pytest.param(GET[:-2] + b"a:\r\n" * 8 + b"\r\n", "8 headers", id="9 headers"),
        pytest.param(b"GET /" + b"u" * 1100, "head of the request", id="a target without end"),
        pytest.param(b"GET /get HTTP/1.1\r\na: " + b"v" * 1100, "1024", id="a value without end"),
        pytest.param(b"GET /get HTTP/1.1\r\n" + b"n" * 1100, "1024", id="a name without end"),
    ],
)
def test_a_head_is_held_to_its_limits(
    server: Server, head: bytes, words: str | None, step: int
) -> None:
    with Client(server) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(head), step):
            client.send(head[start : start + step])
        if words is None:
            assert client.read().status == 200
        else:
            assert_refused(client, 431, words)


@pytest.mark.parametrize("num_left", [1, 2, 3])
def test_a_body_is_not_counted_to_a_head_that_ends_in_two_segments(
    server: Server, num_left: int
) -> None:
    body = bytes(5000)
    data = post("post", body)
    end = len(data) - len(body) - num_left
    with Client(server) as client, Client(server) as other:
        client.send(data[:end])
        # Once another has been served twice, the server has read that.
        other.send(GET * 2)
        assert [other.read().status, other.read().status] == [200, 200]
        client.send(data[end:])
        assert client.read().json["num_bytes"] == 5000


@pytest.mark.parametrize("text", [b"a", b"\r\n", b"0\r\n\r\n"], ids=repr)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_requests_behind_a_large_body_are_neither_refused_nor_mixed_up(
    serve: Callable[..., Server], text: bytes, chunked: bool
) -> None:
    body = text * (4 * MIB // len(text))
    data = post("post", body, chunked=chunked) + head_of(1024) * 3 + head_of(5200)
    server = serve(max_header_bytes=1024)
    with Client(server) as client:
        sending = threading.Thread(target=client.send, args=(data,))
        sending.start()

        assert client.read().json["num_bytes"] == len(body)
        assert [client.read().json["headers"] for _ in range(3)] == [["host", "padding"]] * 3
        # 431, or no word where its head began in the last piece of a chunked body.
        assert client.read_to_end()[:12] in (b"HTTP/1.1 431", b"")
        sending.join(DEADLINE_S)
    assert server.app.max_running == 1


def test_requests_that_wait_behind_another_take_no_memory(server: Server) -> None:
    with Client(server) as client:
        client.send(post("stream", b""))
        client.read()
        rss_bytes = get_rss_bytes()
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.send(GET * MIB)
        assert get_rss_bytes() - rss_bytes < 8 * MIB


POST = b"POST /post HTTP/1.1\r\nHost: a\r\n"
MALFORMED = {
    "length and chunked": POST + b"Content-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": POST + b"Transfer-Encoding: chunked\r\n"
    b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "one length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
    "negative length": POST + b"Content-Length: -5\r\n\r\n",
    "length of 30 digits": POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "bare LF": b"GET /get HTTP/1.1\nHost: secret\n\n",
    "bare LF after a header": b"GET /get HTTP/1.1\r\nHost: secret\n\r\n\r\n",
    "space before colon": POST + b"Content-Length : 5\r\n\r\n",
    "folded header": b"GET /get HTTP/1.1\r\nA: b\r\n secret\r\n\r\n",
    "NUL in a header": b"GET /get HTTP/1.1\r\nA: secret\x00\r\n\r\n",
    "chunk size of letters": POST + b"Transfer-Encoding: chunked\r\n\r\nsecret\r\n",
    "short chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nsecret\r\n",
    "target without a path": b"GET http://secret HTTP/1.1\r\nHost: a\r\n\r\n",
    "target that is no URL": b"GET ?secret HTTP/1.1\r\n\r\n",
    "target beyond ASCII": b"GET /secr\xc3\xa9t HTTP/1.1\r\n\r\n",
    "CONNECT": b"CONNECT secret:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT of a path": b"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "unknown method": b"SECRET /get HTTP/1.1\r\n\r\n",
    "HTTP/9.9": b"GET /get HTTP/9.9\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03secret" + bytes(500),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http_is_answered_400_and_closed(
    server: Server, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Client(server) as client:
        client.send(GET + data)
        assert client.read().status == 200
        assert_refused(client, 400, "the request is")
    server.wait_until_unconnected()
    (record,) = [record for record in caplog.records if record.name.startswith("predictor")]
    assert record.exc_info is None
    assert "secret" not in record.message.lower()
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_no_bytes_at_all_bring_a_traceback_or_a_hang(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(header_timeout_s=0.3, body_timeout_s=0.3, idle_timeout_s=0.3)
    rng = random.Random(7)
    seeds = [GET, post("post", b"abc"), post("post", b"abc", chunked=True), *MALFORMED.values()]
    clients = []
    for _ in range(400):
        data = bytearray(rng.choice(seeds) + rng.choice(seeds))
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
        clients.append(Client(server))
        clients[-1].send(bytes(data))
    for client in clients:
        with client, contextlib.suppress(ConnectionResetError):
            client.read_to_end()
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("data", "chunked", "rest"),
    [
        pytest.param(MALFORMED["bare LF"], False, b"HTTP/1.1 400", id="malformed"),
        pytest.param(MALFORMED["bare LF"], True, b"", id="malformed in one piece with the body"),
        pytest.param(
            post("post", b"abc", headers=b"a:\r\n" * 7) + GET, True, b"", id="too many headers"
        ),
    ],
)
def test_a_refused_request_lets_the_one_before_it_be_answered(
    server: Server, data: bytes, chunked: bool, rest: bytes
) -> None:
    with Client(server) as client:
        client.send(post("slow", b"abc", chunked=chunked) + data)
        assert client.read().json["num_bytes"] == 3
        assert client.read_to_end()[:12] == rest


def test_a_malformed_body_that_waits_for_its_turn_ends_the_connection(server: Server) -> None:
    with Client(server) as client:
        client.send(post("slow", b"abc", chunked=True) + MALFORMED["short chunk"])
        assert client.read_to_end() == b""


def test_nothing_behind_a_refused_head_is_run(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    data = post("refuse", b"abc", chunked=True)
    with Client(server) as client:
        client.send(data[:-5])
        assert client.read().status == 413
        client.send(data[-5:] + GET[:-2] + b"a:\r\n" * 8 + b"\r\n" + GET)
        assert_refused(client, 431, "8 headers")
    server.wait_until_unconnected()
    assert not [record for record in caplog.records if record.exc_info]


def test_an_app_learns_at_once_that_the_body_was_refused(held: HeldServer) -> None:
    with Client(held) as client:
        client.send(MALFORMED["short chunk"])
        assert_refused(client, 400, "malformed")
        # The connection stands still until more time has passed.
        wait_until(lambda: held.app.num_running == 0)
        assert held.uvicorn.server_state.connections


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_connection_outlives_a_body_that_was_refused(held: HeldServer, chunked: bool) -> None:
    with Client(held) as client:
        body = bytes(24 * MIB)
        data = post("refuse", body, chunked=chunked)
        rss_bytes = get_rss_bytes()
        for start in range(0, len(data), MIB):
            client.send(data[start : start + MIB])
            assert get_rss_bytes() - rss_bytes < 8 * MIB
        client.send(GET)
        assert client.read().status == 413
        assert client.read().status == 200
        held.pass_time(0.4)
        assert client.read_to_end() == b""


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            post("refuse", bytes(8 * MIB), headers=b"Connection: close\r\n"), id="413 and close"
        ),
        pytest.param(b"GET /get HTTP/1.1\r\n" + b"a" * 8 * MIB, id="431"),
    ],
)
def test_an_answer_reaches_a_client_that_reads_only_when_all_is_sent(
    server: Server, data: bytes
) -> None:
    with Client(server) as client:
        client.send(data)
        assert client.read().status in (413, 431)
        assert client.read_to_end() == b""


def test_trailers_are_bounded_and_do_not_become_headers(server: Server) -> None:
    data = post("post", b"abc", chunked=True)[:-2] + b"Trailer: b\r\n\r\n"
    with Client(server) as client:
        client.send(data)
        assert client.read().json == {"num_bytes": 3, "headers": ["host", "transfer-encoding"]}
        client.send(data[:-4])
        with contextlib.suppress(ConnectionError):
            client.send(b"b" * 8 * MIB)
        assert_refused(client, 431, "more than 1024 bytes of framing")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_an_upgrade_is_answered_as_an_ordinary_request(
    server: Server, protocol: str, chunked: bool
) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: %s\r\n" % protocol.encode()
    with Client(server) as client:
        for _ in range(2):
            client.send(post("post", b"abc", headers=upgrade, chunked=chunked))
            assert client.read().json["num_bytes"] == 3
        get = GET[:-2] + upgrade + b"\r\n"
        client.send(get + post("post", b"abc", chunked=True) + get + GET)
        names = [client.read().json["headers"][1:] for _ in range(4)]
        assert names == [["connection"], ["transfer-encoding"], ["connection"], []]
