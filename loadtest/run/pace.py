"""When a worker sends: at its share of an open loop's times, or whenever a place is free."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from loadtest.arrivals import schedule
from loadtest.config import RunConfig


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of a run is this worker's: every ``num_workers``-th arrival from ``worker`` on."""

    worker: int
    num_workers: int

    def of(self, total: int) -> int:
        """Return how many of that many things, dealt out in turn, are this worker's."""
        return (total - self.worker + self.num_workers - 1) // self.num_workers


def own_times(config: RunConfig, share: Share) -> Iterator[tuple[int, int]]:
    """Yield (number of the arrival in the whole run, its time in ns since the epoch)."""
    before = 0
    for chunk in schedule(config):
        first = (share.worker - before) % share.num_workers
        numbers = np.arange(before + first, before + len(chunk), share.num_workers)
        yield from zip(numbers.tolist(), chunk[first :: share.num_workers].tolist(), strict=True)
        before += len(chunk)
