"""A server that takes requests and resets their connections, and counts them."""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

LINGER_NOT = struct.pack("ii", 1, 0)


class Resetting(socketserver.ThreadingTCPServer):
    """``num_requests`` counts requests that were read whole."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Reset)
        self.num_requests = 0

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Reset(socketserver.StreamRequestHandler):
    server: Resetting

    def handle(self) -> None:
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        self.server.num_requests += 1
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)


@contextmanager
def resetting() -> Iterator[Resetting]:
    with Resetting() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
