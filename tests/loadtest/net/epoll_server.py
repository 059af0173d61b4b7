"""A server that costs next to nothing: ``python epoll_server.py`` prints its port.

Each read of a connection is one request; its answer is the bytes that standard input held.
"""

import select
import socket
import sys


def serve(answer: bytes) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)  # noqa: T201
    epoll = select.epoll()
    epoll.register(listener.fileno(), select.EPOLLIN)
    peers: dict[int, socket.socket] = {}
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                peer, _ = listener.accept()
                peers[peer.fileno()] = peer
                epoll.register(peer.fileno(), select.EPOLLIN)
            elif peers[fd].recv(65536):
                peers[fd].sendall(answer)
            else:
                peers.pop(fd).close()


if __name__ == "__main__":
    serve(sys.stdin.buffer.read())
