"""One TCP connection to an HTTP server, read response by response."""

import json
import socket
from types import TracebackType
from typing import Any, NamedTuple

DEADLINE_S = 30


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """Sends bytes as they are; whatever it waits for must come within the deadline."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), DEADLINE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self, *, has_body: bool = True) -> Response:
        """Return the next response that is not interim."""
        status, headers = self._read_head()
        while status < 200:
            status, headers = self._read_head()
        return Response(status, headers, self._read_body(headers) if has_body else b"")

    def read_to_end(self) -> bytes:
        return self._reader.read()

    def _read_head(self) -> tuple[int, dict[str, str]]:
        start = self._reader.readline()
        assert start, "the server closed the connection"
        lines = iter(self._reader.readline, b"\r\n")
        fields = [line.decode("latin-1").rstrip("\r\n").split(": ", 1) for line in lines]
        return int(start.split()[1]), {name.lower(): value for name, value in fields}

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self._reader.read(int(headers["content-length"]))
        body = b""
        while length := int(self._reader.readline(), 16):
            body += self._reader.read(length)
            self._reader.readline()
        self._reader.readline()
        return body
