"""Work kept off the event loop, where what takes long holds up its like alone."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

# About 50 ms of tokenizing.
MAX_SHORT_SIZE: Final = 32 * 2**10
# Below this parsing takes less than handing it to a thread.
MAX_SIZE_ON_LOOP: Final = 64 * 2**10


class Lanes:
    """One thread each: more would fight the loop for the interpreter's lock."""

    def __init__(self) -> None:
        self._short = ThreadPoolExecutor(1, thread_name_prefix="short")
        self._long = ThreadPoolExecutor(1, thread_name_prefix="long")

    async def run(self, size: int, work: Callable[[], T]) -> T:
        """Return what the work returns; ``size`` is in characters, or as much as they."""
        lane = self._short if size <= MAX_SHORT_SIZE else self._long
        return await asyncio.get_running_loop().run_in_executor(lane, work)


class Parser:
    """The loop for what is small, and one thread for the rest, as parsers hold the lock too."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parse")

    async def run(self, num_bytes: int, work: Callable[[], T]) -> T:
        """Return what the work returns, which reads so many bytes."""
        if num_bytes <= MAX_SIZE_ON_LOOP:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def size_of(elements: Sequence[object]) -> int:
    """Return about how much work the elements are: their characters, and some for each."""
    texts = sum(len(element) for element in elements if isinstance(element, str | bytes))
    return texts + 64 * len(elements)
