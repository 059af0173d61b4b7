"""How many requests may be under way, and when none is."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from predictor.errors import Unavailable


class Admission:
    """Places for requests; what does not get one is refused at once and costs nobody anything."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._num_places = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def check_room(self) -> None:
        """Raise Unavailable where no place is free."""
        if self._num_places >= self._capacity:
            raise Unavailable(f"the server is full: {self._capacity} requests run or wait already")

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place; raises Unavailable where none is free."""
        self.check_room()
        with self._hold(1):
            yield

    @contextmanager
    def extend(self, num_rows: int) -> Iterator[None]:
        """Hold a place for each of an admitted request's rows but the first.

        Raises Unavailable where others leave too few; alone a request may have more rows than
        there are places.
        """
        num_more = num_rows - 1
        if self._num_places > 1 and self._num_places + num_more > self._capacity:
            raise Unavailable(
                f"the server is full: {num_rows} rows do not fit beside {self._num_places - 1} "
                f"others within {self._capacity}"
            )
        with self._hold(num_more):
            yield

    async def wait_idle(self) -> None:
        """Return once no request holds a place."""
        await self._idle.wait()

    @contextmanager
    def _hold(self, num_places: int) -> Iterator[None]:
        self._num_places += num_places
        self._idle.clear()
        try:
            yield
        finally:
            self._num_places -= num_places
            if not self._num_places:
                self._idle.set()
