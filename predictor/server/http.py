"""What no ASGI code can hold: the bytes before and beside a request, and the time they take."""

import asyncio
import enum
import logging
from typing import Any, ClassVar, Final, cast

import httptools
import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from predictor.config import Limits
from predictor.server.flow import Flow, StallTimer, Timer, Transport
from predictor.server.heads import find_fault

logger = logging.getLogger(__name__)

END_OF_HEAD: Final = b"\r\n\r\n"
# Of a chunked body: only the parser knows where it ends, and does not say.
MAX_PIECE_BYTES: Final = 4096
# For a client that still sends to read our last answer.
LINGER_S: Final = 2.0


def limited_protocol(limits: Limits) -> type[HttpToolsProtocol]:
    """Return the class for ``uvicorn.Config(http=...)`` that holds connections to ``limits``.

    What it refuses (400, 408, 431) is answered with ``{"error": "<one sentence>"}`` and closed.
    An Upgrade is ignored, as RFC 9110, 7.8 allows.
    """
    return type("LimitedProtocol", (_LimitedProtocol,), {"limits": limits})


class _Reading(enum.Enum):
    NOTHING = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()


class _LimitedProtocol(HttpToolsProtocol):
    """Feeds the parser in pieces that end where a head or a body does.

    So a head is counted to the byte before the parser keeps any of it, and no request is parsed
    before the one ahead of it is answered. What follows in the last piece of a chunked body is
    the exception: it is not counted, and uvicorn queues it.
    """

    limits: ClassVar[Limits]
    flow: Flow

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # It goes to call_later, which takes fractions.
        self.timeout_keep_alive = self.limits.idle_timeout_s  # type: ignore[assignment]
        self._reading = _Reading.NOTHING
        self._read_timer = Timer(self.loop, self._on_read_timeout)
        # Whatever the client sends from now on is dropped.
        self._is_deaf = False
        self._is_ending = False
        # Bytes not to be parsed yet, and the last ones that were: a head's end may begin there.
        self._held = b""
        self._tail = b""
        # Of a head, or of a body since its last data: sizes, extensions, trailers.
        self._num_framing_bytes = 0
        # Where a Content-Length tells.
        self._num_body_bytes_left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._connection = transport
        patience_s = self.limits.write_timeout_s
        self._write_timer = StallTimer(self.loop, transport, patience_s, self._on_write_timeout)
        gentle = Transport(transport, self._close, self._is_closing)
        super().connection_made(cast(asyncio.Transport, gentle))
        self.flow = Flow(transport, self._read_timer)
        # Writing is then paused while a byte is unsent, also after a close: one timer for both.
        transport.set_write_buffer_limits(high=0)
        self._read_timer.start(self.limits.header_timeout_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_deaf = self._is_ending = True
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._read_timer.stop()
        self._write_timer.stop()

    def data_received(self, data: bytes) -> None:
        data, self._held = self._held + data, b""
        position = 0
        while True:
            if self._reading is _Reading.NOTHING:
                # Empty lines ahead of a request are ignored (RFC 9112, 2.2).
                position = len(data) - len(data[position:].lstrip(b"\r\n"))
            if self._is_deaf or position == len(data):
                return
            if self._reading is _Reading.NOTHING and self._is_answering():
                self._hold(data[position:])
                return
            end = self._end_of_piece(data, position)
            self._feed(data[position:end])
            position = end

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _hold(self, data: bytes) -> None:
        self._held = data
        # Not for less: only who reads sees the client leave.
        if len(data) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def _end_of_piece(self, data: bytes, start: int) -> int:
        if self._reading is _Reading.BODY:
            return min(len(data), start + (self._num_body_bytes_left or MAX_PIECE_BYTES))
        seam = self._tail + data[start : start + len(END_OF_HEAD) - 1]
        if (at := seam.find(END_OF_HEAD)) >= 0:
            return start + at + len(END_OF_HEAD) - len(self._tail)
        at = data.find(END_OF_HEAD, start)
        return len(data) if at < 0 else at + len(END_OF_HEAD)

    def _feed(self, piece: bytes) -> None:
        if self._reading is _Reading.NOTHING:
            self._begin_head()
        self._num_framing_bytes += len(piece)
        limit = self.limits.max_header_bytes
        if self._reading is _Reading.HEAD and self._num_framing_bytes > limit:
            self._refuse(431, f"the head of the request is longer than {limit} bytes")
            return
        self._parse(piece)
        self._tail = (self._tail + piece[-3:])[-3:]
        # Only now: data in the piece has put the count back to 0.
        if self._reading is _Reading.BODY and self._num_framing_bytes > limit:
            self._refuse(431, f"the body has more than {limit} bytes of framing in a row")

    def _begin_head(self) -> None:
        self._unset_keepalive_if_required()
        self._reading = _Reading.HEAD
        self._num_framing_bytes = 0
        self._read_timer.start(self.limits.header_timeout_s)

    def _parse(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._is_deaf:
                self._parse(self._head_without_upgrade() + piece[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:
            # Ours, and not the client's.
            raise
        except httptools.HttpParserError as error:
            # A head that a callback has refused is answered. llhttp's reasons are constants,
            # without bytes of the request.
            if not self._is_deaf:
                self._refuse(400, f"the request is malformed HTTP: {error}")

    def _head_without_upgrade(self) -> bytes:
        """Return the head to parse again: with an Upgrade in it the parser passes over the body."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join(lines) + END_OF_HEAD

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._reading is _Reading.NOTHING:
            self._begin_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers must not become headers, and may be dropped (RFC 9110, 6.5.1).
        if self._reading is _Reading.HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        limit = self.limits.max_headers
        if self._is_deaf:
            return
        if len(self.headers) > limit:
            self._refuse(431, f"the head of the request has more than {limit} headers")
        elif fault := self._find_fault():
            self._refuse(400, fault)
        elif not self.parser.should_upgrade():
            self._reading = _Reading.BODY
            self._num_framing_bytes = 0
            lengths = [int(value) for name, value in self.headers if name == b"content-length"]
            self._num_body_bytes_left = sum(lengths)
            self._read_timer.start(self.limits.body_timeout_s)
            super().on_headers_complete()

    def _find_fault(self) -> str | None:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        return find_fault(method, self.url, version, self.headers)

    def on_body(self, body: bytes) -> None:
        if self._reading is _Reading.BODY:
            self._num_framing_bytes = 0
            self._num_body_bytes_left = max(0, self._num_body_bytes_left - len(body))
            super().on_body(body)

    def on_message_complete(self) -> None:
        # Else its head was refused, or is to be parsed again.
        if self._reading is _Reading.BODY:
            super().on_message_complete()
            self._reading = _Reading.NOTHING
            self._read_timer.stop()
            if self.cycle.response_complete:
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._reading is not _Reading.NOTHING:
            # The rest of the body is dropped, for as long as a body may take.
            self._unset_keepalive_if_required()
        if self._held:
            self.data_received(b"")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_timer.stop()

    def _on_write_timeout(self) -> None:
        limit_s = self.limits.write_timeout_s
        logger.info("aborted a connection: its client did not read for %g s", limit_s)
        self._connection.abort()

    def _on_read_timeout(self) -> None:
        if self._is_ending or self._reading is _Reading.NOTHING:
            self._connection.close()
        elif self._reading is _Reading.HEAD:
            self._refuse(408, f"the head took longer than {self.limits.header_timeout_s:g} s")
        elif self.cycle.waiting_for_100_continue:
            # The client waits for us.
            self._read_timer.start(self.limits.body_timeout_s)
        else:
            self._refuse(408, f"the body took longer than {self.limits.body_timeout_s:g} s")

    def _refuse(self, status: int, message: str) -> None:
        """Answer the request being read and close, or close after the responses under way."""
        logger.info("refused a request: %d, %s", status, message)
        self._is_deaf = True
        self._read_timer.stop()
        if self._reading is _Reading.BODY and self.pipeline:
            # The app, when its turn came, would wait for the rest of the body.
            self._connection.abort()
        elif self._reading is _Reading.BODY and not self.cycle.response_started:
            # What the app sends from now on must not follow our answer.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self._close_with(status, message)
        elif self._reading is _Reading.HEAD and not self._is_answering():
            self._close_with(status, message)
        elif self._is_answering():
            self.cycle.keep_alive = False
        else:
            self._close()

    def _close_with(self, status: int, message: str) -> None:
        body = orjson.dumps({"error": message})
        headers = [
            *self.server_state.default_headers,
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        self._connection.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self._close()

    def _close(self) -> None:
        """Close; within a request our side first, and all once the client has, or soon.

        Closing on unread bytes resets the connection, and our answer with it (RFC 9112, 9.6).
        """
        if self._is_ending:
            return
        self._is_deaf = self._is_ending = True
        if self._reading is _Reading.NOTHING or not self._connection.can_write_eof():
            self._connection.close()
        else:
            self._connection.write_eof()
            self.flow.resume_reading()
            self._read_timer.start(LINGER_S)

    def _is_closing(self) -> bool:
        return self._is_ending or self._connection.is_closing()
