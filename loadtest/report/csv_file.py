"""Records as requests.csv: one line a request, for a spreadsheet or another program."""

from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from loadtest.errors import LoadtestError
from loadtest.record import NEVER, RECORD, Correctness, FinishReason, Outcome
from loadtest.records.stored import Rows, Stored

TIMES: Final = (
    "scheduled",
    "started",
    "sent",
    "first_byte",
    "first_chunk",
    "last_chunk",
    "finished",
    "connect",
)
ENUMS: Final[dict[str, type[IntEnum]]] = {
    "outcome": Outcome,
    "correctness": Correctness,
    "finish_reason": FinishReason,
}
# Texts of a block are some 10 MB.
BLOCK_ROWS: Final = 8192
NAMES: Final = RECORD.names or ()
# The columns of RECORD; times are in seconds.
HEADER: Final = tuple(f"{name}_s" if name in TIMES else name for name in NAMES)


def write_csv(stored: Stored, path: Path) -> None:
    """Write every record: times in seconds with 9 decimals, enums in lower case, NEVER as empty.

    Raises LoadtestError where the file cannot be written.
    """
    try:
        with path.open("w", encoding="ascii", newline="") as file:
            file.write(",".join(HEADER) + "\n")
            for rows, _ in stored.chunks():
                for begin in range(0, len(rows), BLOCK_ROWS):
                    file.write(_lines(rows[begin : begin + BLOCK_ROWS]))
    except OSError as error:
        raise LoadtestError(f"cannot write {path}: {error.strerror}") from error


def _lines(rows: Rows) -> str:
    columns = [_texts(rows[name], name) for name in NAMES]
    return "\n".join(map(",".join, zip(*columns, strict=True))) + "\n"


def _texts(values: npt.NDArray[np.integer], name: str) -> list[str]:
    if name in ENUMS:
        names = {each.value: each.name.lower() for each in ENUMS[name]}
        return [names[value] for value in values.tolist()]
    texts = _seconds(values) if name in TIMES else list(map(str, values.tolist()))
    for row in np.flatnonzero(values == NEVER).tolist():
        texts[row] = ""
    return texts


def _seconds(times_ns: npt.NDArray[np.integer]) -> list[str]:
    # Not by floats, which lose nanoseconds after some weeks.
    seconds, rest = np.divmod(times_ns, 10**9)
    parts = zip(seconds.tolist(), rest.tolist(), strict=True)
    return [f"{second}.{nanosecond:09d}" for second, nanosecond in parts]
