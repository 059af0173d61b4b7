"""What the server itself saw, on the clock that the client's stamps are of."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadtest.errors import UsageError
from loadtest.nullserver.plan import Fault

NO_INDEX: Final = -1
_ROW: Final = np.dtype(
    [("index", "i8"), ("received", "i8"), ("fault", "i8"), ("num_chunks", "i8"), ("at", "i8")]
)


@dataclass(frozen=True, slots=True)
class Golden:
    """One row a request; times are CLOCK_MONOTONIC in ns.

    ``index`` is what follows the last dash of its x-request-id, NO_INDEX where that is no number.
    The chunks of request i are ``handed[chunks_at[i] : chunks_at[i] + num_chunks[i]]``: when
    send(2) had returned for each chunk with text.
    """

    index: NDArray[np.int64]
    received: NDArray[np.int64]
    fault: NDArray[np.int64]
    num_chunks: NDArray[np.int64]
    chunks_at: NDArray[np.int64]
    handed: NDArray[np.int64]


class GoldenLog:
    """Holds what was seen until it is written: 40 bytes a request and 8 a chunk."""

    def __init__(self) -> None:
        self._rows = array("q")
        self._handed = array("q")

    def add(self, request_id: bytes, received: int, fault: Fault, handed: Sequence[int]) -> None:
        """Note an answer that is over; ``handed`` are the times of the chunks that went out."""
        at = len(self._handed)
        self._rows.extend((_index(request_id), received, fault, len(handed), at))
        self._handed.extend(handed)

    def write(self, path: Path) -> None:
        rows = np.frombuffer(self._rows, _ROW)
        with path.open("wb") as file:
            np.savez(file, rows=rows, handed=np.frombuffer(self._handed, "i8"))


def check_writable(path: Path) -> None:
    """Make the file, empty, before there is anything to lose; raises UsageError."""
    try:
        path.write_bytes(b"")
    except OSError as error:
        raise UsageError(f"golden file {path} cannot be written: {error.strerror}") from None


def read(path: Path) -> Golden:
    """Return what a server wrote there; raises UsageError where that is not it."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            rows, handed = arrays["rows"], arrays["handed"]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path} is not what a null server wrote: {error}") from None
    return Golden(
        index=rows["index"],
        received=rows["received"],
        fault=rows["fault"],
        num_chunks=rows["num_chunks"],
        chunks_at=rows["at"],
        handed=handed,
    )


def _index(request_id: bytes) -> int:
    digits = request_id.rpartition(b"-")[2]
    # As many as are sure to fit into 64 bits.
    return int(digits) if digits.isdigit() and len(digits) <= 18 else NO_INDEX
