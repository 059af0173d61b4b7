"""A server that says exactly the bytes a test wants, at the moment it wants them."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import orjson

TEXT = {"model_name": "r1", "model_version": "1", "text_output": "42", "reasoning_output": ""}
ENDING = {
    "finish_reason": "eos_token",
    "usage": {"prompt_tokens": 8, "reasoning_tokens": 0, "completion_tokens": 3},
}
EVENT = b"data: " + orjson.dumps(TEXT) + b"\n\n"
LAST = b"data: " + orjson.dumps({**TEXT, "details": ENDING}) + b"\n\n"
WHOLE = orjson.dumps({**TEXT, "details": ENDING})


@dataclass
class Peer:
    """The server's end of one connection."""

    sock: socket.socket
    number: int

    def request(self) -> bytes:
        """Read one whole request; b'' where the client has left."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.sock.recv(65536)
            if not data:
                return b""
            head += data
        head, _, body = head.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        rest = bytearray(body)
        while len(rest) < length:
            rest += self.sock.recv(1_000_000)
        return head + b"\r\n\r\n" + rest

    def send(self, *data: bytes) -> None:
        for piece in data:
            self.sock.sendall(piece)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


Handler = Callable[[Peer], None]


@contextmanager
def serving(handle: Handler, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve each connection by ``handle`` in a thread; yields HOST:PORT."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    thread = threading.Thread(target=_accept, args=(listener, handle, context))
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # Wakes the thread from accept.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


@contextmanager
def serving_in_turn(handle: Handler) -> Iterator[str]:
    """Serve one connection after the other, and keep nothing of them; yields HOST:PORT."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    thread = threading.Thread(target=_accept_in_turn, args=(listener, handle))
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # Wakes the thread from accept.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _accept_in_turn(listener: socket.socket, handle: Handler) -> None:
    with suppress(OSError):
        while True:
            sock, _ = listener.accept()
            sock.settimeout(10)
            _serve(Peer(sock, 0), handle, None)


def _accept(
    listener: socket.socket,
    handle: Handler,
    context: ssl.SSLContext | None,
) -> None:
    threads = []
    with suppress(OSError):
        while True:
            sock, _ = listener.accept()
            sock.settimeout(10)
            peer = Peer(sock, len(threads))
            threads.append(threading.Thread(target=_serve, args=(peer, handle, context)))
            threads[-1].start()
    for thread in threads:
        thread.join()


def _serve(peer: Peer, handle: Handler, context: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        if context is not None:
            peer.sock = context.wrap_socket(peer.sock, server_side=True)
        handle(peer)
    peer.sock.close()


def head(status: str = "200 OK", media_type: str = "application/json", *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", *fields]
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def sized(body: bytes, status: str = "200 OK", media_type: str = "application/json") -> bytes:
    return head(status, media_type, f"Content-Length: {len(body)}") + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


STREAM_HEAD = head("200 OK", "text/event-stream; charset=utf-8", "Transfer-Encoding: chunked")
STREAM = STREAM_HEAD + chunk(EVENT) + chunk(LAST) + chunk(b"")


def say(*data: bytes) -> Handler:
    """Answer every request of a connection with those bytes."""

    def handle(peer: Peer) -> None:
        while peer.request():
            peer.send(*data)

    return handle


def say_and_close(*data: bytes) -> Handler:
    def handle(peer: Peer) -> None:
        peer.request()
        peer.send(*data)

    return handle


def say_and_reset(*data: bytes) -> Handler:
    def handle(peer: Peer) -> None:
        peer.request()
        peer.send(*data)
        peer.reset()

    return handle
