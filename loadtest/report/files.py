"""Report files: report.json, and what the report says of the files beside it."""

import hashlib
import os
from pathlib import Path
from typing import Final

import orjson

from loadtest.errors import LoadtestError
from loadtest.report.kinds import AnyReport
from loadtest.report.schema import File

REPORT_FILE: Final = "report.json"


def write_report(report: AnyReport, directory: Path) -> None:
    """Write report.json, in the schema's order; it is whole or it is what it was before.

    Raises LoadtestError where it cannot be written.
    """
    path = directory / REPORT_FILE
    part = directory / f"{REPORT_FILE}.part"
    try:
        with part.open("wb") as file:
            file.write(orjson.dumps(report.model_dump(), option=orjson.OPT_APPEND_NEWLINE))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LoadtestError(f"cannot write {path}: {error.strerror}") from error


def describe(path: Path, num_rows: int) -> File:
    """Return what the report says of a file beside it, so that a reader knows it again.

    Raises LoadtestError where it cannot be read.
    """
    try:
        sha256 = sha256_of(path)
        num_bytes = path.stat().st_size
    except OSError as error:
        raise LoadtestError(f"cannot read {path}: {error.strerror}") from error
    return File(name=path.name, sha256=sha256, num_bytes=num_bytes, num_rows=num_rows)


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file's bytes in hexadecimal; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
