"""How many requests may be under way, and when none is."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from predictor.errors import Unavailable


class Admission:
    """Places for requests; what does not get one is refused at once and costs nobody anything."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._num_admitted = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def admit(self, num_sequences: int) -> Iterator[None]:
        """Hold a place; raises Unavailable where requests or ``num_sequences`` fill them all."""
        if max(self._num_admitted, num_sequences) >= self._capacity:
            raise Unavailable(f"the server is full: {self._capacity} requests run or wait already")
        self._num_admitted += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._num_admitted -= 1
            if not self._num_admitted:
                self._idle.set()

    async def wait_idle(self) -> None:
        """Return once no request holds a place."""
        await self._idle.wait()
