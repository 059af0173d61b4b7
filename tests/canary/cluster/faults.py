"""A reverse proxy that loses, delays and refuses what it is told to."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from canary.cluster.transport import JSON, Request, Response, Transport

# Returns an answer, or None to close the connection without one.
Fault = Callable[[Callable[[], Response]], Response | None]


@dataclass
class FaultyServer:
    """Each request meets the next fault; once there are none left all goes through."""

    url: str
    faults: deque[Fault] = field(default_factory=deque)
    seen: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def silence(self, forward: Callable[[], Response]) -> None:
        """Answer nothing until the client has gone."""
        self.is_over.wait(timeout=30)

    def silence_afterwards(self, forward: Callable[[], Response]) -> None:
        """Let the API server do its part, and answer nothing."""
        forward()
        self.silence(forward)


def lose_request(forward: Callable[[], Response]) -> None:
    """Close the connection; the API server sees nothing."""


def lose_answer(forward: Callable[[], Response]) -> None:
    """Close the connection once the API server has done its part."""
    forward()


def lose_answer_then(action: Callable[[], object]) -> Fault:
    """Another edits the object before the client can ask again."""

    def fault(forward: Callable[[], Response]) -> None:
        forward()
        action()

    return fault


def answer(status: int, body: bytes = b"{}", **headers: str) -> Fault:
    """Answer in the API server's stead."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda forward: Response(status, named, body)


@contextmanager
def faulty_server(upstream: Transport) -> Iterator[FaultyServer]:
    """Serve on a free port of loopback what another transport answers."""
    state = FaultyServer("")

    class Handler(_Handler):
        server_state = state
        server_upstream = upstream

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.is_over.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: FaultyServer
    server_upstream: Transport

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def _serve(self) -> None:
        request = self._request()
        self.server_state.seen.append(f"{request.method} {request.path}")

        def forward() -> Response:
            return self.server_upstream.exchange(request)

        faults = self.server_state.faults
        response = faults.popleft()(forward) if faults else forward()
        self.close_connection = True
        if response is not None:
            self._send(response)

    def _request(self) -> Request:
        url = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind = self.headers.get("Content-Type", JSON)
        body = json.loads(raw) if raw else None
        return Request(self.command, url.path, dict(parse_qsl(url.query)), body, kind)

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        headers = {"content-length": str(len(response.body)), **response.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(response.body)
