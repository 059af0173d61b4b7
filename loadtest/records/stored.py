"""A finished run on disk: records.npy and gaps.npy, both in order of index."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from loadtest.errors import UsageError
from loadtest.record import RECORD

RECORDS_FILE: Final = "records.npy"
GAPS_FILE: Final = "gaps.npy"
GAP: Final = np.dtype("<i8")

CHUNK_ROWS: Final = 65_536
# A chunk of long streams is cut shorter, so that its gaps are 8 MiB, or those of a single row.
CHUNK_GAPS: Final = 1 << 20

Rows = npt.NDArray[np.void]
Gaps = npt.NDArray[np.int64]


class Stored:
    """The records and gaps of one directory.

    Raises UsageError, here and from ``chunks``, which names the file that is missing, of another
    kind, cut short, or that does not fit the other one.
    """

    def __init__(self, directory: Path) -> None:
        self._records = _open(directory / RECORDS_FILE, RECORD)
        self._gaps = _open(directory / GAPS_FILE, GAP)

    @property
    def num_records(self) -> int:
        return self._records.num_rows

    @property
    def num_gaps(self) -> int:
        return self._gaps.num_rows

    def chunks(self) -> Iterator[tuple[Rows, Gaps]]:
        """Yield rows of RECORD, at most 65,536, and their gaps in ns, one row's after another's.

        A row has max(num_chunks - 1, 0) of them.
        """
        at = 0
        with self._records.path.open("rb") as records, self._gaps.path.open("rb") as gaps:
            records.seek(self._records.offset)
            gaps.seek(self._gaps.offset)
            for _ in range(0, self.num_records, CHUNK_ROWS):
                rows = np.fromfile(records, RECORD, CHUNK_ROWS)
                for part in split(rows):
                    num_gaps = int(gaps_of(part).sum())
                    self._check(part, at, num_gaps)
                    yield part, _read_gaps(gaps, num_gaps)
                    at += num_gaps

    def _check(self, rows: Rows, at: int, num_gaps: int) -> None:
        if rows["gaps_at"][0] != at or at + num_gaps > self.num_gaps:
            raise UsageError(
                f"{self._gaps.path} holds {self.num_gaps} gaps and is not that of "
                f"{self._records.path}, whose record {rows['index'][0]} has others"
            )


def gaps_of(rows: Rows) -> npt.NDArray[np.int64]:
    """How many gaps each row has."""
    return np.maximum(rows["num_chunks"].astype(np.int64) - 1, 0)


def split(rows: Rows) -> Iterator[Rows]:
    """Cut rows so that no part has more than CHUNK_GAPS gaps, but for a part of one row."""
    ends = np.cumsum(gaps_of(rows))
    begin, before = 0, 0
    while begin < len(rows):
        end = max(int(np.searchsorted(ends, before + CHUNK_GAPS, side="right")), begin + 1)
        yield rows[begin:end]
        begin, before = end, int(ends[end - 1])


@dataclass(frozen=True, slots=True)
class _Column:
    """A file of numpy's format with one dimension; its rows begin at ``offset`` bytes."""

    path: Path
    num_rows: int
    offset: int


def _open(path: Path, dtype: np.dtype[np.void] | np.dtype[np.int64]) -> _Column:
    try:
        with path.open("rb") as file:
            shape, found, offset = _read_header(path, file)
            num_bytes = file.seek(0, 2)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if found != dtype or len(shape) != 1:
        raise UsageError(f"{path} holds {shape} of {found}, must be one dimension of {dtype}")
    expected = offset + shape[0] * dtype.itemsize
    if num_bytes != expected:
        raise UsageError(
            f"{path} has {num_bytes} bytes, must be {expected} for its {shape[0]} rows"
        )
    return _Column(path, shape[0], offset)


def _read_header(path: Path, file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[np.void], int]:
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    except ValueError as error:
        raise UsageError(f"{path} is no file of numpy's format 1.0") from error
    return shape, dtype, file.tell()


def _read_gaps(file: BinaryIO, num_gaps: int) -> Gaps:
    gaps = np.fromfile(file, GAP, num_gaps)
    assert len(gaps) == num_gaps, "the file was cut while it was read"
    return gaps
