"""Plays Knative's activator: takes a connection, has a pod brought up, and only then forwards."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def activator(
    target: str, wake: Callable[[], None], then: Callable[[], None] = lambda: None
) -> Iterator[str]:
    """Yield the URL that stands before ``host:port``; each request calls ``wake`` first.

    ``then`` is called once the client has its answer and has left. A connection that says nothing
    wakes nobody.
    """
    host, _, port = target.partition(":")
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = "{}:{}".format(*server.getsockname())
        thread = threading.Thread(target=_serve, args=(server, (host, int(port)), wake, then))
        thread.start()
        try:
            yield f"http://{name}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(
    server: socket.socket,
    target: tuple[str, int],
    wake: Callable[[], None],
    then: Callable[[], None],
) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client:
            if request := client.recv(1 << 16):
                wake()
                _forward(client, request, target)
                then()


def _forward(client: socket.socket, request: bytes, target: tuple[str, int]) -> None:
    """Carry one request and its answer, until the client has closed."""
    with socket.create_connection(target) as server:
        server.sendall(request)
        answers = threading.Thread(target=_copy, args=(server, client))
        answers.start()
        while data := client.recv(1 << 16):
            server.sendall(data)
        server.shutdown(socket.SHUT_RDWR)
        answers.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    while data := source.recv(1 << 16):
        sink.sendall(data)
