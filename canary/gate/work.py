"""Requests at once, and what is done while they are waited for."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Final, TypeVar

Result = TypeVar("Result")

_SLICE_S: Final = 1.0


class Work:
    """Runs calls in threads; ``on_wait`` is called in the caller's, each second."""

    def __init__(self, pool: ThreadPoolExecutor, on_wait: Callable[[], None]) -> None:
        self._pool = pool
        self._on_wait = on_wait

    def do(self, calls: Sequence[Callable[[], Result]]) -> list[Result]:
        """Return what each gave, in their order, begun in that order too."""
        futures = [self._pool.submit(call) for call in calls]
        while wait(futures, timeout=_SLICE_S).not_done:
            self._on_wait()
        self._on_wait()
        return [future.result() for future in futures]


@contextmanager
def working(num_threads: int, on_wait: Callable[[], None]) -> Iterator[Work]:
    """Yield the work; an exception in the block abandons what has not begun."""
    pool = ThreadPoolExecutor(num_threads, thread_name_prefix="gate")
    try:
        yield Work(pool, on_wait)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
