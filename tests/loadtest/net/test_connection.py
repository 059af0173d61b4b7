"""A connection that never waits: when its bytes come and go, and how it ends."""

import socket
import struct
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic_ns

import pytest

from loadtest.net.connection import Connection, State, connect
from loadtest.net.reactor import Reactor
from loadtest.record import Outcome

GIVE_UP_NS = 5_000_000_000


@dataclass
class Told:
    """Keeps what a connection tells, and stops the reactor at one kind of it."""

    reactor: Reactor
    until: str = "close"
    happened: list[str] = field(default_factory=list)
    data: bytes = b""
    ending: tuple[Outcome, str] | None = None

    def on_open(self, now: int) -> None:
        self._note("open")

    def on_sent(self, now: int) -> None:
        self._note("sent")

    def on_data(self, now: int, data: bytes) -> None:
        self.data += data
        self._note("data")

    def on_close(self, now: int, outcome: Outcome, detail: str) -> None:
        self.ending = (outcome, detail)
        self._note("close")

    def wait(self, until: str) -> None:
        self.until = until
        timer = self.reactor.call_at(monotonic_ns() + GIVE_UP_NS, self.reactor.stop)
        self.reactor.run()
        timer.cancel()
        assert self.happened[-1] == until

    def _note(self, what: str) -> None:
        self.happened.append(what)
        if what == self.until:
            self.reactor.stop()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    made = Reactor()
    yield made
    made.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def told(reactor: Reactor) -> Told:
    return Told(reactor)


@pytest.fixture
def pair(reactor: Reactor, told: Told) -> Iterator[tuple[Connection, socket.socket]]:
    """An open connection and its peer."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = Connection(reactor, ours, told, state=State.OPEN)
    yield connection, theirs
    connection.close()
    theirs.close()


def test_bytes_given_before_it_is_open_are_sent_once_it_is(
    reactor: Reactor, told: Told, listener: socket.socket
) -> None:
    connection = connect(reactor, listener.getsockname(), told)
    connection.send(b"early")
    assert told.happened == []
    told.wait("sent")
    assert told.happened == ["open", "sent"]
    peer, _ = listener.accept()
    with peer:
        assert peer.recv(100) == b"early"
    connection.close()


def test_nothing_is_sent_until_the_kernel_has_all_of_it(
    reactor: Reactor, told: Told, pair: tuple[Connection, socket.socket]
) -> None:
    connection, peer = pair
    peer.setblocking(False)
    connection.send(b"x" * 2_000_000)
    assert told.happened == []
    received = 0

    def read(_: int = 0) -> None:
        nonlocal received
        received += len(peer.recv(100_000))

    reactor.watch(peer.fileno(), 1, read)
    told.wait("sent")
    reactor.unwatch(peer.fileno())
    assert 0 < received <= 2_000_000


def test_what_came_before_the_end_is_told_before_it(
    told: Told, pair: tuple[Connection, socket.socket]
) -> None:
    _, peer = pair
    peer.send(b"last words")
    peer.close()
    told.wait("close")
    assert told.happened == ["data", "close"]
    assert told.data == b"last words"
    assert told.ending == (Outcome.RESET, "closed by the server")


def test_the_peers_end_is_no_reset(told: Told, pair: tuple[Connection, socket.socket]) -> None:
    connection, peer = pair
    peer.close()
    told.wait("close")
    assert connection.has_ended


def test_a_reset_is_no_end(reactor: Reactor, told: Told, listener: socket.socket) -> None:
    connection = connect(reactor, listener.getsockname(), told)
    told.wait("open")
    peer, _ = listener.accept()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    told.wait("close")
    assert told.ending == (Outcome.RESET, "Connection reset by peer")
    assert not connection.has_ended


def test_a_closed_connection_tells_nothing_more(
    reactor: Reactor, told: Told, pair: tuple[Connection, socket.socket]
) -> None:
    connection, peer = pair
    peer.send(b"unheard")
    # After the read, before the parsing.
    reactor.call_at(1, connection.close)
    reactor.call_at(monotonic_ns() + 20_000_000, reactor.stop)
    reactor.run()
    assert told.happened == []


def test_a_send_that_fails_is_told_after_the_call(
    told: Told, pair: tuple[Connection, socket.socket]
) -> None:
    connection, peer = pair
    peer.close()
    connection.send(b"x")
    assert told.happened == []
    told.wait("close")
    assert told.ending == (Outcome.RESET, "Broken pipe")


def test_what_came_before_a_send_that_fails_is_told_before_it(
    told: Told, pair: tuple[Connection, socket.socket]
) -> None:
    connection, peer = pair
    peer.send(b"early answer" * 10_000)
    peer.close()
    connection.send(b"the rest of a long request")
    told.wait("close")
    assert told.data == b"early answer" * 10_000
    assert told.ending == (Outcome.RESET, "Broken pipe")
    assert not connection.has_ended


def test_what_came_with_a_reset_is_told_before_it(
    reactor: Reactor, told: Told, listener: socket.socket
) -> None:
    connect(reactor, listener.getsockname(), told)
    told.wait("open")
    peer, _ = listener.accept()
    peer.send(b"last words" * 10_000)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    told.wait("close")
    assert told.data == b"last words" * 10_000
    assert told.ending == (Outcome.RESET, "Connection reset by peer")


def test_a_closed_connection_lets_go_of_whom_it_told(
    reactor: Reactor, pair: tuple[Connection, socket.socket]
) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    told = Told(reactor)
    connection = Connection(reactor, ours, told, state=State.OPEN)
    connection.close()
    theirs.close()
    is_alive = weakref.ref(told)
    del told
    assert is_alive() is None


def test_what_is_put_off_when_a_connection_closes_is_gone_after_it(reactor: Reactor) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = Connection(reactor, ours, Told(reactor), state=State.OPEN)
    is_alive = weakref.ref(connection)
    theirs.send(b"unheard")
    theirs.close()
    connection.fail_soon(Outcome.RESET, "for a reason")
    reactor.call_at(1, connection.close)
    reactor.call_at(2, reactor.stop)
    del connection
    reactor.run()
    assert is_alive() is None


def test_refusal_is_told_after_the_call(reactor: Reactor, told: Told) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    connect(reactor, address, told)
    assert told.happened == []
    told.wait("close")
    assert told.ending == (Outcome.CONNECT_FAILED, "Connection refused")


def test_a_failure_at_once_is_told_after_the_call_too(reactor: Reactor, told: Told) -> None:
    # TCP has no broadcast.
    connect(reactor, ("255.255.255.255", 9), told)
    assert told.happened == []
    told.wait("close")
    assert told.happened == ["close"]
    assert told.ending is not None
    assert told.ending[0] is Outcome.CONNECT_FAILED


def test_a_connection_is_quiet_until_something_comes(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, peer = pair
    assert connection.is_quiet()
    peer.send(b"x")
    assert not connection.is_quiet()


def test_a_connection_that_the_peer_has_closed_is_not_quiet(
    pair: tuple[Connection, socket.socket],
) -> None:
    connection, peer = pair
    peer.close()
    assert not connection.is_quiet()


def test_a_connection_begun_at_the_failure_of_another_gets_none_of_its_events(
    reactor: Reactor, pair: tuple[Connection, socket.socket]
) -> None:
    """Its socket may have the number of one that was ready at the same time."""
    ready, peer = pair
    begun = Told(reactor)
    connections: list[Connection] = []

    class Replacing(Told):
        def on_close(self, now: int, outcome: Outcome, detail: str) -> None:
            ready.close()
            connections.append(connect(reactor, full.getsockname(), begun))

    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        # Nobody takes it, so that there is no room for another.
        waiting.connect(full.getsockname())
        connect(reactor, ("127.0.0.1", 1), Replacing(reactor))
        peer.send(b"x")
        reactor.call_at(monotonic_ns() + 50_000_000, reactor.stop)
        reactor.run()
    connections[0].close()
    assert begun.happened == []
