"""A name with several addresses: which of them a client's connections take."""

import dataclasses
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from loadtest.config import RunConfig
from loadtest.net.connection import in_turn
from loadtest.net.endpoint import make_endpoint
from loadtest.net.grpc_client import GrpcClient
from loadtest.net.http_client import HttpClient
from loadtest.net.reactor import Reactor
from loadtest.record import Outcome
from loadtest.wire.make import make_wire
from tests.loadtest.net import raw_http2 as raw
from tests.loadtest.net.driving import Session, a_prompt
from tests.loadtest.net.raw_server import WHOLE, Handler, say, serving, sized

Address = tuple[str, int]


def http_server(text: str) -> Handler:
    return say(sized(WHOLE.replace(b"42", text.encode())))


def grpc_server(text: str) -> Handler:
    message = raw.data(raw.prefixed(raw.unary_message(text)))
    return raw.each(raw.head(), message, raw.trailers(grpc_status="0"))


each_client = pytest.mark.parametrize(
    ("target", "protocol", "client", "server"),
    [
        pytest.param("http://name", "v2-generate", HttpClient, http_server, id="http"),
        pytest.param("grpc://name", "grpc-infer", GrpcClient, grpc_server, id="grpc"),
    ],
)
Server = Callable[[str], Handler]


@contextmanager
def session_at(
    addresses: tuple[Address, ...], target: str, protocol: str, client: Any, **options: int
) -> Iterator[Session]:
    """Open a client for a name of these addresses."""
    numeric = target.replace("name", "127.0.0.1:1")
    config = RunConfig(target=numeric, protocol=cast(Any, protocol))
    endpoint = dataclasses.replace(make_endpoint(config), addresses=addresses)
    reactor, wire = Reactor(), make_wire(config)
    made = client(reactor, endpoint, wire, 8, None, **options)
    try:
        yield Session(made, reactor, wire)
    finally:
        made.close()
        reactor.close()


def of(address: str) -> Address:
    host, _, port = address.partition(":")
    return host, int(port)


# Nothing listens on these.
DEAD: tuple[Address, ...] = (("127.0.0.9", 1), ("127.0.0.8", 1))


@each_client
def test_an_address_that_refuses_is_followed_by_the_next(
    target: str, protocol: str, client: Any, server: Server
) -> None:
    with (
        serving(server("42")) as address,
        session_at((*DEAD, of(address)), target, protocol, client) as opened,
    ):
        exchanges = [opened.start(a_prompt()) for _ in range(3)]
        opened.wait(3)
        assert [exchange.outcome for exchange in exchanges] == [Outcome.OK] * 3
        assert opened.client.num_open == opened.client.num_opened == opened.client.most_open


@each_client
def test_requests_fail_once_all_addresses_have_refused(
    target: str, protocol: str, client: Any, server: Server
) -> None:
    with session_at(DEAD, target, protocol, client) as opened:
        exchanges = [opened.start(a_prompt()) for _ in range(3)]
        opened.wait(3)
        assert {(exchange.outcome, exchange.detail) for exchange in exchanges} == {
            (Outcome.CONNECT_FAILED, "Connection refused")
        }
        assert opened.client.num_open == 0


@each_client
def test_too_many_open_files_are_told_after_start_has_returned(
    target: str, protocol: str, client: Any, server: Server
) -> None:
    with session_at((DEAD[0],), target, protocol, client) as opened:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, limit[1]))
        try:
            exchange = opened.start(a_prompt())
            assert exchange.outcome is None
            opened.wait(1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
        assert exchange.outcome is Outcome.CONNECT_FAILED
        assert exchange.detail == "Too many open files"
        assert opened.client.num_open == 0


@each_client
def test_a_client_begins_with_the_address_it_is_given(
    target: str, protocol: str, client: Any, server: Server
) -> None:
    with serving(server("17")) as first, serving(server("25")) as second:
        addresses = (of(first), of(second))
        with session_at(addresses, target, protocol, client, first_address=3) as opened:
            assert opened.ask(a_prompt()).texts == ["25"]


@pytest.mark.parametrize(
    ("first", "order"),
    [(0, "abc"), (1, "bca"), (2, "cab"), (3, "abc"), (7, "bca")],
)
def test_addresses_are_taken_in_turn(first: int, order: str) -> None:
    addresses = (("a", 1), ("b", 2), ("c", 3))
    assert "".join(host for host, _ in in_turn(addresses, first)) == order
