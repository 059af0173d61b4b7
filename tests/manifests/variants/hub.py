"""A model hub on loopback: redirects as Hugging Face does, ranges, and faults on demand."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "owner/model"
REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What is served at ``url``, by name; ``ranges`` are those asked for, in order."""

    files: dict[str, bytes]
    url: str = ""
    ranges: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    # Bytes of a file after which the answer stalls, or is cut off.
    stall_after: int | None = None
    cut_after: int | None = None
    has_ranges: bool = True
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve(files: dict[str, bytes]) -> Iterator[Hub]:
    hub = Hub(files)
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            hub.released.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.hub.paths.append(self.path)
        name = self.path.rpartition("/")[2]
        if self.path == f"/{REPOSITORY}/resolve/{REVISION}/{name}":
            self._redirect(f"/content/{name}")
        elif self.path == f"/content/{name}" and name in self.hub.files:
            self._send(self.hub.files[name])
        else:
            self._empty(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def _redirect(self, path: str) -> None:
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _empty(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes) -> None:
        asked = self.headers["Range"]
        start = 0
        if asked and self.hub.has_ranges:
            self.hub.ranges.append(asked)
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                return self._empty(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = min(self.hub.cut_after or len(content), self.hub.stall_after or len(content))
        self.wfile.write(content[start:end])
        if self.hub.stall_after is not None:
            self.hub.released.wait(60)
        if end < len(content):
            self.close_connection = True
        return None
