"""Lines of a large file by number: checked once as a whole, then read at need."""

import os
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Final
from weakref import finalize

from loadtest.errors import UsageError

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class LineFile:
    """A file's lines from 0; in memory are 8 bytes a line. A read takes about 2 us.

    ``check`` sees each line with the number that messages name, from 1, before any can be read; its
    errors pass. Blank lines at the end are left out. Raises UsageError naming the file, which must
    be a regular one, and the line where one is blank or above MAX_LINE_BYTES.
    """

    def __init__(self, path: Path, check: Callable[[int, bytes], None]) -> None:
        self.path = path
        # Where each line begins, and where the last ends.
        self._starts = array("q", [0])
        self._num_blank = 0
        try:
            if path.exists() and not path.is_file() and not path.is_dir():
                raise UsageError(f"{path}: is no regular file, must be one: it is read at need")
            with path.open("rb") as lines:
                while line := lines.readline(MAX_LINE_BYTES + 1):
                    self._add(line, check)
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
        finalize(self, os.close, self._file)
        if not len(self):
            raise UsageError(f"{path}: has no line, must have at least one")

    def __len__(self) -> int:
        return len(self._starts) - 1

    def read(self, number: int) -> bytes:
        """Return the line of that number from 0, without its end."""
        start, end = self._starts[number], self._starts[number + 1]
        return _strip(number, os.pread(self._file, end - start, start))

    def _add(self, line: bytes, check: Callable[[int, bytes], None]) -> None:
        number = len(self) + self._num_blank
        if len(line) > MAX_LINE_BYTES:
            raise UsageError(
                f"{self.path}:{number + 1}: line is above {MAX_LINE_BYTES} bytes, "
                "must be at most that"
            )
        line_itself = _strip(number, line)
        if not line_itself.strip():
            self._num_blank += 1
            return
        if self._num_blank:
            raise UsageError(
                f"{self.path}:{len(self) + 1}: line is blank, must be left out or stand at the end"
            )
        check(number + 1, line_itself)
        self._starts.append(self._starts[-1] + len(line))


def _strip(number: int, line: bytes) -> bytes:
    if number == 0:
        line = line.removeprefix(_BYTE_ORDER_MARK)
    return line.rstrip(b"\r\n")
