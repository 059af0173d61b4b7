"""Report files read again: for comparing, for making pages, for anyone who trusts the schema."""

from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from loadtest.errors import UsageError
from loadtest.records.stored import GAPS_FILE, RECORDS_FILE, Stored
from loadtest.report.coldstart_schema import ColdStartReport
from loadtest.report.files import REPORT_FILE, sha256_of
from loadtest.report.kinds import AnyReport
from loadtest.report.schema import Comparison, KneeReport, Report

SCHEMA_VERSION: Final = 1
KINDS: Final[dict[str, type[AnyReport]]] = {
    "run": Report,
    "knee": KneeReport,
    "comparison": Comparison,
    "coldstart": ColdStartReport,
}


def load_report(path: Path) -> AnyReport:
    """Read report.json, or the one in that directory.

    Raises UsageError in one line that names the file, the field, its value and what is allowed.
    """
    path = report_path(path)
    data = _read(path)
    _check_version(path, data.get("schema_version"))
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise UsageError(f"{path}: kind is {_shorten(kind)}, must be one of {', '.join(KINDS)}")
    try:
        return KINDS[kind].model_validate(data)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first(error)}") from error


def report_path(path: Path) -> Path:
    """The report a user means by a file or its directory."""
    return path / REPORT_FILE if path.is_dir() else path


def find_records(report: Report, path: Path) -> Stored:
    """Return the records beside the report at ``path``, file or directory.

    Raises UsageError that names the file which is missing or is not the one of that run.
    """
    directory = report_path(path).parent
    for name in (RECORDS_FILE, GAPS_FILE):
        _check_file(report, directory / name)
    return Stored(directory)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (2020-12) of any report.json of this version."""
    any_report: TypeAdapter[AnyReport] = TypeAdapter(
        Annotated[AnyReport, Field(discriminator="kind")]
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "r1-loadtest report",
    } | any_report.json_schema(mode="serialization")


def _read(path: Path) -> dict[str, Any]:
    try:
        data = orjson.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path} is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise UsageError(f"{path} holds {_shorten(data)}, must hold a JSON object")
    return data


def _check_version(path: Path, version: object) -> None:
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UsageError(
            f"{path}: schema_version is {version}, this program reads up to {SCHEMA_VERSION}: "
            "read it with a newer one"
        )
    if version != SCHEMA_VERSION:
        raise UsageError(f"{path}: schema_version is {_shorten(version)}, must be {SCHEMA_VERSION}")


def _check_file(report: Report, path: Path) -> None:
    told = next((file for file in report.files if file.name == path.name), None)
    if told is None:
        raise UsageError(f"the report names no {path.name}: its run kept no records")
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise UsageError(f"{path}, which the report names, is missing: {error.strerror}") from error
    if sha256 != told.sha256:
        raise UsageError(
            f"{path} has changed: its sha256 is {sha256}, the report says {told.sha256}"
        )


def _first(error: ValidationError) -> str:
    """The first of pydantic's errors in one line."""
    first, *more = error.errors(include_url=False)
    field = ".".join(map(str, first["loc"]))
    match first["type"]:
        case "missing":
            line = f"{field} is missing"
        case "extra_forbidden":
            line = f"{field} is no field of schema_version {SCHEMA_VERSION}"
        case _:
            line = f"{field} is {_shorten(first['input'])}: {first['msg']}"
    return line + (f" (and {len(more)} more)" if more else "")


def _shorten(value: object) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
