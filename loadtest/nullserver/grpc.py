"""One client's gRPC connection: frames by hand, since h2 would cost more than the client does."""

import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hpack.exceptions import HPACKError
from hpack.hpack import Decoder

from loadtest.net.connection import Connection, State
from loadtest.net.reactor import Reactor
from loadtest.nullserver import frames
from loadtest.nullserver.frames import Frames, Type
from loadtest.nullserver.messages import NO_MODEL, NO_RPC, Rpc, model_field, pages, rpcs
from loadtest.nullserver.profile import Profile
from loadtest.nullserver.reply import Reply, Service
from loadtest.record import Outcome

_SETTINGS: Final = b"".join(
    number.to_bytes(2) + value.to_bytes(4)
    for number, value in (
        (frames.MAX_CONCURRENT_STREAMS, 10_000),
        (frames.INITIAL_WINDOW_SIZE, frames.MAX_WINDOW_BYTES),
    )
)
# Room for requests is given back in pieces of this size.
_CREDIT_BYTES: Final = 2**20
_PREFIX_BYTES: Final = 5


class Rpcs:
    """What there is to call."""

    def __init__(self, model: str, profile: Profile, service: Service) -> None:
        self.service = service
        self._generating = rpcs(model, profile)
        # A request begins with its model's name, the field of the least number.
        self._asked = model_field(model)
        self._pages = pages(model)
        self._paths = {path for path, _ in self._pages}

    def generating(self, path: bytes, message: bytes) -> Rpc | None:
        """Return the rpc, where it generates and the request names the model."""
        return self._generating.get(path) if message.startswith(self._asked) else None

    def page(self, path: bytes, message: bytes) -> Frames:
        """Return the whole answer to an rpc that only tells."""
        if path not in self._paths and path not in self._generating:
            return NO_RPC
        return self._pages.get((path, message), NO_MODEL)


@dataclass(slots=True)
class _Call:
    path: bytes
    request_id: bytes
    # Of the client's: how much of an answer it has room for.
    window: int
    message: bytearray = field(default_factory=bytearray)
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A frame that waits for room; with the last of a write, the reply is told."""

    stream_id: int
    data: bytes
    reply: Reply
    num_chunks: int | None


class _NotHttp2Error(Exception):
    """The client breaks RFC 9113."""


class GrpcSession:
    """A stream is one request: it is answered once the client has closed its half."""

    def __init__(self, reactor: Reactor, sock: socket.socket, rpcs: Rpcs) -> None:
        self._rpcs = rpcs
        self._decoder = Decoder()
        self._buffer = bytearray()
        self._has_preface = False
        self._block = b""
        self._calls: dict[int, _Call] = {}
        self._window = self._initial_window = frames.DEFAULT_WINDOW_BYTES
        self._num_taken_bytes = 0
        self._blocked: deque[_Blocked] = deque()
        self._unhanded: list[tuple[Reply, int]] = []
        self._on_frame: dict[int, Callable[[int, int, int, bytes], None]] = {
            Type.DATA: self._on_data_frame,
            Type.HEADERS: self._on_headers,
            Type.CONTINUATION: self._on_continuation,
            Type.RST_STREAM: self._on_rst_stream,
            Type.SETTINGS: self._on_settings,
            Type.PING: self._on_ping,
            Type.WINDOW_UPDATE: self._on_window_update,
        }
        self._connection = Connection(reactor, sock, self, state=State.OPEN)
        room = (frames.MAX_WINDOW_BYTES - frames.DEFAULT_WINDOW_BYTES).to_bytes(4)
        self._connection.send(
            frames.frame_of(0, Type.SETTINGS, _SETTINGS)
            + frames.frame_of(0, Type.WINDOW_UPDATE, room)
        )

    def on_open(self, now: int) -> None:
        """It was accepted open."""

    def on_data(self, now: int, data: bytes) -> None:
        self._buffer += data
        try:
            self._take_frames(now)
        except (_NotHttp2Error, HPACKError):
            error = bytes(4) + frames.PROTOCOL_ERROR.to_bytes(4)
            self._connection.send(frames.frame_of(0, Type.GOAWAY, error))
            self.close()

    def on_sent(self, now: int) -> None:
        unhanded, self._unhanded = self._unhanded, []
        for reply, num_chunks in unhanded:
            reply.on_handed(now, num_chunks)

    def on_close(self, now: int, outcome: Outcome, detail: str) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        calls, self._calls = self._calls, {}
        self._blocked.clear()
        for call in calls.values():
            if call.reply is not None:
                call.reply.drop()

    def write(self, reply: Reply, data: bytes, num_chunks: int) -> None:
        call = self._calls[reply.stream_id]
        size = frames.data_bytes(data)
        if not self._blocked and size <= min(self._window, call.window):
            self._window -= size
            call.window -= size
            self._unhanded.append((reply, num_chunks))
            self._connection.send(data)
            return
        *earlier, last = frames.split(data)
        for part in earlier:
            self._blocked.append(_Blocked(reply.stream_id, part, reply, None))
        self._blocked.append(_Blocked(reply.stream_id, last, reply, num_chunks))
        self._send_blocked()

    def reset(self, reply: Reply) -> None:
        code = frames.INTERNAL_ERROR.to_bytes(4)
        self._connection.send(frames.frame_of(reply.stream_id, Type.RST_STREAM, code))
        self._drop(reply.stream_id)

    def _take_frames(self, now: int) -> None:
        buffer, at = bytes(self._buffer), 0
        if not self._has_preface:
            if len(buffer) < len(frames.PREFACE):
                return
            if not buffer.startswith(frames.PREFACE):
                raise _NotHttp2Error
            self._has_preface = True
            at = len(frames.PREFACE)
        while at + frames.HEAD_BYTES <= len(buffer):
            length = int.from_bytes(buffer[at : at + 3])
            if length > frames.MAX_FRAME_BYTES:
                raise _NotHttp2Error
            begin = at + frames.HEAD_BYTES
            if begin + length > len(buffer):
                break
            take = self._on_frame.get(buffer[at + 3])
            stream_id = int.from_bytes(buffer[at + 5 : begin])
            if take is not None:
                take(now, buffer[at + 4], stream_id, buffer[begin : begin + length])
            at = begin + length
        self._buffer = bytearray(buffer[at:])

    def _on_headers(self, now: int, flags: int, stream_id: int, payload: bytes) -> None:
        payload = _unpadded(flags, payload)
        if flags & frames.PRIORITY_GIVEN:
            payload = payload[5:]
        self._block = payload
        # An END_STREAM here ends a call without a message: that is no request.
        self._take_block(flags, stream_id)

    def _on_continuation(self, now: int, flags: int, stream_id: int, payload: bytes) -> None:
        self._block += payload
        self._take_block(flags, stream_id)

    def _take_block(self, flags: int, stream_id: int) -> None:
        if not flags & frames.END_HEADERS:
            return
        headers = dict(self._decoder.decode(self._block, raw=True))
        path, request_id = headers.get(b":path", b""), headers.get(b"x-request-id", b"")
        self._calls[stream_id] = _Call(path, request_id, self._initial_window)

    def _on_data_frame(self, now: int, flags: int, stream_id: int, payload: bytes) -> None:
        self._give_room(len(payload))
        call = self._calls.get(stream_id)
        # Frames of a call that we have reset may still be on their way.
        if call is None:
            return
        call.message += _unpadded(flags, payload)
        if flags & frames.END_STREAM:
            self._answer(now, stream_id, call)

    def _answer(self, now: int, stream_id: int, call: _Call) -> None:
        message = bytes(call.message[_PREFIX_BYTES:])
        rpc = self._rpcs.generating(call.path, message)
        number = stream_id.to_bytes(4)
        if rpc is None:
            self._connection.send(self._rpcs.page(call.path, message).of(number))
            del self._calls[stream_id]
            return
        call.reply = self._rpcs.service.begin(
            self,
            rpc.pieces(number),
            is_stream=rpc.is_stream,
            request_id=call.request_id,
            received=now,
            on_over=self._on_over,
            stream_id=stream_id,
        )
        call.reply.begin()

    def _on_over(self, reply: Reply) -> None:
        self._calls.pop(reply.stream_id, None)
        self._rpcs.service.finish(reply)

    def _on_rst_stream(self, now: int, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id in self._calls:
            self._drop(stream_id)

    def _drop(self, stream_id: int) -> None:
        call = self._calls.pop(stream_id)
        self._blocked = deque(part for part in self._blocked if part.stream_id != stream_id)
        if call.reply is not None:
            call.reply.drop()

    def _on_settings(self, now: int, flags: int, stream_id: int, payload: bytes) -> None:
        if flags & frames.ACK:
            return
        for at in range(0, len(payload), 6):
            if int.from_bytes(payload[at : at + 2]) == frames.INITIAL_WINDOW_SIZE:
                self._resize_windows(int.from_bytes(payload[at + 2 : at + 6]))
        self._connection.send(frames.frame_of(0, Type.SETTINGS, b"", frames.ACK))

    def _resize_windows(self, size: int) -> None:
        # RFC 9113 section 6.9.2: what is open already changes by the difference.
        for call in self._calls.values():
            call.window += size - self._initial_window
        self._initial_window = size
        self._send_blocked()

    def _on_ping(self, now: int, flags: int, stream_id: int, payload: bytes) -> None:
        if not flags & frames.ACK:
            self._connection.send(frames.frame_of(0, Type.PING, payload, frames.ACK))

    def _on_window_update(self, now: int, flags: int, stream_id: int, payload: bytes) -> None:
        size = int.from_bytes(payload)
        if stream_id == 0:
            self._window += size
        elif stream_id in self._calls:
            self._calls[stream_id].window += size
        self._send_blocked()

    def _send_blocked(self) -> None:
        while self._blocked:
            part = self._blocked[0]
            call = self._calls[part.stream_id]
            size = frames.data_bytes(part.data)
            if size > min(self._window, call.window):
                return
            self._blocked.popleft()
            self._window -= size
            call.window -= size
            if part.num_chunks is not None:
                self._unhanded.append((part.reply, part.num_chunks))
            self._connection.send(part.data)

    def _give_room(self, size: int) -> None:
        self._num_taken_bytes += size
        if self._num_taken_bytes >= _CREDIT_BYTES:
            credit = self._num_taken_bytes.to_bytes(4)
            self._connection.send(frames.frame_of(0, Type.WINDOW_UPDATE, credit))
            self._num_taken_bytes = 0


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & frames.PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise _NotHttp2Error
    return payload[1 : len(payload) - payload[0]]
