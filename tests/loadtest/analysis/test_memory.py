"""Memory of an analysis does not grow with its records."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from loadtest.analysis.summary import summarize
from tests.loadtest.analysis.records import MS, RUN, TARGET, config, records

CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Streams of 5 chunks at 10,000 a second, drawn anew whenever they are read."""

    num_records: int

    def chunks(self) -> Iterator[tuple[NDArray[np.void], NDArray[np.int64]]]:
        for at in range(0, self.num_records, CHUNK):
            count = min(CHUNK, self.num_records - at)
            rng = np.random.default_rng(at)
            latency = (rng.lognormal(0, 0.5, count) * 50 * MS).astype(np.int64)
            due = np.arange(at, at + count) * MS // 10
            rows = records(due, latency, ttft=latency // 2, num_chunks=5, tokens=9)
            yield rows, rng.integers(0, 10 * MS, 4 * count)


def analyse(num_records: int) -> None:
    report = summarize(
        Synthetic(num_records),
        config(warmup="auto", slo=("p99_e2e<200ms", "p99.9_ttft<1s", "p99_gap<9ms")),
        RUN,
        TARGET,
        [],
        [],
        [],
        [],
        cpu_ratios=[],
        busy_p99_s=0,
        busy_most_s=0,
    )
    assert report.counts.scheduled == num_records


def grown_mib(num_records: int) -> float:
    """Return by how much the peak of memory exceeds that of two chunks."""
    # The first reading fills what stays: modules, caches, the allocator's own.
    peak_mib(CHUNK)
    two_chunks = peak_mib(2 * CHUNK)
    return peak_mib(num_records) - two_chunks


def peak_mib(num_records: int) -> float:
    # Sets the peak back to what is held now, see proc(5).
    Path("/proc/self/clear_refs").write_text("5")
    analyse(num_records)
    status = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in status)["VmHWM"].split()[0]) / 1024


@pytest.mark.nightly
def test_memory_of_three_hundred_thousand_records_is_that_of_two_chunks() -> None:
    # The records are 41 MiB, their gaps 9.
    assert grown_mib(300_000) < 8


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_memory_of_ten_million_records_is_that_of_two_chunks() -> None:
    # One column of 8 bytes is 76 MiB.
    assert grown_mib(10_000_000) < 40
