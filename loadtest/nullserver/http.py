"""One client's HTTP/1.1 connection: its requests are answered one after the other."""

import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httptools
import orjson

from loadtest.net.connection import Connection, State
from loadtest.net.reactor import Reactor
from loadtest.nullserver.answers import (
    Generation,
    encode_error,
    encode_whole,
    generations,
    pages,
)
from loadtest.nullserver.profile import Profile
from loadtest.nullserver.reply import Pieces, Reply, Service
from loadtest.record import Outcome

# SO_LINGER without time: closing sends a reset.
_RESETTING: Final = struct.pack("ii", 1, 0)
_NOT_FOUND: Final = encode_error(HTTPStatus.NOT_FOUND, "the null server has no such path")
_NOT_JSON: Final = encode_error(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
_NOT_HTTP: Final = encode_error(HTTPStatus.BAD_REQUEST, "the request is not HTTP/1.1")
_TOO_OLD: Final = encode_error(
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "a stream cannot be carried by HTTP/1.0"
)
_METRICS: Final = """\
# TYPE nullserver_requests_total counter
nullserver_requests_total {requests}
# TYPE nullserver_requests_in_flight gauge
nullserver_requests_in_flight {in_flight}
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total {cpu_s:.6f}
"""


class Site:
    """What there is to ask for over HTTP."""

    def __init__(self, model: str, profile: Profile, service: Service) -> None:
        self.service = service
        self._generations = generations(model, profile)
        self._pages = pages(model)

    def generation(self, path: bytes) -> Generation | None:
        return self._generations.get(path)

    def page(self, path: bytes) -> bytes:
        """Return the whole response to a GET."""
        if path == b"/metrics":
            return encode_whole(HTTPStatus.OK, "text/plain; version=0.0.4", self._metrics())
        return self._pages.get(path, _NOT_FOUND)

    def _metrics(self) -> bytes:
        return _METRICS.format(
            requests=self.service.num_requests,
            in_flight=self.service.num_in_flight,
            cpu_s=time.process_time(),
        ).encode()


@dataclass(frozen=True, slots=True)
class _Request:
    received: int
    method: bytes
    path: bytes
    request_id: bytes
    body: bytes
    is_kept_alive: bool
    is_old: bool


class HttpSession:
    """The connection's receiver, and by its ``on_*`` methods the parser's protocol."""

    def __init__(self, reactor: Reactor, sock: socket.socket, site: Site) -> None:
        self._site = site
        self._socket = sock
        self._parser = httptools.HttpRequestParser(self)
        self._now = 0
        self._path = b""
        self._request_id = b""
        self._body: list[bytes] = []
        self._waiting: deque[_Request] = deque()
        self._reply: Reply | None = None
        self._is_kept_alive = True
        # Replies of which something is not with the kernel yet, and how many chunks.
        self._unhanded: list[tuple[Reply, int]] = []
        self._connection = Connection(reactor, sock, self, state=State.OPEN)

    def on_open(self, now: int) -> None:
        """It was accepted open."""

    def on_data(self, now: int, data: bytes) -> None:
        self._now = now
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._connection.send(_NOT_HTTP)
            self.close()

    def on_sent(self, now: int) -> None:
        unhanded, self._unhanded = self._unhanded, []
        for reply, num_chunks in unhanded:
            reply.on_handed(now, num_chunks)

    def on_close(self, now: int, outcome: Outcome, detail: str) -> None:
        self.close()

    def on_message_begin(self) -> None:
        self._path = self._request_id = b""
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # Only names of its length are worth lowering.
        if len(name) == 12 and name.lower() == b"x-request-id":
            self._request_id = value

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        request = _Request(
            self._now,
            self._parser.get_method(),
            self._path,
            self._request_id,
            b"".join(self._body),
            self._parser.should_keep_alive(),
            self._parser.get_http_version() == "1.0",
        )
        if self._reply is None and not self._waiting:
            self._answer(request)
        else:
            self._waiting.append(request)

    def write(self, reply: Reply, data: bytes, num_chunks: int) -> None:
        self._unhanded.append((reply, num_chunks))
        self._connection.send(data)

    def reset(self, reply: Reply) -> None:
        if self._connection.state is State.OPEN:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETTING)
        self.close()

    def close(self) -> None:
        self._connection.close()
        self._waiting.clear()
        if self._reply is not None:
            self._reply.drop()

    def _answer(self, request: _Request) -> None:
        self._is_kept_alive = request.is_kept_alive
        generation = self._site.generation(request.path)
        if request.method != b"POST" or generation is None:
            self._tell(_NOT_FOUND if generation else self._site.page(request.path))
            return
        pieces = choose(generation, request.body)
        if pieces is None:
            self._tell(_NOT_JSON)
        elif request.is_old and pieces.opening:
            self._tell(_TOO_OLD)
        else:
            self._begin(request, pieces)

    def _begin(self, request: _Request, pieces: Pieces) -> None:
        self._reply = self._site.service.begin(
            self,
            pieces,
            is_stream=bool(pieces.opening),
            request_id=request.request_id,
            received=request.received,
            on_over=self._on_over,
        )
        self._reply.begin()

    def _tell(self, response: bytes) -> None:
        self._connection.send(response)
        self._go_on()

    def _on_over(self, reply: Reply) -> None:
        self._reply = None
        self._site.service.finish(reply)
        self._go_on()

    def _go_on(self) -> None:
        if not self._is_kept_alive:
            self.close()
        elif self._waiting:
            self._answer(self._waiting.popleft())


def choose(generation: Generation, body: bytes) -> Pieces | None:
    """Return the pieces that a body asks for; None where it has to be JSON and is not."""
    if generation.stream is None or generation.unary is None:
        # The null server does not care what V2 asks for.
        return generation.stream or generation.unary
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(members, dict):
        return None
    if members.get("stream") is not True:
        return generation.unary
    options = members.get("stream_options")
    has_usage = isinstance(options, dict) and options.get("include_usage") is True
    return generation.stream_with_usage if has_usage else generation.stream
