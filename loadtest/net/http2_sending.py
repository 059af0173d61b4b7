"""What a client of HTTP/2 sends, within the windows that the server grants (RFC 9113)."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from loadtest.net.http2_frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    MAX_FRAME_BYTES,
    MAX_HEADER_BYTES,
    NO_TABLE,
    PREFACE,
    ErrorCode,
    Headers,
    Kind,
    ProtocolError,
    Setting,
    encode_changing,
    encode_fixed,
    encode_frame,
    encode_settings,
)

# Ours, of a stream and of the connection: so large that no server ever waits for us to make room.
WINDOW_BYTES: Final = 16 * 2**20
# Sections 6.9.1 and 6.9.2.
_DEFAULT_WINDOW_BYTES: Final = 65_535
_MAX_WINDOW_BYTES: Final = 2**31 - 1
# Section 6.5.2.
_MAX_FRAME_BYTES_ALLOWED: Final = 2**24 - 1
_OUR_SETTINGS: Final = {
    Setting.ENABLE_PUSH: 0,
    Setting.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
    Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_BYTES,
}


class Sender(Protocol):
    """Who is told that a request is out."""

    def on_sent(self, now: int) -> None:
        """The request's last byte is with the kernel."""


@dataclass(slots=True, eq=False)
class _Upload:
    sender: Sender
    unsent: memoryview
    window: int


class Outbox:
    """Gathers frames; the end of a request is gathered once its windows have room for it."""

    def __init__(self, fixed_headers: Headers) -> None:
        self._fixed = encode_fixed(fixed_headers)
        self._out = bytearray()
        self._blocked: dict[int, _Upload] = {}
        # Whose last byte has been gathered.
        self._gathered: deque[Sender] = deque()
        self._window = _DEFAULT_WINDOW_BYTES
        self._initial_window = _DEFAULT_WINDOW_BYTES
        self._max_frame_bytes = MAX_FRAME_BYTES

    def flush(self, send: Callable[[bytes], None]) -> None:
        """Send what has been gathered, if there is anything."""
        if self._out:
            data = bytes(self._out)
            self._out.clear()
            send(data)

    def on_sent(self, now: int) -> None:
        """Tell whose request was gathered: all that was sent is with the kernel."""
        while self._gathered:
            self._gathered.popleft().on_sent(now)

    def open(self) -> None:
        self._out += PREFACE + encode_settings(_OUR_SETTINGS)
        self.credit(0, WINDOW_BYTES - _DEFAULT_WINDOW_BYTES)

    def request(self, stream_id: int, sender: Sender, headers: Headers, body: bytes) -> None:
        """Begin a stream; the body is not empty."""
        block = self._fixed + encode_changing(headers)
        self._head(stream_id, block if stream_id > 1 else NO_TABLE + block)
        self._body(stream_id, _Upload(sender, memoryview(body), self._initial_window))

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        self._blocked.pop(stream_id, None)
        self._out += encode_frame(Kind.RST_STREAM, 0, stream_id, code.to_bytes(4))

    def end(self, stream_id: int) -> None:
        """The stream is over: section 8.1, a server may answer before it has the whole request."""
        if stream_id in self._blocked:
            self.reset(stream_id, ErrorCode.NO_ERROR)

    def credit(self, stream_id: int, size: int) -> None:
        """Let the server send that much more, on all streams together if it is number 0."""
        self._out += encode_frame(Kind.WINDOW_UPDATE, 0, stream_id, size.to_bytes(4))

    def acknowledge_ping(self, payload: bytes) -> None:
        self._out += encode_frame(Kind.PING, ACK, 0, payload)

    def apply(self, settings: list[tuple[int, int]]) -> None:
        """Heed the server's settings and acknowledge them; raises ProtocolError."""
        for number, value in settings:
            if number == Setting.INITIAL_WINDOW_SIZE:
                for upload in self._blocked.values():
                    upload.window = _grow(upload.window, value - self._initial_window)
                self._initial_window = _grow(value, 0)
            elif number == Setting.MAX_FRAME_SIZE:
                if not MAX_FRAME_BYTES <= value <= _MAX_FRAME_BYTES_ALLOWED:
                    raise ProtocolError("MAX_FRAME_SIZE is out of bounds")
                self._max_frame_bytes = value
        self._out += encode_frame(Kind.SETTINGS, ACK, 0)
        self._unblock()

    def grow(self, stream_id: int, increment: int) -> None:
        """Use a WINDOW_UPDATE; raises ProtocolError."""
        if increment == 0:
            raise ProtocolError("a window grows by nothing")
        if stream_id == 0:
            self._window = _grow(self._window, increment)
        elif upload := self._blocked.get(stream_id):
            upload.window = _grow(upload.window, increment)
        self._unblock()

    def _head(self, stream_id: int, block: bytes) -> None:
        kind, size = Kind.HEADERS, self._max_frame_bytes
        while len(block) > size:
            self._out += encode_frame(kind, 0, stream_id, block[:size])
            kind, block = Kind.CONTINUATION, block[size:]
        self._out += encode_frame(kind, END_HEADERS, stream_id, block)

    def _body(self, stream_id: int, upload: _Upload) -> None:
        while upload.unsent:
            num_left = len(upload.unsent)
            size = min(num_left, upload.window, self._window, self._max_frame_bytes)
            if size <= 0:
                self._blocked[stream_id] = upload
                return
            flags = END_STREAM if size == num_left else 0
            self._out += encode_frame(Kind.DATA, flags, stream_id, bytes(upload.unsent[:size]))
            upload.unsent = upload.unsent[size:]
            upload.window -= size
            self._window -= size
        self._blocked.pop(stream_id, None)
        self._gathered.append(upload.sender)

    def _unblock(self) -> None:
        for stream_id, upload in list(self._blocked.items()):
            self._body(stream_id, upload)


def _grow(window: int, increment: int) -> int:
    if window + increment > _MAX_WINDOW_BYTES:
        raise ProtocolError("a window is larger than 2^31 - 1")
    return window + increment
