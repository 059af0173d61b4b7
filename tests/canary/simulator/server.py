"""A single-threaded HTTP/1.1 server on loopback, so that its process can fork at any time."""

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import httptools
import orjson


@dataclass(frozen=True, slots=True)
class Request:
    """``query`` holds the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """JSON, unless headers say otherwise."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Dropped(Exception):
    """The connection is reset and nothing is answered."""


class NotYet(Exception):
    """Nothing is answered yet: the request is handled again at each turn."""


Handle = Callable[[Request], Response]


def json_response(status: int, body: object, **headers: str) -> Response:
    """Return a response of a value that JSON holds."""
    return Response(status, orjson.dumps(body), headers)


class Server:
    """Listens at once on a free port; answers while ``turn`` is called."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def turn(self, timeout_s: float) -> None:
        """Answer what has come, or wait so long for it."""
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                self._accept()
            elif not key.data.receive():
                self._forget(key.data.socket)
        for connection in self._connections():
            if not connection.answer():
                self._forget(connection.socket)

    @property
    def waiting(self) -> list[Request]:
        """What has come and is not answered yet."""
        return [each.request for each in self._connections() if each.request is not None]

    def _accept(self) -> None:
        accepted, _ = self._listener.accept()
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(accepted, self._handle)
        self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _forget(self, gone: socket.socket) -> None:
        self._selector.unregister(gone)
        gone.close()

    def _connections(self) -> list["_Connection"]:
        keys = self._selector.get_map().values()
        return [key.data for key in keys if key.data is not None]

    def drop_connections(self) -> None:
        """Close every connection; whoever comes again is accepted."""
        for connection in self._connections():
            self._forget(connection.socket)

    def abandon(self) -> None:
        """Close this process' copies after a fork; the parent's connections live on."""
        for key in list(self._selector.get_map().values()):
            held = key.fileobj
            assert isinstance(held, socket.socket)
            held.close()
        self._selector.close()

    def close(self) -> None:
        """End every connection and stop listening."""
        self.drop_connections()
        self._selector.close()
        self._listener.close()


class _Connection:
    """Parses what comes; httptools calls the ``on_`` methods."""

    def __init__(self, accepted: socket.socket, handle: Handle) -> None:
        self.socket = accepted
        # Until it is answered.
        self.request: Request | None = None
        self._handle = handle
        self._parser = httptools.HttpRequestParser(self)
        self._is_open = True

    def receive(self) -> bool:
        """Take and answer what can be read now; false where the connection is to end."""
        try:
            data = self.socket.recv(1 << 20)
            if not data:
                return False
            self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError):
            return False
        return self._is_open

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", dict[str, str](), bytearray()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        parts = urlsplit(self._url.decode())
        query = {key: values[-1] for key, values in parse_qs(parts.query, True).items()}
        method = self._parser.get_method().decode()
        self.request = Request(method, parts.path, query, self._headers, bytes(self._body))
        self._is_open = self.answer()

    def answer(self) -> bool:
        """Answer the request, where there is one; false where the connection is to end."""
        if self.request is None:
            return True
        try:
            response = self._handle(self.request)
        except NotYet:
            return True
        except Dropped:
            # Zero linger: a reset instead of an orderly end.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.request = None
            return False
        self.request = None
        self.socket.setblocking(True)
        self.socket.sendall(_head(response) + response.body)
        return True


def _head(response: Response) -> bytes:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(response.body)),
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


@contextmanager
def serving(handle: Handle) -> Iterator[str]:
    """Yield the URL of a server that a thread of its own runs."""
    server = Server(handle)
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            server.turn(0.05)

    thread = threading.Thread(target=run, name="simulator", daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        ended.set()
        thread.join()
        server.close()
