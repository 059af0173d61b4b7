"""Records made up in memory, as a finished run's."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.config import RunConfig
from loadtest.record import NEVER, RECORD, Outcome
from loadtest.report.schema import Run, Target

MS = 1_000_000
S = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class InMemory:
    """A finished run of given rows; a row without gaps given has had even ones."""

    rows: NDArray[np.void]
    gaps: NDArray[np.int64]
    chunk_rows: int = 65_536

    @property
    def num_records(self) -> int:
        return len(self.rows)

    def chunks(self) -> Iterator[tuple[NDArray[np.void], NDArray[np.int64]]]:
        ends = np.cumsum(np.maximum(self.rows["num_chunks"].astype(np.int64) - 1, 0))
        begin = 0
        for at in range(0, len(self.rows), self.chunk_rows):
            rows = self.rows[at : at + self.chunk_rows]
            end = int(ends[at + len(rows) - 1])
            yield rows, self.gaps[begin:end]
            begin = end


def records(
    scheduled: NDArray[np.int64],
    latency: NDArray[np.int64] | int,
    *,
    ttft: NDArray[np.int64] | int | None = None,
    num_chunks: int = 1,
    tokens: int = NEVER,
    outcome: Outcome = Outcome.OK,
) -> NDArray[np.void]:
    """Return rows sent 10 us after they were due; a ttft is at the end unless given."""
    rows = np.zeros(len(scheduled), RECORD)
    rows["index"] = np.arange(len(rows))
    rows["outcome"] = outcome
    rows["reused"] = 1
    rows["status"] = 200
    rows["scheduled"] = scheduled
    rows["started"] = rows["sent"] = rows["scheduled"] + 10_000
    rows["finished"] = rows["last_chunk"] = rows["scheduled"] + latency
    rows["first_chunk"] = rows["scheduled"] + (latency if ttft is None else ttft)
    rows["first_byte"] = rows["first_chunk"]
    rows["num_chunks"] = num_chunks
    rows["prompt_tokens"] = rows["completion_tokens"] = tokens
    rows["reasoning_tokens"] = NEVER
    for name in ("asked_prompt", "asked_output", "local_prompt", "local_output"):
        rows[f"{name}_tokens"] = NEVER
    return rows


def stored(rows: NDArray[np.void], gap: int = 0, chunk_rows: int = 65_536) -> InMemory:
    """Return the rows as a run; every gap is ``gap`` ns."""
    num_gaps = int(np.maximum(rows["num_chunks"].astype(np.int64) - 1, 0).sum())
    return InMemory(rows, np.full(num_gaps, gap, np.int64), chunk_rows)


def poisson(rng: np.random.Generator, count: int, rate: float) -> NDArray[np.int64]:
    """Return the due times of that many Poisson arrivals in ns."""
    return np.cumsum(rng.exponential(S / rate, count)).astype(np.int64)


def config(**settings: object) -> RunConfig:
    return RunConfig.model_validate({"target": "http://127.0.0.1:8080", "warmup": "0s", **settings})


RUN = Run(
    id="r",
    version="0",
    started_at="2026-01-01T00:00:00Z",
    python="3.11",
    platform="linux",
    num_cpus=2,
    duration_s=1,
    drain_s=0,
    end="duration",
)
TARGET = Target(
    url="http://127.0.0.1:8080", protocol="v2-stream", model="r1", addresses=[], server=None
)
