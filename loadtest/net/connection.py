"""A TCP connection without waiting, plain or TLS, and when its bytes came and went."""

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from time import monotonic_ns
from typing import Final, Protocol

from loadtest.net.reactor import READ, WRITE, Reactor
from loadtest.record import Outcome

# Of one read: a buffer is made anew for each, and a large one takes longer to make than an event
# to read. After a read that was filled the next is of the larger size, which malloc can still give
# without mapping it.
_READ_BYTES: Final = 8_192
_FULL_READ_BYTES: Final = 65_536


class Receiver(Protocol):
    """Who is told; ``now`` is CLOCK_MONOTONIC in ns, never before the event itself."""

    def on_open(self, now: int) -> None: ...

    def on_sent(self, now: int) -> None:
        """Everything given to ``send`` so far has been handed to the kernel."""

    def on_data(self, now: int, data: bytes) -> None: ...

    def on_close(self, now: int, outcome: Outcome, detail: str) -> None:
        """The peer has ended it or it failed; not called after ``close``."""


class State(Enum):
    """CONNECTING and HANDSHAKING lead to OPEN, all to CLOSED."""

    CONNECTING = "connecting"
    HANDSHAKING = "in the TLS handshake"
    OPEN = "open"
    CLOSED = "closed"


class Connection:
    """Bytes given before it is open are sent once it is."""

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        receiver: Receiver,
        *,
        tls: Callable[[socket.socket], ssl.SSLSocket] | None = None,
        state: State = State.CONNECTING,
    ) -> None:
        self.state = state
        # The peer has said that nothing more comes; a reset says no such thing.
        self.has_ended = False
        self._has_received = False
        self._is_failing = False
        self._reactor = reactor
        self._socket = sock
        self._receiver = receiver
        self._tls = tls
        self._unsent = bytearray()
        self._read_bytes = _READ_BYTES
        self._events = READ if state is State.OPEN else WRITE
        reactor.watch(sock.fileno(), self._events, self._on_ready)

    def send(self, data: bytes) -> None:
        self._unsent += data
        if self.state is State.OPEN:
            self._flush()

    def is_quiet(self) -> bool:
        """Whether nothing has come to a connection from which nothing is due, not even its end."""
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def negotiated_protocol(self) -> str | None:
        """Return what the server has chosen by ALPN (RFC 7301), None where it chose nothing."""
        assert isinstance(self._socket, ssl.SSLSocket)
        return self._socket.selected_alpn_protocol()

    def close(self) -> None:
        if self.state is not State.CLOSED:
            self.state = State.CLOSED
            self._reactor.unwatch(self._socket.fileno())
            self._socket.close()
            # Nobody is told any more. Who was told holds the connection, and a cycle would stay: a
            # worker's collections are of the youngest objects alone.
            del self._receiver

    def fail_soon(self, outcome: Outcome, detail: str) -> None:
        """Fail once what was read before has been parsed.

        Not while events are told: a new socket could have the number of one among them.
        """
        self._is_failing = True
        self._reactor.defer(self._fail, outcome, detail)

    def _on_ready(self, mask: int) -> None:
        if self._is_failing:
            # A socket that has told its error looks open, or as if the peer had ended it.
            return
        if self.state is State.OPEN:
            # Errors and hang-ups are told by the read.
            if mask & ~WRITE:
                self._read()
            if mask & WRITE and not self._is_failing:
                self._flush()
        elif self.state is State.CONNECTING:
            self._finish_connecting()
        else:
            self._shake_hands()

    def _finish_connecting(self) -> None:
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self.fail_soon(Outcome.CONNECT_FAILED, os.strerror(number))
            return
        if self._tls is None:
            self._open()
            return
        self.state = State.HANDSHAKING
        # Wrapping closes the plain socket but keeps its number, which stays watched.
        try:
            self._socket = self._tls(self._socket)
        except OSError as error:
            # The peer has left already.
            self.fail_soon(Outcome.TLS_FAILED, describe(error))
            return
        self._shake_hands()

    def _shake_hands(self) -> None:
        assert isinstance(self._socket, ssl.SSLSocket)
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(READ)
        except ssl.SSLWantWriteError:
            self._watch(WRITE)
        except ssl.SSLCertVerificationError as error:
            self.fail_soon(Outcome.TLS_FAILED, error.verify_message)
        except OSError as error:
            self.fail_soon(Outcome.TLS_FAILED, describe(error))
        else:
            self._open()

    def _open(self) -> None:
        self.state = State.OPEN
        self._watch(READ)
        self._receiver.on_open(monotonic_ns())
        if self._unsent and self.state is State.OPEN:
            self._flush()

    def _flush(self) -> None:
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        except ssl.SSLWantReadError:
            # Renegotiation: the read that it waits for ends in a further write.
            return
        except OSError as error:
            self._unsent.clear()
            self._read_rest()
            self.fail_soon(self._outcome(error), describe(error))
            return
        if self._unsent:
            self._watch(READ | WRITE)
            return
        now = monotonic_ns()
        self._watch(READ)
        self._receiver.on_sent(now)

    def _read(self) -> None:
        try:
            data = self._socket.recv(self._read_bytes)
            now = monotonic_ns()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            self.fail_soon(self._outcome(error), describe(error))
            return
        if not data:
            self.has_ended = True
            self.fail_soon(Outcome.RESET, "closed by the server")
            return
        self._has_received = True
        self._reactor.defer(self._deliver, now, data)
        is_full = len(data) == self._read_bytes
        self._read_bytes = _FULL_READ_BYTES if is_full else _READ_BYTES
        # TLS may hold more that no poll will tell of.
        if self._tls is not None and self._has_pending():
            self._read()

    def _has_pending(self) -> bool:
        assert isinstance(self._socket, ssl.SSLSocket)
        return self._socket.pending() > 0

    def _read_rest(self) -> None:
        """Read what the peer said before it left, an early answer to a long request for one."""
        with suppress(OSError):
            while data := self._socket.recv(_FULL_READ_BYTES):
                self._has_received = True
                self._reactor.defer(self._deliver, monotonic_ns(), data)

    def _deliver(self, now: int, data: bytes) -> None:
        if self.state is State.OPEN:
            self._receiver.on_data(now, data)

    def _outcome(self, error: OSError) -> Outcome:
        # In TLS 1.3 a refused client certificate is told only after the handshake.
        if not isinstance(error, ssl.SSLError):
            return Outcome.RESET
        is_end = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        return Outcome.RESET if is_end and self._has_received else Outcome.TLS_FAILED

    def _fail(self, outcome: Outcome, detail: str) -> None:
        if self.state is not State.CLOSED:
            receiver = self._receiver
            self.close()
            receiver.on_close(monotonic_ns(), outcome, detail)

    def _watch(self, events: int) -> None:
        if events != self._events:
            self._events = events
            self._reactor.rewatch(self._socket.fileno(), events)


def connect(
    reactor: Reactor,
    address: tuple[str, int],
    receiver: Receiver,
    tls: Callable[[socket.socket], ssl.SSLSocket] | None = None,
) -> Connection:
    """Begin to connect to a numeric address; failing at once is told like failing later.

    Raises OSError where there are no more sockets.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    number = sock.connect_ex(address)
    connection = Connection(reactor, sock, receiver, tls=tls)
    # SO_ERROR does not tell again what failed at once, such as a network without a route.
    if number not in (0, errno.EINPROGRESS):
        connection.fail_soon(Outcome.CONNECT_FAILED, os.strerror(number))
    return connection


def in_turn(addresses: Sequence[tuple[str, int]], first: int) -> list[tuple[str, int]]:
    """Return all of them, beginning with that number, which is counted round and round."""
    first %= len(addresses)
    return [*addresses[first:], *addresses[:first]]


def describe(error: OSError) -> str:
    """Return the error's own words without Python's numbers around them."""
    if isinstance(error, ssl.SSLError):
        # '[SSL: NAME] words (_ssl.c:1)'; alerts newer than this Python have words but no name.
        return re.sub(r"^\[.*?\] | \(_ssl\.c:\d+\)$", "", error.strerror or "TLS failed")
    return error.strerror or type(error).__name__
