"""Where a run's files go: a new directory, or one that is gone when the run has been shown."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from loadtest.errors import UsageError

# Of a log, which has no width of its own.
_LOG_WIDTH = 110


def consoles() -> tuple[Console, Console]:
    """Return where progress goes, stderr, and where results go, stdout."""
    return _console(stderr=True), _console(stderr=False)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, soft_wrap=True, highlight=False)
    if not console.is_terminal:
        console.width = _LOG_WIDTH
    return console


@contextmanager
def results_directory(output: Path | None) -> Iterator[Path]:
    """Make the directory; raises UsageError where it exists or cannot be made."""
    if output is None:
        with tempfile.TemporaryDirectory(prefix="r1-loadtest-") as directory:
            yield Path(directory)
        return
    try:
        output.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"output is {str(output)!r}, which exists; it must be new") from None
    except OSError as error:
        raise UsageError(f"output is {str(output)!r}: {error.strerror}") from None
    yield output
