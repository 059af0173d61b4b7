"""Where a run's files go: a new directory, or one that is gone when the run has been shown."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from loadtest.errors import LoadtestError, UsageError
from loadtest.report.files import write_report
from loadtest.report.page import render
from loadtest.report.schema import Comparison, KneeReport, Report

PAGE_FILE = "report.html"
# Of a log, which has no width of its own.
_LOG_WIDTH = 110


def consoles() -> tuple[Console, Console]:
    """Return where progress goes, stderr, and where results go, stdout."""
    return _console(stderr=True), _console(stderr=False)


class _Console(Console):
    """Goes on where its reader has gone: what was measured has still to be written."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.file.fileno())
        os.close(null)


def _console(*, stderr: bool) -> Console:
    # No markup: square brackets are those of addresses and names.
    console = _Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)
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
    try:
        yield output
    finally:
        # Of a run that has left nothing, so that the same command may be given again.
        if not any(output.iterdir()):
            output.rmdir()


def write_files(report: Report | KneeReport | Comparison, directory: Path) -> Path:
    """Write report.json and the page, and return the page; raises LoadtestError."""
    write_report(report, directory)
    return write_page(report, directory / PAGE_FILE)


def write_page(report: Report | KneeReport | Comparison, path: Path) -> Path:
    """Write the page and return where; raises LoadtestError."""
    try:
        path.write_text(render(report), encoding="utf-8")
    except OSError as error:
        raise LoadtestError(f"cannot write {path}: {error.strerror}") from error
    return path
