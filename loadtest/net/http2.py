"""An HTTP/2 connection of a client (RFC 9113): streams, windows and the server's leaving.

It is usable once the server's settings have come, as gRPC's own clients have it: before them
nobody knows how many streams it allows, nor that it speaks HTTP/2 at all.
"""

from enum import Enum
from time import monotonic_ns
from typing import Final, Protocol

from loadtest.net.connection import Connection, connect, describe
from loadtest.net.http2_frames import (
    ACK,
    END_STREAM,
    ErrorCode,
    Frame,
    FrameReader,
    Head,
    Headers,
    HeadReader,
    Kind,
    ProtocolError,
    Setting,
    decode_settings,
    read_number,
    strip,
)
from loadtest.net.http2_sending import WINDOW_BYTES, Outbox
from loadtest.net.http2_stream import Stream, StreamReceiver
from loadtest.net.reactor import Reactor
from loadtest.net.tls import Wrap
from loadtest.record import Outcome

# Room is given back in pieces of this size: few frames, and three quarters always stay open.
_CREDIT_BYTES: Final = WINDOW_BYTES // 4
# RFC 9113 section 6.5.2: there is no bound unless the server says one.
_ANY_NUMBER: Final = 2**31 - 1


class ConnectionOwner(Protocol):
    """Who is told of the connection itself."""

    def on_ready(self, connection: "Http2Connection", now: int) -> None: ...

    def on_room(self, connection: "Http2Connection", now: int) -> None:
        """A stream has ended, or the server allows more or fewer than before."""

    def on_drain(self, connection: "Http2Connection", now: int) -> None:
        """The server is leaving: streams under way go on, no new one may begin."""

    def on_closed(
        self, connection: "Http2Connection", now: int, outcome: Outcome, detail: str
    ) -> None:
        """It failed or the server ended it; its streams are told after this."""


class Stage(Enum):
    """In this order, with or without those between the first and the last."""

    OPENING = "opening"
    READY = "ready"
    DRAINING = "draining"
    CLOSED = "closed"


class Http2Connection:
    """Streams of one connection, to the first of the addresses that does not refuse it.

    ``began`` is when connecting began.
    """

    def __init__(
        self,
        reactor: Reactor,
        addresses: list[tuple[str, int]],
        owner: ConnectionOwner,
        *,
        fixed_headers: Headers,
        tls: Wrap | None = None,
    ) -> None:
        self.stage = Stage.OPENING
        self.began = monotonic_ns()
        # As many as the server allows.
        self.max_streams = _ANY_NUMBER
        self._reactor = reactor
        # Those still to try.
        self._addresses = addresses
        self._owner = owner
        self._reader = FrameReader()
        self._heads = HeadReader()
        self._outbox = Outbox(fixed_headers)
        self._streams: dict[int, Stream] = {}
        self._next_id = 1
        self._is_reading = False
        self._num_uncredited = 0
        self._tls = tls
        self._connection: Connection | None = None
        self._connect()

    @property
    def num_streams(self) -> int:
        return len(self._streams)

    def start(self, receiver: StreamReceiver, headers: Headers, body: bytes) -> int:
        """Begin a stream on a ready connection with room and return its number."""
        stream_id = self._next_id
        self._next_id += 2
        self._streams[stream_id] = Stream(receiver)
        self._outbox.request(stream_id, receiver, headers, body)
        self._flush()
        return stream_id

    def reset(self, stream_id: int) -> None:
        """Give up a stream and tell the server so; nothing is done if it is over."""
        if self._streams.pop(stream_id, None):
            self._outbox.reset(stream_id, ErrorCode.CANCEL)
            self._flush()

    def close(self) -> None:
        """Close without telling any stream."""
        self.stage = Stage.CLOSED
        self._streams.clear()
        if self._connection is not None:
            self._connection.close()

    def on_open(self, now: int) -> None:
        assert self._connection is not None
        if self._tls and self._connection.negotiated_protocol() != "h2":
            self._fail(now, Outcome.TLS_FAILED, "the server does not offer HTTP/2 (ALPN h2)")
            return
        self._outbox.open()
        self._flush()

    def on_sent(self, now: int) -> None:
        self._outbox.on_sent(now)

    def on_data(self, now: int, data: bytes) -> None:
        self._is_reading = True
        try:
            for frame in self._reader.feed(data):
                self._take(now, frame)
        except ProtocolError:
            self._fail(now, Outcome.MALFORMED, "the server does not speak HTTP/2 as in RFC 9113")
            return
        finally:
            self._is_reading = False
        if self.stage is Stage.DRAINING and not self._streams:
            self._fail(now, Outcome.RESET, "the server has left")
        elif self.stage is not Stage.CLOSED:
            self._give_credit()
            self._flush()

    def on_close(self, now: int, outcome: Outcome, detail: str) -> None:
        if outcome is Outcome.CONNECT_FAILED and self._addresses:
            self._connect()
            return
        if self.stage is Stage.OPENING and outcome is Outcome.RESET:
            # In TLS 1.3 a server may refuse a client's certificate after the handshake.
            hint = "; it may want a client certificate" if self._tls else ""
            detail = f"{detail} before its HTTP/2 settings{hint}"
        self.stage = Stage.CLOSED
        streams = list(self._streams.values())
        self._streams.clear()
        self._owner.on_closed(self, now, outcome, detail)
        for stream in streams:
            stream.receiver.on_lost(now, outcome, detail)

    def _connect(self) -> None:
        try:
            self._connection = connect(self._reactor, self._addresses.pop(0), self, self._tls)
        except OSError as error:
            # Out of file descriptors, for one.
            self._reactor.defer(self._fail_to_connect, describe(error))

    def _fail_to_connect(self, reason: str) -> None:
        # It may have been closed since.
        if self.stage is Stage.OPENING:
            self.on_close(monotonic_ns(), Outcome.CONNECT_FAILED, reason)

    def _fail(self, now: int, outcome: Outcome, detail: str) -> None:
        assert self._connection is not None
        self._connection.close()
        self.on_close(now, outcome, detail)

    def _flush(self) -> None:
        # What answers make us send goes out at once, and together, when all of them are read.
        if not self._is_reading:
            assert self._connection is not None
            self._outbox.flush(self._connection.send)

    def _take(self, now: int, frame: Frame) -> None:
        kind = frame.kind
        if self._heads.is_open and kind != Kind.CONTINUATION:
            raise ProtocolError("a header block is interrupted")
        if kind == Kind.DATA:
            self._take_data(now, frame)
        elif kind in (Kind.HEADERS, Kind.CONTINUATION):
            if whole := self._heads.feed(frame):
                self._take_head(now, *whole)
        elif kind == Kind.RST_STREAM:
            if stream := self._find(frame.stream_id):
                self._forget(frame.stream_id)
                self._owner.on_room(self, now)
                stream.receiver.on_reset(now, read_number(frame.payload))
        elif kind == Kind.WINDOW_UPDATE:
            self._take_window(frame)
        elif kind == Kind.SETTINGS:
            self._take_settings(now, frame)
        elif kind == Kind.PING:
            if not frame.flags & ACK:
                self._outbox.acknowledge_ping(frame.payload)
        elif kind == Kind.GOAWAY:
            self._drain(now, read_number(frame.payload, 8) & 0x7FFF_FFFF)
        elif kind == Kind.PUSH_PROMISE:
            raise ProtocolError("a push came, which was not allowed")

    def _find(self, stream_id: int) -> Stream | None:
        """Return a stream, None if it is over; raises ProtocolError if there was none."""
        if not stream_id & 1 or stream_id >= self._next_id:
            raise ProtocolError("a frame is of a stream that was never begun")
        return self._streams.get(stream_id)

    def _take_data(self, now: int, frame: Frame) -> None:
        # Of a stream that has been given up too: the connection's window is its own.
        self._num_uncredited += len(frame.payload)
        if (stream := self._find(frame.stream_id)) is None:
            return
        if not stream.has_head:
            raise ProtocolError("an answer begins without its head")
        stream.num_uncredited += len(frame.payload)
        stream.receiver.on_data(now, strip(frame))
        if frame.flags & END_STREAM:
            self._end(now, frame.stream_id)

    def _take_head(self, now: int, frame: Frame, head: Head) -> None:
        if (stream := self._find(frame.stream_id)) is None:
            return
        is_last = bool(frame.flags & END_STREAM)
        if not is_last and head.get(b":status", b"").startswith(b"1"):
            return
        if stream.has_head and not is_last:
            raise ProtocolError("trailers do not end their stream")
        stream.has_head = True
        stream.receiver.on_head(now, head)
        if is_last:
            self._end(now, frame.stream_id)

    def _end(self, now: int, stream_id: int) -> None:
        # What came last may have made the receiver give the stream up.
        if (stream := self._streams.get(stream_id)) is None:
            return
        self._forget(stream_id)
        self._owner.on_room(self, now)
        stream.receiver.on_end(now)

    def _take_window(self, frame: Frame) -> None:
        if frame.stream_id:
            self._find(frame.stream_id)
        self._outbox.grow(frame.stream_id, read_number(frame.payload) & 0x7FFF_FFFF)

    def _take_settings(self, now: int, frame: Frame) -> None:
        if frame.flags & ACK:
            return
        settings = decode_settings(frame.payload)
        self._outbox.apply(settings)
        self.max_streams = dict(settings).get(Setting.MAX_CONCURRENT_STREAMS, self.max_streams)
        if self.stage is Stage.OPENING:
            self.stage = Stage.READY
            self._owner.on_ready(self, now)
        else:
            self._owner.on_room(self, now)

    def _forget(self, stream_id: int) -> None:
        del self._streams[stream_id]
        self._outbox.end(stream_id)

    def _give_credit(self) -> None:
        if self._num_uncredited < _CREDIT_BYTES:
            return
        self._outbox.credit(0, self._num_uncredited)
        self._num_uncredited = 0
        for stream_id, stream in self._streams.items():
            if stream.num_uncredited:
                self._outbox.credit(stream_id, stream.num_uncredited)
                stream.num_uncredited = 0

    def _drain(self, now: int, last_stream_id: int) -> None:
        """Let streams up to that number end; give the others back (section 6.8)."""
        unprocessed = [number for number in self._streams if number > last_stream_id]
        receivers = [self._streams[number].receiver for number in unprocessed]
        for number in unprocessed:
            self._forget(number)
        if self.stage is Stage.READY:
            self.stage = Stage.DRAINING
            self._owner.on_drain(self, now)
        for receiver in receivers:
            receiver.on_unprocessed(now)
