from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from loadtest.errors import UsageError
from loadtest.record import RECORD
from loadtest.report.files import describe, write_report
from loadtest.report.kinds import AnyReport
from loadtest.report.load import find_records, load_report
from loadtest.report.schema import Report
from tests.loadtest.report.example import make_comparison, make_knee, make_report

REPORT = make_report(num_requests=50)
KINDS = {"run": REPORT, "knee": make_knee(), "comparison": make_comparison()}


@pytest.mark.parametrize("written", KINDS.values(), ids=KINDS)
def test_a_report_is_read_as_it_was_written(tmp_path: Path, written: AnyReport) -> None:
    write_report(written, tmp_path)

    assert load_report(tmp_path / "report.json") == written
    assert load_report(tmp_path) == written


BAD = {
    "newer": ("schema_version", 2, "schema_version is 2, this program reads up to 1"),
    "no version": ("schema_version", None, "schema_version is None, must be 1"),
    "version as text": ("schema_version", "1", "schema_version is '1', must be 1"),
    "kind": ("kind", "walk", "kind is 'walk', must be one of run, knee, comparison"),
    "kind of another type": ("kind", [], "kind is a list, must be one of run, knee, comparison"),
    "a number as text": ("exit_code", "two", "exit_code is 'two': Input should be a valid integer"),
    "long text": ("exit_code", "x" * 999, f"exit_code is '{'x' * 56}...: Input should be"),
    "unknown field": ("colour", 1, "colour is no field of schema_version 1"),
    "verdict": ("verdict", "fine", "verdict is 'fine': Input should be 'pass', 'fail'"),
}


@pytest.mark.parametrize(("field", "value", "message"), BAD.values(), ids=BAD)
def test_a_bad_field_is_named_with_its_value_in_one_line(
    tmp_path: Path, field: str, value: object, message: str
) -> None:
    write(tmp_path, REPORT.model_dump() | {field: value})

    with pytest.raises(UsageError) as caught:
        load_report(tmp_path)

    assert str(caught.value).startswith(f"{tmp_path / 'report.json'}: {message}")
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named_by_its_place_and_others_are_counted(tmp_path: Path) -> None:
    data = REPORT.model_dump()
    del data["rates"]["sent_rps"], data["run"]["id"]
    write(tmp_path, data)

    with pytest.raises(UsageError, match=r"report\.json: run\.id is missing \(and 1 more\)$"):
        load_report(tmp_path)


CONTENTS = {
    "no JSON": (b"{", r"report\.json is no JSON: "),
    "no object": (b"[1]", r"report\.json holds a list, must hold a JSON object"),
}


@pytest.mark.parametrize(("content", "message"), CONTENTS.values(), ids=CONTENTS)
def test_a_file_that_is_no_report_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "report.json").write_bytes(content)

    with pytest.raises(UsageError, match=message):
        load_report(tmp_path)


def test_a_report_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*report\.json: No such file"):
        load_report(tmp_path)


def test_records_are_found_beside_their_report(tmp_path: Path) -> None:
    written = run_with_records(tmp_path)

    assert find_records(written, tmp_path).num_records == 3
    assert find_records(written, tmp_path / "report.json").num_records == 3


def test_records_of_another_run_are_refused(tmp_path: Path) -> None:
    written = run_with_records(tmp_path)
    np.save(tmp_path / "gaps.npy", np.ones(0, np.int64))
    np.save(tmp_path / "records.npy", np.ones(3, RECORD))

    with pytest.raises(UsageError, match=r"records\.npy has changed: its sha256 is"):
        find_records(written, tmp_path)


def test_a_missing_file_of_the_run_is_named(tmp_path: Path) -> None:
    written = run_with_records(tmp_path)
    (tmp_path / "gaps.npy").unlink()

    with pytest.raises(UsageError, match=r"gaps\.npy, which the report names, is missing: No such"):
        find_records(written, tmp_path)


def test_a_report_without_records_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the report names no records\.npy"):
        find_records(REPORT, tmp_path)


def write(directory: Path, data: dict[str, Any]) -> None:
    (directory / "report.json").write_bytes(orjson.dumps(data))


def run_with_records(directory: Path) -> Report:
    np.save(directory / "records.npy", np.zeros(3, RECORD))
    np.save(directory / "gaps.npy", np.empty(0, np.int64))
    paths = (directory / "records.npy", directory / "gaps.npy")
    files = [describe(path, num_rows=3) for path in paths]
    written = REPORT.model_copy(update={"files": files})
    write_report(written, directory)
    return written
