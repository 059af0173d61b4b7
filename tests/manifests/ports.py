"""Ports for servers that cannot be told to take a free one."""

import random
import socket
from contextlib import ExitStack, suppress

# Below those that Linux gives to whoever connects or asks for any: it gives these to nobody.
FIRST, LAST = 10_000, 32_767


def free_ports(num_ports: int) -> list[int]:
    """Return ports that differ and that nobody takes by chance before they are listened on."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < num_ports:
            port = random.SystemRandom().randint(FIRST, LAST)
            # Taken, perhaps by ourselves.
            with suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
    return found
