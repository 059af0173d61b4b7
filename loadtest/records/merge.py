"""The workers' files made into one run in order of index, in memory that does not grow with it.

A distribution sort on disk. Indices are counted in BUCKETS equal ranges, ranges are joined to
windows of about WINDOW_ROWS rows, each row is written to its window's place in the new file, and
then each window is read back, sorted and written again, its gaps fetched from its workers' files.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from loadtest.errors import LoadtestError
from loadtest.record import RECORD
from loadtest.records.store import gaps_path, records_path
from loadtest.records.stored import GAP, GAPS_FILE, RECORDS_FILE, Gaps, Rows, gaps_of, split

BUCKETS: Final = 65_536
WINDOW_ROWS: Final = 65_536


def merge(directory: Path, num_workers: int) -> int:
    """Write records.npy and gaps.npy of all workers' rows, and remove the workers' files.

    Returns the bytes that were left out because they belong to no whole row: a worker was killed
    while it wrote. The workers' files stay until both new ones are complete. Raises LoadtestError
    that names the file which is missing, lacks gaps of its rows, or cannot be written.
    """
    try:
        return _merge(directory, num_workers)
    except OSError as error:
        raise LoadtestError(
            f"cannot merge the records of {error.filename or directory}: {error.strerror}"
        ) from error


def _merge(directory: Path, num_workers: int) -> int:
    parts = [_measure(directory, worker) for worker in range(num_workers)]
    windows = _plan(parts)
    records = directory / f"{RECORDS_FILE}.part"
    gaps = directory / f"{GAPS_FILE}.part"
    with records.open("w+b") as rows_file, gaps.open("wb") as gaps_file:
        offset = _begin(rows_file, RECORD, sum(part.num_rows for part in parts))
        _begin(gaps_file, GAP, sum(part.num_gaps for part in parts))
        _scatter(parts, windows, rows_file.fileno(), offset)
        _sort(parts, windows, rows_file.fileno(), offset, gaps_file)
    records.rename(directory / RECORDS_FILE)
    gaps.rename(directory / GAPS_FILE)
    for part in parts:
        part.records.unlink()
        part.gaps.unlink()
    return sum(part.num_torn_bytes for part in parts)


@dataclass(frozen=True, slots=True)
class _Part:
    """One worker's files."""

    records: Path
    gaps: Path
    num_rows: int
    num_gaps: int
    num_torn_bytes: int
    last_index: int

    def chunks(self) -> Iterator[Rows]:
        return _rows(self.records, self.num_rows)


def _rows(path: Path, num_rows: int) -> Iterator[Rows]:
    with path.open("rb") as file:
        for begin in range(0, num_rows, WINDOW_ROWS):
            yield np.fromfile(file, RECORD, min(WINDOW_ROWS, num_rows - begin))


def _measure(directory: Path, worker: int) -> _Part:
    records, gaps = records_path(directory, worker), gaps_path(directory, worker)
    num_rows, num_torn_bytes = divmod(records.stat().st_size, RECORD.itemsize)
    num_gaps, last_index = 0, -1
    for rows in _rows(records, num_rows):
        num_gaps += int(gaps_of(rows).sum())
        last_index = max(last_index, int(rows["index"].max()))
        assert rows["index"].min() >= 0, "an index is negative"
    num_spare_bytes = gaps.stat().st_size - num_gaps * GAP.itemsize
    if num_spare_bytes < 0:
        raise LoadtestError(f"{gaps} lacks {-num_spare_bytes} bytes of the gaps in {records}")
    return _Part(records, gaps, num_rows, num_gaps, num_torn_bytes + num_spare_bytes, last_index)


@dataclass(frozen=True, slots=True)
class _Windows:
    """Rows whose index divided by ``width`` is b belong to the window ``of_bucket[b]``.

    Window w is the rows ``starts[w]`` to ``starts[w + 1]`` of the new file.
    """

    width: int
    of_bucket: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]

    def of(self, rows: Rows) -> npt.NDArray[np.int64]:
        buckets: npt.NDArray[np.int64] = rows["index"] // self.width
        return self.of_bucket[buckets]


def _plan(parts: list[_Part]) -> _Windows:
    width = max((part.last_index for part in parts), default=-1) // BUCKETS + 1
    counts = np.zeros(BUCKETS, np.int64)
    for part in parts:
        for rows in part.chunks():
            counts += np.bincount(rows["index"] // width, minlength=BUCKETS)
    of_bucket = (np.cumsum(counts) - counts) // WINDOW_ROWS
    sizes = np.bincount(of_bucket, weights=counts).astype(np.int64)
    return _Windows(width, of_bucket, np.concatenate(([0], np.cumsum(sizes))))


def _begin(file: BinaryIO, dtype: np.dtype[np.void] | np.dtype[np.int64], num_rows: int) -> int:
    """Write the header of numpy's format; returns where the rows begin."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
    np.lib.format.write_array_header_1_0(file, header | {"shape": (num_rows,)})
    file.flush()
    return file.tell()


def _scatter(parts: list[_Part], windows: _Windows, file: int, offset: int) -> None:
    """Write each row behind those that its window has already."""
    ends = windows.starts.copy()
    for part in parts:
        for rows in part.chunks():
            window = windows.of(rows)
            order = np.argsort(window, kind="stable")
            numbers, begins = np.unique(window[order], return_index=True)
            for number, group in zip(numbers, np.split(order, begins[1:]), strict=True):
                _write(file, rows[group], offset + int(ends[number]) * RECORD.itemsize)
                ends[number] += len(group)
    assert np.array_equal(ends[:-1], windows.starts[1:]), "the files grew while they were merged"


def _sort(
    parts: list[_Part], windows: _Windows, file: int, offset: int, gaps_file: BinaryIO
) -> None:
    """Order each window, and write its gaps behind those of the windows before it."""
    sources = [_map(part) for part in parts]
    num_gaps = 0
    for begin, end in pairwise(windows.starts.tolist()):
        at = offset + begin * RECORD.itemsize
        rows = _read(file, end - begin, at)
        rows = rows[np.argsort(rows["index"])]
        # No index lies in two windows.
        assert np.all(np.diff(rows["index"]) > 0), "two records have one index"
        for some in split(rows):
            gaps_file.write(_fetch(sources, some).data)
        ends = num_gaps + np.cumsum(gaps_of(rows))
        rows["gaps_at"] = ends - gaps_of(rows)
        _write(file, rows, at)
        num_gaps = int(ends[-1]) if len(rows) else num_gaps


def _map(part: _Part) -> Gaps:
    # An empty file cannot be mapped.
    if part.num_gaps == 0:
        return np.empty(0, GAP)
    # Pages of a mapped file are the kernel's to take back: they are no memory of ours.
    return np.memmap(part.gaps, GAP, "r", shape=(part.num_gaps,)).view(np.ndarray)


def _fetch(sources: list[Gaps], rows: Rows) -> Gaps:
    """Return the gaps of those rows, one row's after another's, from their workers' files."""
    counts = gaps_of(rows)
    gaps = np.empty(int(counts.sum()), GAP)
    # [num_gaps]: the row of the worker's file that each comes from
    places = np.repeat(rows["gaps_at"] - (np.cumsum(counts) - counts), counts)
    places += np.arange(len(gaps))
    worker = np.repeat(rows["worker"], counts)
    for number in np.unique(worker):
        mine = worker == number
        gaps[mine] = sources[number][places[mine]]
    return gaps


def _read(file: int, num_rows: int, at: int) -> Rows:
    rows = np.empty(num_rows, RECORD)
    left = rows.view(np.uint8).data
    while left:
        num_bytes = os.preadv(file, [left], at)
        assert num_bytes > 0, "the file is shorter than what was written to it"
        left, at = left[num_bytes:], at + num_bytes
    return rows


def _write(file: int, rows: Rows, at: int) -> None:
    left = memoryview(rows.tobytes())
    while left:
        num_bytes = os.pwrite(file, left, at)
        left, at = left[num_bytes:], at + num_bytes
