"""Server-sent events as WHATWG's HTML standard parses them (section 9.2.6), piece by piece."""

from typing import Final

from loadtest.errors import AnswerError

_BOM: Final = b"\xef\xbb\xbf"
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024


class EventParser:
    """One stream's parser; ``event``, ``id``, ``retry`` and comments say nothing here."""

    __slots__ = ("_ended_in_cr", "_has_begun", "_pending")

    def __init__(self) -> None:
        # What no blank line has ended yet, with LF for every line's end.
        self._pending = bytearray()
        self._ended_in_cr = False
        self._has_begun = False

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of each event that is complete now.

        Raises AnswerError for an event of more than 16 MiB.
        """
        if self._ended_in_cr or b"\r" in data:
            data = self._unify_line_ends(data)
        if not self._has_begun:
            data = self._skip_bom(data)
        pending = self._pending
        if pending:
            # A blank line may lie across the seam; what is before it has been searched.
            seam = max(len(pending) - 1, 0)
            pending += data
            if pending.find(b"\n\n", seam) < 0:
                self._check_size()
                return []
            data = bytes(pending)
            pending.clear()
        # A server that writes each event as it comes: one line of data, and nothing else.
        if data[:6] == b"data: " and data.find(b"\n") == len(data) - 2 and data[-1:] == b"\n":
            return [data[6:-2]]
        blocks = data.split(b"\n\n")
        pending += blocks.pop()
        self._check_size()
        return _read_blocks(blocks)

    def _unify_line_ends(self, data: bytes) -> bytes:
        if self._ended_in_cr and data[:1] == b"\n":
            data = data[1:]
            self._ended_in_cr = False
        if data:
            self._ended_in_cr = data[-1:] == b"\r"
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _skip_bom(self, data: bytes) -> bytes:
        data = bytes(self._pending) + data
        self._pending.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._pending += data
            return b""
        self._has_begun = True
        return data.removeprefix(_BOM)

    def _check_size(self) -> None:
        if len(self._pending) > MAX_EVENT_BYTES:
            raise AnswerError(f"an event has more than {MAX_EVENT_BYTES} bytes")


def _read_blocks(blocks: list[bytes]) -> list[bytes]:
    events = []
    for block in blocks:
        # Nearly every block is one line of data.
        if block[:6] == b"data: " and b"\n" not in block:
            events.append(block[6:])
        elif (data := _read_lines(block)) is not None:
            events.append(data)
    return events


def _read_lines(block: bytes) -> bytes | None:
    """Return the lines of data of one block, joined by LF; None where it has none."""
    values = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            values.append(value.removeprefix(b" "))
    return b"\n".join(values) if values else None
