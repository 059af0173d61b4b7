"""The null server: listeners, one reactor, and what happens at its beginning and end."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.errors import UsageError
from loadtest.net.reactor import READ, Reactor
from loadtest.nullserver.golden import GoldenLog, check_writable
from loadtest.nullserver.grpc import GrpcSession, Rpcs
from loadtest.nullserver.http import HttpSession, Site
from loadtest.nullserver.profile import Profile
from loadtest.nullserver.reply import Service

_HOST: Final = "127.0.0.1"
_BACKLOG: Final = 4096


@dataclass(frozen=True, slots=True)
class NullServerConfig:
    """Port 0 is a free one; None is none."""

    profile: Profile
    model: str = "r1"
    port: int = 0
    grpc_port: int | None = None
    golden: Path | None = None


class Listener:
    """Accepts on 127.0.0.1; what is accepted is non-blocking and without Nagle's delay."""

    def __init__(
        self, reactor: Reactor, port: int, on_accept: Callable[[socket.socket], object]
    ) -> None:
        self._on_accept = on_accept
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((_HOST, port))
        except OSError as error:
            self._socket.close()
            raise UsageError(f"port {port} of {_HOST} cannot be had: {error.strerror}") from None
        self._socket.listen(_BACKLOG)
        self._socket.setblocking(False)
        reactor.watch(self._socket.fileno(), READ, self._accept)

    @property
    def address(self) -> str:
        return f"{_HOST}:{self._socket.getsockname()[1]}"

    def _accept(self, mask: int) -> None:
        while True:
            try:
                accepted, _ = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                # It had gone before we came to it.
                continue
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._on_accept(accepted)


def serve(config: NullServerConfig, on_listening: Callable[[str, str | None], None]) -> None:
    """Answer until SIGTERM or SIGINT, then write what was seen; call on the main thread.

    ``on_listening`` is told the addresses, HTTP's and gRPC's. Raises UsageError where a port or
    the golden file cannot be had.
    """
    if config.golden is not None:
        check_writable(config.golden)
    reactor = Reactor()
    golden = GoldenLog() if config.golden is not None else None
    service = Service(reactor, config.profile, golden)
    site = Site(config.model, config.profile, service)
    http = Listener(reactor, config.port, lambda sock: HttpSession(reactor, sock, site))
    grpc = _listen_grpc(reactor, config, service)
    with _stopping_on_signals(reactor):
        on_listening(http.address, None if grpc is None else grpc.address)
        reactor.run()
    if golden is not None and config.golden is not None:
        golden.write(config.golden)


def _listen_grpc(reactor: Reactor, config: NullServerConfig, service: Service) -> Listener | None:
    if config.grpc_port is None:
        return None
    rpcs = Rpcs(config.model, config.profile, service)
    return Listener(reactor, config.grpc_port, lambda sock: GrpcSession(reactor, sock, rpcs))


@contextmanager
def _stopping_on_signals(reactor: Reactor) -> Iterator[None]:
    """Python runs handlers between bytecodes, which epoll's wait has none of: a socket wakes it."""
    woken, waker = socket.socketpair()
    with woken, waker:
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            # What our parent had us ignore, as the terminal's Ctrl-C, stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: None)
        reactor.watch(woken.fileno(), READ, lambda _: reactor.stop())
        yield
        signal.set_wakeup_fd(-1)
