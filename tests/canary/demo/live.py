"""A program on a terminal of its own, and what the terminal showed."""

import fcntl
import io
import os
import re
import struct
import subprocess
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

_COLUMNS, _LINES = 132, 50
# How rich wipes a picture before it draws the next: up and clear, a line at a time.
_WIPE = re.compile(r"\r(?:\x1b\[2K)?(?:\x1b\[1A\x1b\[2K)*")
_FONT = re.compile(r"@font-face \{[^}]*\}\s*")


class Terminal:
    """Runs one program; whoever waits for it must ``read`` now and then."""

    def __init__(self, command: Sequence[str | Path], errors: Path) -> None:
        self._own, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
        os.set_blocking(self._own, False)
        with errors.open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=stderr,
                env=os.environ | {"TERM": "xterm-256color", "OMP_NUM_THREADS": "1"},
            )
        os.close(theirs)
        self._shown = bytearray()

    def read(self) -> None:
        """Take what was written meanwhile."""
        # The terminal's other end is gone once the program is.
        with suppress(BlockingIOError, OSError):
            while part := os.read(self._own, 1 << 16):
                self._shown += part

    def close(self) -> None:
        self.read()
        os.close(self._own)

    @property
    def pictures(self) -> list[str]:
        """Return every picture that was drawn, with its colours as ANSI codes."""
        text = self._shown.decode(errors="replace").replace("\r\n", "\n")
        return [part for part in _WIPE.split(text) if part.strip()]


def write_svg(picture: str, path: Path, title: str) -> None:
    """Draw a terminal's picture as a window of it."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(picture))
    # Fonts are the reader's: nothing is fetched to show a picture.
    path.write_text(_FONT.sub("", console.export_svg(title=title)))
