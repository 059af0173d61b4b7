"""File descriptors: as many as there may be connections."""

import resource
from typing import Final

from loadtest.errors import UsageError

# Of the program's own: files, pipes, epoll.
_RESERVE: Final = 64


def raise_limit(max_connections: int) -> None:
    """Raise the soft limit, which workers inherit; raises UsageError where the hard one is less."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_connections + _RESERVE
    if needed > hard != resource.RLIM_INFINITY:
        raise UsageError(
            f"max_connections is {max_connections}, must be at most {hard - _RESERVE} here: the "
            f"hard limit of open files is {hard} (ulimit -Hn)"
        )
    if needed > soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
