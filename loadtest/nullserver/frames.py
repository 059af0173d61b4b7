"""HTTP/2's frames (RFC 9113 section 4.1) as a server needs them, and heads without a table."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from hpack.hpack import encode_integer

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES: Final = 9
# SETTINGS_MAX_FRAME_SIZE unless it is said; neither side says it.
MAX_FRAME_BYTES: Final = 16_384
DEFAULT_WINDOW_BYTES: Final = 65_535
MAX_WINDOW_BYTES: Final = 2**31 - 1

# Flags.
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_GIVEN: Final = 0x20

# Settings.
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4

PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2

_STATUS_200: Final = b"\x88"


class Type(IntEnum):
    """The frame types that a server meets."""

    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Frames:
    """Frames of a stream that is not known yet."""

    def __init__(self, *parts: bytes) -> None:
        """Take parts between which the stream's number stands."""
        self._parts = parts

    def __add__(self, other: "Frames") -> "Frames":
        last, first = self._parts[-1], other._parts[0]
        return Frames(*self._parts[:-1], last + first, *other._parts[1:])

    def of(self, stream_id: bytes) -> bytes:
        """Return them of the stream with this number, of four bytes."""
        return stream_id.join(self._parts)


NO_FRAMES: Final = Frames(b"")


def frame(kind: Type, flags: int, payload: bytes) -> Frames:
    return Frames(_head(kind, flags, payload), payload)


def frame_of(stream_id: int, kind: Type, payload: bytes, flags: int = 0) -> bytes:
    return frame(kind, flags, payload).of(stream_id.to_bytes(4))


def data_frames(payload: bytes) -> Frames:
    """Return DATA frames, none of them too long, that do not end the stream."""
    frames = NO_FRAMES
    for at in range(0, len(payload), MAX_FRAME_BYTES):
        frames += frame(Type.DATA, 0, payload[at : at + MAX_FRAME_BYTES])
    return frames


def head_frame(headers: Sequence[tuple[str, str]]) -> Frames:
    """Return the HEADERS that open an answer of status 200."""
    return frame(Type.HEADERS, END_HEADERS, _STATUS_200 + _block(headers))


def only_head_frame(headers: Sequence[tuple[str, str]]) -> Frames:
    """Return HEADERS that are the whole answer."""
    return frame(Type.HEADERS, END_HEADERS | END_STREAM, _STATUS_200 + _block(headers))


def trailers_frame(headers: Sequence[tuple[str, str]]) -> Frames:
    return frame(Type.HEADERS, END_HEADERS | END_STREAM, _block(headers))


def data_bytes(frames: bytes) -> int:
    """Return how much of flow control windows they take."""
    at = total = 0
    while at < len(frames):
        length = int.from_bytes(frames[at : at + 3])
        if frames[at + 3] == Type.DATA:
            total += length
        at += HEAD_BYTES + length
    return total


def split(frames: bytes) -> list[bytes]:
    """Return them one by one."""
    at, parts = 0, []
    while at < len(frames):
        end = at + HEAD_BYTES + int.from_bytes(frames[at : at + 3])
        parts.append(frames[at:end])
        at = end
    return parts


def _head(kind: Type, flags: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags))


def _block(headers: Sequence[tuple[str, str]]) -> bytes:
    # RFC 7541 section 6.2.2: literals that no table remembers, so that they are always the same.
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in headers)


def _string(text: str) -> bytes:
    return bytes(encode_integer(len(text), 7)) + text.encode("ascii")
