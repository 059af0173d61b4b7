"""A server that says exactly the HTTP/2 frames a test wants, once it has a whole request."""

from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.wire.inference import ModelInferResponse, ModelStreamInferResponse
from tests.loadtest.net.raw_server import Handler, Peer

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE = 0, 1, 3, 4, 5
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 3, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# What is said of a stream, given its number.
Say = Callable[[int], bytes]


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    head = len(payload).to_bytes(3) + bytes((kind, flags)) + stream_id.to_bytes(4)
    return head + payload


def settings(**values: int) -> bytes:
    numbers = {
        "streams": MAX_CONCURRENT_STREAMS,
        "window": INITIAL_WINDOW_SIZE,
        "table": HEADER_TABLE_SIZE,
    }
    pairs = [numbers[name].to_bytes(2) + value.to_bytes(4) for name, value in values.items()]
    return frame(SETTINGS, 0, 0, b"".join(pairs))


def fields(**values: str) -> bytes:
    """Return headers as HPACK literals; _ is - and status is the pseudo-header."""
    block = b""
    for name, value in values.items():
        spelled = b":status" if name == "status" else name.replace("_", "-").encode()
        block += b"\0" + bytes((len(spelled),)) + spelled + bytes((len(value),)) + value.encode()
    return block


def head(**values: str) -> Say:
    block = fields(**({"status": "200", "content_type": "application/grpc"} | values))
    return lambda stream_id: frame(HEADERS, END_HEADERS, stream_id, block)


def trailers(**values: str) -> Say:
    block = fields(**values)
    return lambda stream_id: frame(HEADERS, END_HEADERS | END_STREAM, stream_id, block)


def data(payload: bytes, flags: int = 0) -> Say:
    return lambda stream_id: frame(DATA, flags, stream_id, payload)


def reset(code: int) -> Say:
    return lambda stream_id: frame(RST_STREAM, 0, stream_id, code.to_bytes(4))


def goaway(last_stream_id: int, code: int = 0) -> bytes:
    return frame(GOAWAY, 0, 0, last_stream_id.to_bytes(4) + code.to_bytes(4))


def prefixed(message: bytes, compressed: int = 0) -> bytes:
    return bytes((compressed,)) + len(message).to_bytes(4) + message


def unary_message(text: str = "42") -> bytes:
    response = ModelInferResponse()
    tensor = response.outputs.add(name="text_output", datatype="BYTES")
    tensor.contents.bytes_contents.append(text.encode())
    return bytes(response.SerializeToString())


def stream_message(text: str, *, is_last: bool) -> bytes:
    response = ModelInferResponse.FromString(unary_message(text))
    response.parameters["triton_final_response"].bool_param = is_last
    return bytes(ModelStreamInferResponse(infer_response=response).SerializeToString())


GOOD: tuple[Say, ...] = (head(), data(prefixed(unary_message())), trailers(grpc_status="0"))


@dataclass
class Rpc:
    """The server's end of one connection; what the client said besides requests is kept."""

    peer: Peer
    received: bytes = b""
    resets: list[tuple[int, int]] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    acknowledged_pings: list[bytes] = field(default_factory=list)
    # Of the connection, stream number 0, and of each stream.
    credits: dict[int, int] = field(default_factory=dict)

    def begin(self, first: bytes) -> None:
        while len(self.received) < len(PREFACE):
            piece = self.peer.sock.recv(65536)
            if not piece:
                raise ConnectionResetError("the client has left")
            self.received += piece
        self.received = self.received.removeprefix(PREFACE)
        self.peer.send(first)

    def request(self) -> int:
        """Read until a request is whole and return its stream; 0 where the client has left."""
        while (read := self.read()) is not None:
            kind, flags, stream_id = read
            if kind == DATA and flags & END_STREAM:
                return stream_id
        return 0

    def read(self) -> tuple[int, int, int] | None:
        """Read one frame and note it; None where the client has left."""
        while len(self.received) < 9 or len(self.received) < 9 + self._size():
            piece = self.peer.sock.recv(65536)
            if not piece:
                return None
            self.received += piece
        size = self._size()
        kind, flags = self.received[3], self.received[4]
        stream_id = int.from_bytes(self.received[5:9])
        self._note(kind, flags, stream_id, self.received[9 : 9 + size])
        self.received = self.received[9 + size :]
        return kind, flags, stream_id

    def say(self, stream_id: int, *parts: Say) -> None:
        self.peer.send(b"".join(part(stream_id) for part in parts))

    def _size(self) -> int:
        return int.from_bytes(self.received[:3])

    def _note(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == RST_STREAM:
            self.resets.append((stream_id, int.from_bytes(payload)))
        elif kind == HEADERS:
            self.heads.append(payload)
        elif kind == DATA:
            self.bodies[stream_id] = self.bodies.get(stream_id, b"") + payload
        elif kind == PING and flags & ACK:
            self.acknowledged_pings.append(payload)
        elif kind == WINDOW_UPDATE:
            self.credits[stream_id] = self.credits.get(stream_id, 0) + int.from_bytes(payload)


def each(*parts: Say, first: bytes = settings()) -> Handler:
    """Answer every request with those parts, after ``first``."""

    def handle(peer: Peer) -> None:
        rpc = Rpc(peer)
        rpc.begin(first)
        while stream_id := rpc.request():
            rpc.say(stream_id, *parts)

    return handle


def once_and_close(*parts: Say) -> Handler:
    def handle(peer: Peer) -> None:
        rpc = Rpc(peer)
        rpc.begin(settings())
        rpc.say(rpc.request(), *parts)

    return handle
