"""The client's records beside the server's own, request by request and chunk by chunk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from loadtest.nullserver.golden import Golden
from loadtest.record import NEVER, Outcome
from loadtest.records.stored import Stored

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measured:
    """A run as the client saw it: rows of RECORD, their gaps, and its epoch in ns."""

    epoch_ns: int
    records: NDArray[np.void]
    gaps: Times

    @classmethod
    def read(cls, directory: Path, epoch_ns: int) -> Self:
        """Take a finished run from its directory; raises UsageError."""
        chunks = list(Stored(directory).chunks())
        records = np.concatenate([rows for rows, _ in chunks])
        return cls(epoch_ns, records, np.concatenate([gaps for _, gaps in chunks]))

    def absolute(self, column: str) -> Times:
        """Return that column's times on CLOCK_MONOTONIC; they must have happened."""
        times: Times = self.records[column]
        assert (times != NEVER).all(), column
        return times + self.epoch_ns


@dataclass(frozen=True, slots=True)
class Pairs:
    """Row i of each array is one request that ended well, of as many chunks on either side.

    Times are CLOCK_MONOTONIC in ns; ``*_gaps`` has a row for each gap of each of them.
    """

    client_sent: Times
    client_first: Times
    client_gaps: Times
    server_received: Times
    server_first: Times
    server_gaps: Times


def pair(measured: Measured, golden: Golden) -> Pairs:
    """Match by index; what only one side has seen, or not to its end, is left out."""
    records = measured.records
    is_ok = (records["outcome"] == Outcome.OK) & (records["num_chunks"] > 0)
    has_answered = golden.num_chunks > 0
    # Neither number is an index, nor NO_INDEX, nor equal to the other.
    _, mine, theirs = np.intersect1d(
        np.where(is_ok, records["index"], -2),
        np.where(has_answered, golden.index, -3),
        return_indices=True,
    )
    is_same = records["num_chunks"][mine] == golden.num_chunks[theirs]
    mine, theirs = mine[is_same], theirs[is_same]
    counts = golden.num_chunks[theirs]
    chunks = _positions(golden.chunks_at[theirs], counts)
    handed = golden.handed[chunks]
    is_first = np.zeros(len(handed), bool)
    is_first[np.cumsum(counts) - counts] = True
    found = Measured(measured.epoch_ns, records[mine], measured.gaps)
    return Pairs(
        client_sent=found.absolute("sent"),
        client_first=found.absolute("first_chunk"),
        client_gaps=measured.gaps[_positions(records["gaps_at"][mine], counts - 1)],
        server_received=golden.received[theirs],
        server_first=handed[is_first],
        server_gaps=np.diff(handed, prepend=0)[~is_first],
    )


def _positions(begins: Times, counts: Times) -> Times:
    """Return begin, begin + 1, ... of each, as many as it counts, one after another."""
    before = np.cumsum(counts) - counts
    return np.repeat(begins - before, counts) + np.arange(counts.sum())
