"""The audit: a file of JSON lines that outlives kills at any byte of it."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from canary.errors import InputError
from canary.record.entry import Entry, dump, load

# A line has some 20 KiB with a plan of every setting, and 5 KiB without.
_MAX_LINE_BYTES: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class Audit:
    """The entries in the order in which they were written, of one rollout or of several."""

    entries: tuple[Entry, ...]
    # Half written before a kill, or by another program.
    num_broken: int

    def of(self, rollout: str | None) -> Self:
        """Return the entries of one rollout; of the last one where None is given."""
        if rollout is None and self.entries:
            rollout = self.entries[-1].rollout
        entries = tuple(entry for entry in self.entries if entry.rollout == rollout)
        return type(self)(entries, self.num_broken)


class AuditFile:
    """Appends entries; each is on the disk when ``write`` returns, or it raises OSError."""

    def __init__(self, path: Path) -> None:
        flags = os.O_APPEND | os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o640)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}, must be a file to append to") from None
        # A kill may have left half a line: it is ended, not taken away.
        self._is_line_open = _last_byte(self._file) not in (b"", b"\n")
        _sync_folder(path.parent)

    def write(self, entry: Entry) -> None:
        """Append the entry, whole or, where the disk is full, as a line that no reader takes."""
        line = (b"\n" if self._is_line_open else b"") + dump(entry) + b"\n"
        self._is_line_open = True
        while line:
            line = line[os.write(self._file, line) :]
        self._is_line_open = False
        os.fsync(self._file)

    def fileno(self) -> int:
        return self._file

    def close(self) -> None:
        os.close(self._file)


def read_audit(path: Path) -> Audit:
    """Return every entry of the file, and no decision twice; raises InputError."""
    entries: list[Entry] = []
    num_broken = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(_MAX_LINE_BYTES):
                try:
                    entries.append(load(line))
                except ValueError:
                    num_broken += bool(line.strip())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, must be an audit file") from None
    return Audit(tuple(_once(entries)), num_broken)


def _once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries without the notes that stand in an earlier one."""
    seen: set[tuple[str, int]] = set()
    for entry in entries:
        if entry.first_note is None or not entry.notes:
            yield entry
            continue
        numbers = [(entry.rollout, n) for n, _ in enumerate(entry.notes, entry.first_note)]
        notes = tuple(
            note for number, note in zip(numbers, entry.notes, strict=True) if number not in seen
        )
        seen.update(numbers)
        if notes:
            yield replace(entry, notes=notes)


def _last_byte(file: int) -> bytes:
    size = os.fstat(file).st_size
    return os.pread(file, 1, size - 1) if size else b""


def _sync_folder(folder: Path) -> None:
    """Make the file's name as lasting as its lines."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
