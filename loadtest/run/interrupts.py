"""Ctrl-C as a count that the run's loop looks at, instead of an exception anywhere."""

import signal
from types import FrameType
from typing import Self


class Interrupts:
    """Counts SIGINT and SIGTERM while it is entered."""

    def __init__(self) -> None:
        self.num = 0

    def __enter__(self) -> Self:
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._count) for number in numbers}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self.num += 1
