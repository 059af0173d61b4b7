"""HTTP/2's frames, bytes <-> values (RFC 9113 section 4, RFC 7541): no I/O and no streams.

Ours and not the library h2's, because h2 takes every frame after a GOAWAY for an error
(python-hyper/h2 pull request 1324) while the streams under way are to go on, and since it costs a
call more time than everything else here together.
"""

import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from hpack import Decoder, HPACKError
from hpack.hpack import encode_integer

Headers = Sequence[tuple[bytes, bytes]]
Head = Mapping[bytes, bytes]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# SETTINGS_MAX_FRAME_SIZE unless it is said, section 6.5.2; we do not.
MAX_FRAME_BYTES: Final = 16_384
MAX_HEADER_BYTES: Final = 65_536

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
_PADDED: Final = 0x8
_PRIORITY: Final = 0x20

_HEAD: Final = struct.Struct(">BHBBI")
_SETTING: Final = struct.Struct(">HI")

_NEVER_INDEXED: Final = b"\x10"
_NOT_INDEXED: Final = b"\x00"
# RFC 7541 section 6.3: we keep no table, so no server's bound on it is ever to be acknowledged.
NO_TABLE: Final = b"\x20"
# Names and values of the static table, RFC 7541 appendix A.
_INDEXED: Final = {
    (b":method", b"POST"): b"\x83",
    (b":scheme", b"http"): b"\x86",
    (b":scheme", b"https"): b"\x87",
}


class ProtocolError(Exception):
    """The server breaks RFC 9113, so that nothing further on the connection can be trusted."""


class Kind(IntEnum):
    """Types of frames, section 6; others are to be ignored."""

    DATA = 0x0
    HEADERS = 0x1
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9


class Setting(IntEnum):
    """Settings that matter to a client, section 6.5.2."""

    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6


class ErrorCode(IntEnum):
    """Section 7."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class Frame(NamedTuple):
    """One frame without its head."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes


class FrameReader:
    """Cuts what a server sends into frames."""

    def __init__(self) -> None:
        self._is_first = True
        self._kept = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are whole now; raises ProtocolError."""
        if self._kept:
            data = self._kept + data
        size = len(data)
        at = 0
        frames: list[Frame] = []
        while size - at >= _HEAD.size:
            high, low, kind, flags, stream_id = _HEAD.unpack_from(data, at)
            begin = at + _HEAD.size
            end = begin + (high << 16 | low)
            if end - begin > MAX_FRAME_BYTES:
                raise ProtocolError("a frame is longer than was allowed")
            if self._is_first:
                self._check_first(kind, flags)
            if end > size:
                break
            frames.append(Frame(kind, flags, stream_id & 0x7FFF_FFFF, data[begin:end]))
            at = end
        self._kept = data[at:]
        return frames

    def _check_first(self, kind: int, flags: int) -> None:
        # Section 3.4: the server's preface.
        if kind != Kind.SETTINGS or flags & ACK:
            raise ProtocolError("the first frame is not SETTINGS")
        self._is_first = False


class HeadDecoder:
    """Reads header blocks in the order in which they come, whether anybody wants them or not."""

    def __init__(self) -> None:
        self._decoder = Decoder(MAX_HEADER_BYTES)
        # Blocks that are references alone, since the table changed last: servers repeat them.
        self._known: dict[bytes, Head] = {}

    def decode(self, block: bytes) -> Head:
        """Return the fields, of equal names the last; raises ProtocolError."""
        if head := self._known.get(block):
            return head
        try:
            fields = self._decoder.decode(block, raw=True)
        except HPACKError:
            raise ProtocolError("a header block cannot be read") from None
        head = {bytes(name): bytes(value) for name, value in fields}
        # RFC 7541 section 6.1: the highest bit; no other representation leaves the table alone
        # for sure.
        if block and min(block) >= 0x80:
            self._known[block] = head
        else:
            self._known.clear()
        return head


class HeadReader:
    """Puts header blocks together from HEADERS and CONTINUATION, and decodes them."""

    def __init__(self) -> None:
        self._decoder = HeadDecoder()
        self._first: Frame | None = None
        self._block = b""

    @property
    def is_open(self) -> bool:
        """Whether only CONTINUATION may follow."""
        return self._first is not None

    def feed(self, frame: Frame) -> tuple[Frame, Head] | None:
        """Return the HEADERS frame and its fields once it is whole; raises ProtocolError."""
        if frame.kind == Kind.HEADERS:
            first, block = frame, strip(frame)
        elif self._first is None or self._first.stream_id != frame.stream_id:
            raise ProtocolError("a CONTINUATION continues nothing")
        else:
            first, block = self._first, self._block + frame.payload
        if len(block) > MAX_HEADER_BYTES:
            raise ProtocolError("a header block is too long")
        if not frame.flags & END_HEADERS:
            self._first, self._block = first, block
            return None
        self._first = None
        return first, self._decoder.decode(block)


def encode_frame(kind: Kind, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    size = len(payload)
    return _HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream_id) + payload


def encode_settings(settings: Mapping[Setting, int]) -> bytes:
    payload = b"".join(_SETTING.pack(*pair) for pair in settings.items())
    return encode_frame(Kind.SETTINGS, 0, 0, payload)


def decode_settings(payload: bytes) -> list[tuple[int, int]]:
    """Return numbers and values; raises ProtocolError."""
    if len(payload) % _SETTING.size:
        raise ProtocolError("SETTINGS is of a wrong length")
    return list(_SETTING.iter_unpack(payload))


def read_number(payload: bytes, size: int = 4) -> int:
    """Return the number of 31 or 32 bits at the beginning; raises ProtocolError for less."""
    if len(payload) < size:
        raise ProtocolError("a frame is shorter than its type asks for")
    return int.from_bytes(payload[:4])


def strip(frame: Frame) -> bytes:
    """Return the payload of DATA or HEADERS without padding and priority (sections 6.1, 6.2)."""
    payload = frame.payload
    if not frame.flags & (_PADDED | _PRIORITY):
        return payload
    begin, end = 0, len(payload)
    if frame.flags & _PADDED:
        if not payload:
            raise ProtocolError("a padded frame is empty")
        begin, end = 1, end - payload[0]
    if frame.kind == Kind.HEADERS and frame.flags & _PRIORITY:
        begin += 5
    if begin > end:
        raise ProtocolError("a frame is padded beyond its length")
    return payload[begin:end]


def encode_fixed(headers: Headers) -> bytes:
    """Return the part of a header block that is the same for each request."""
    return b"".join(_INDEXED.get(header) or _literal(_NOT_INDEXED, *header) for header in headers)


def encode_changing(headers: Headers) -> bytes:
    """Return the part that differs, which nobody on the way is to remember."""
    return b"".join(_literal(_NEVER_INDEXED, *header) for header in headers)


def _literal(kind: bytes, name: bytes, value: bytes) -> bytes:
    # RFC 7541 sections 6.2.2 and 6.2.3, with a name of its own.
    return b"".join(
        (kind, encode_integer(len(name), 7), name, encode_integer(len(value), 7), value)
    )
