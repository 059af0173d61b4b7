"""Ports for servers that cannot be told to take a free one."""

import socket
from contextlib import ExitStack


def free_ports(num_ports: int) -> list[int]:
    """Return ports that differ: one that is closed again may be given at once to the next."""
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(num_ports)
        ]
        return [listener.getsockname()[1] for listener in listeners]
