"""Clients that fall silent or stop reading, and those that only seem to."""

import contextlib
import logging
from collections.abc import Callable, Iterator

import pytest

from predictor.server.http import LINGER_S
from tests.predictor.server.raw_http import (
    GET,
    MIB,
    Client,
    HeldServer,
    assert_refused,
    post,
)

PAUSE_S = 0.6


@pytest.fixture
def serve() -> Iterator[Callable[..., HeldServer]]:
    """Start servers with limits of one's own."""
    with contextlib.ExitStack() as stack:

        def start(**limits: float) -> HeldServer:
            server = HeldServer(**limits)
            server.app.pause_s = PAUSE_S
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture(scope="module")
def hasty() -> Iterator[HeldServer]:
    """One server that waits 0.3 s for a head or a next request and 0.4 s for a body."""
    started = HeldServer(header_timeout_s=0.3, body_timeout_s=0.4, idle_timeout_s=0.3)
    started.app.pause_s = PAUSE_S
    yield started
    started.stop()


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        pytest.param(b"", None, "", id="no byte"),
        pytest.param(b"\r\n\r\n", None, "", id="empty lines"),
        pytest.param(b"G", 408, "the head took longer than 0.3 s", id="half a head"),
        pytest.param(
            post("post", b"abc")[:-1],
            408,
            "the body took longer than 0.4 s",
            id="length",
        ),
        pytest.param(post("post", b"abc", chunked=True)[:-1], 408, "0.4 s", id="chunked"),
        pytest.param(post("slow", bytes(MIB // 2))[:-1], 408, "0.4 s", id="after a pause of ours"),
    ],
)
@pytest.mark.parametrize("num_before", [0, 1], ids=["first request", "second request"])
def test_a_client_that_falls_silent_is_left(
    hasty: HeldServer, data: bytes, status: int | None, words: str, num_before: int
) -> None:
    with Client(hasty) as client:
        client.send(GET * num_before + data)
        for _ in range(num_before):
            assert client.read().status == 200
        hasty.pass_time(0.25)
        assert client.has_nothing_to_read()
        # Our pause, and then the time for a body.
        hasty.pass_time(PAUSE_S + 0.4)
        if status is None:
            assert client.read_to_end() == b""
        else:
            assert_refused(client, status, words)
    hasty.wait_until_unconnected()


@pytest.mark.parametrize(
    "start", [b"GET /get HTTP/1.1\r\na: ", post("post", bytes(9999))[:-9999]], ids=["head", "body"]
)
def test_a_trickle_buys_no_time(hasty: HeldServer, start: bytes) -> None:
    with Client(hasty) as client:
        client.send(start)
        for _ in range(20):
            hasty.pass_time(0.05)
            client.send(b"t")
        assert client.read().status == 408


@pytest.mark.parametrize(
    "headers", [b"", b"Expect: 100-continue\r\n"], ids=["large body", "continue"]
)
def test_time_in_which_we_do_not_read_is_not_the_clients(hasty: HeldServer, headers: bytes) -> None:
    # Many times what is read ahead, and little enough to be sent while nobody reads.
    num_bytes = MIB // 2
    with Client(hasty) as client:
        head, body = post("slow", bytes(num_bytes), headers=headers).split(b"\r\n\r\n")
        client.send(head + b"\r\n\r\n" + (b"" if headers else body))
        hasty.pass_time(PAUSE_S + 0.1)
        if headers:
            assert client.reader.readline() == b"HTTP/1.1 100 Continue\r\n"
            client.reader.readline()
            client.send(body)
        assert client.read().json["num_bytes"] == num_bytes


def test_a_response_that_has_begun_is_ended_though_the_body_is_not(hasty: HeldServer) -> None:
    with Client(hasty) as client:
        client.send(post("early", b"abc")[:-1])
        hasty.pass_time(PAUSE_S + 0.1)
        received = client.read_to_end()
        assert received.count(b"HTTP/1.1") == 1
        assert received.endswith(b"begun\r\n5\r\nended\r\n0\r\n\r\n")


def test_a_whole_request_may_be_answered_late(hasty: HeldServer) -> None:
    with Client(hasty) as client:
        client.send(post("slow", b"abc"))
        hasty.pass_time(PAUSE_S + 0.1)
        assert client.read().status == 200


@pytest.mark.parametrize(
    ("path", "before", "after"), [("post", [], [200, 200]), ("refuse", [413], [200])], ids=str
)
def test_a_body_may_take_longer_than_a_head_or_a_pause(
    serve: Callable[..., HeldServer], path: str, before: list[int], after: list[int]
) -> None:
    server = serve(header_timeout_s=0.2, idle_timeout_s=0.2)
    with Client(server) as client:
        client.send(post(path, b"abc")[:-1])
        assert [client.read().status for _ in before] == before
        server.pass_time(0.5)
        assert client.has_nothing_to_read()
        client.send(b"c" + GET)
        assert [client.read().status for _ in after] == after


@pytest.mark.parametrize("last", [b"", b"c"], ids=["rest of the body", "next request"])
def test_what_follows_a_body_that_was_refused_has_its_time(hasty: HeldServer, last: bytes) -> None:
    with Client(hasty) as client:
        client.send(post("refuse", b"abc")[:-1])
        assert client.read().status == 413
        client.send(last)
        hasty.pass_time(0.25)
        assert client.has_nothing_to_read()
        hasty.pass_time(0.2)
        assert client.read_to_end() == b""


def test_the_stream_of_a_client_that_stops_reading_is_closed(
    serve: Callable[..., HeldServer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = serve(write_timeout_s=0.4)
    with Client(server) as client:
        client.send(post("stream", b""))
        client.read()
        # Once more where some has still gone out.
        server.pass_time(1.0)
        assert server.app.has_closed_stream.is_set()
    server.wait_until_unconnected()
    (record,) = [record for record in caplog.records if record.name == "predictor.server.http"]
    assert record.message == "aborted a connection: its client did not read for 0.4 s"


def test_a_client_that_has_read_all_keeps_its_connection(
    serve: Callable[..., HeldServer],
) -> None:
    server = serve(write_timeout_s=0.3)
    with Client(server) as client:
        client.send(GET.replace(b"get", b"large"))
        assert len(client.read().body) > 32 * MIB
        server.pass_time(0.6)
        assert client.has_nothing_to_read()
        client.send(GET)
        assert client.read().status == 200


@pytest.mark.parametrize("path", ["large", "brim"])
def test_what_was_not_read_keeps_no_closed_connection(
    serve: Callable[..., HeldServer], path: str
) -> None:
    server = serve(write_timeout_s=0.4)
    server.app.connections = server.uvicorn.server_state.connections
    with Client(server) as client:
        client.send(post(path, b"", headers=b"Connection: close\r\n"))
        client.reader.readline()
        server.pass_time(1.0)
        server.wait_until_unconnected()


def test_silent_clients_are_left_in_time_while_another_is_served(
    serve: Callable[..., HeldServer],
) -> None:
    server = serve(header_timeout_s=1.0, body_timeout_s=1.0)
    starts = [b"", b"GET /get HT", post("post", b"abc")[:-1]]
    with contextlib.ExitStack() as stack:
        neighbour = stack.enter_context(Client(server))
        silent = [stack.enter_context(Client(server)) for _ in range(200) for _ in starts]
        for client, start in zip(silent, starts * 200, strict=True):
            client.send(start)
        for _ in range(24):
            server.pass_time(0.05)
            neighbour.send(GET)
            assert neighbour.read().status == 200
        answers = [client.read_to_end()[9:12] for client in silent]
    assert answers == [b"", b"408", b"408"] * 200


def test_no_timer_outlives_its_connection(serve: Callable[..., HeldServer]) -> None:
    server = serve()
    for data in (b"", GET, GET[:9], post("post", b"abc")[:-1], post("refuse", b"abc")[:-1]):
        with Client(server) as client:
            client.send(data)
            if data.endswith(b"\r\n\r\n"):
                client.read()
    with Client(server) as client:
        client.send(GET.replace(b"get", b"large"))
        client.reader.readline()
    server.wait_until_unconnected()
    # uvicorn's own are shorter.
    timers = [timer for timer in server.loop.timers if timer.when() > server.loop.time() + 30]
    assert len(timers) > 6
    assert all(timer.cancelled() for timer in timers)


def test_a_server_that_stops_waits_for_the_running_request_alone(
    serve: Callable[..., HeldServer],
) -> None:
    server = serve()
    with Client(server) as idle, Client(server) as half, Client(server) as running:
        idle.send(GET)
        assert idle.read().status == 200
        half.send(GET[:9])
        running.send(post("early", b"abc"))
        assert running.read().status == 200
        started_s = server.loop.time()
        server.stop()
        assert server.loop.time() - started_s < LINGER_S + 1
        assert running.read_to_end().endswith(b"ended\r\n0\r\n\r\n")
        assert idle.read_to_end() == half.read_to_end() == b""
