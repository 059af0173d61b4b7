"""A backend that does one thing to every request, to see what the front makes of it."""

import re
import socket
import threading
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
ANSWER = b"HTTP/1.1 %s Some\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
DRIP = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"data: {}\n\n"
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)


@dataclass
class Backend:
    """Behaviours: ``200``, ``503``, ``close``, ``hang``, ``drip`` (an event, and the rest when
    ``go_on`` is set); each after the request was read to its end."""

    behaviour: str
    requests: list[bytes] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection: socket.socket) -> None:
        with connection:
            request = read_request(connection)
            if not request:
                return
            self.requests.append(request)
            if self.behaviour == "hang":
                self.go_on.wait(20)
            elif self.behaviour == "drip":
                connection.sendall(DRIP + CHUNK)
                self.go_on.wait(20)
                connection.sendall(CHUNK + b"0\r\n\r\n")
            elif self.behaviour != "close":
                connection.sendall(ANSWER % self.behaviour.encode())

    def stop(self) -> None:
        self.go_on.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


def read_request(connection: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(65536)
        if not part:
            return b""
        request += part
    head, _, body = request.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    while length is not None and len(body) < int(length.group(1)):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
