"""Runs made up: what the server did, and what a client of known faults says of it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loadtest.nullserver.golden import Golden
from loadtest.record import NEVER, RECORD, Outcome
from loadtest.selfcheck.pairing import Measured, Pairs, pair

US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
EPOCH_NS = 5 * SECOND
NUM_CHUNKS = 4

Times = NDArray[np.int64]


def golden_of(num_requests: int) -> Golden:
    """One request every 10 ms, answered after 10 to 30 ms in chunks 5 ms apart."""
    index = np.arange(num_requests)
    received = EPOCH_NS + index * 10 * MS
    first = received + np.random.default_rng(3).integers(10 * MS, 30 * MS, num_requests)
    return Golden(
        index=index,
        received=received,
        fault=np.zeros(num_requests, np.int64),
        num_chunks=np.full(num_requests, NUM_CHUNKS),
        chunks_at=index * NUM_CHUNKS,
        handed=(first[:, np.newaxis] + np.arange(NUM_CHUNKS) * 5 * MS).ravel(),
    )


def measured_of(golden: Golden, late_ns: Times | int = 0) -> Measured:
    """A client that sends when the server receives, and sees each chunk ``late_ns`` late."""
    num_requests = len(golden.index)
    seen = golden.handed.reshape(num_requests, NUM_CHUNKS) + late_ns - EPOCH_NS
    records = np.zeros(num_requests, RECORD)
    records["index"] = golden.index
    records["outcome"] = Outcome.OK
    for column in ("scheduled", "started", "sent"):
        records[column] = golden.received - EPOCH_NS
    records["first_chunk"], records["finished"] = seen[:, 0], seen[:, -1]
    records["num_chunks"] = NUM_CHUNKS
    records["gaps_at"] = golden.index * (NUM_CHUNKS - 1)
    return Measured(EPOCH_NS, records, np.diff(seen).ravel())


def pairs_of(late_ns: Times | int, num_requests: int = 1_000) -> Pairs:
    golden = golden_of(num_requests)
    return pair(measured_of(golden, late_ns), golden)


def sends_of(sent: Times, scheduled: Times | None = None) -> Measured:
    """A client that sent at these times, in ns since the epoch; NEVER is not at all."""
    records = np.zeros(len(sent), RECORD)
    records["sent"] = sent
    records["scheduled"] = sent if scheduled is None else scheduled
    records["finished"] = NEVER
    return Measured(EPOCH_NS, records, np.zeros(0, np.int64))


def shuffled(golden: Golden) -> Golden:
    """The same requests in another order, as those that end out of order are noted."""
    order = np.random.default_rng(1).permutation(len(golden.index))
    return replace(
        golden,
        index=golden.index[order],
        received=golden.received[order],
        fault=golden.fault[order],
        num_chunks=golden.num_chunks[order],
        chunks_at=golden.chunks_at[order],
    )
