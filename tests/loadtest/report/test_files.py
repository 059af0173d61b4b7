import csv
import hashlib
from pathlib import Path

import jsonschema_rs
import numpy as np
import orjson
import pytest

from loadtest.errors import LoadtestError
from loadtest.record import NEVER, RECORD, Correctness, FinishReason, Outcome
from loadtest.records.stored import Stored
from loadtest.report.csv_file import BLOCK_ROWS, write_csv
from loadtest.report.files import describe, write_report
from loadtest.report.kinds import AnyReport
from loadtest.report.load import json_schema
from tests.loadtest.report.example import make_comparison, make_knee, make_report

REPORT = make_report(num_requests=50)
KINDS = {"run": REPORT, "knee": make_knee(), "comparison": make_comparison()}


@pytest.mark.parametrize("written", KINDS.values(), ids=KINDS)
def test_a_written_report_is_of_the_published_schema(tmp_path: Path, written: AnyReport) -> None:
    write_report(written, tmp_path)

    data = orjson.loads((tmp_path / "report.json").read_bytes())
    jsonschema_rs.Draft202012Validator(json_schema()).validate(data)
    assert data["kind"] == written.kind


def test_the_published_schema_refuses_a_report_that_lacks_a_number(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path)
    data = orjson.loads((tmp_path / "report.json").read_bytes())
    del data["rates"]["sent_rps"]

    assert not jsonschema_rs.Draft202012Validator(json_schema()).is_valid(data)


def test_fields_are_written_in_the_order_of_the_schema(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path)

    data = orjson.loads((tmp_path / "report.json").read_bytes())
    assert list(data)[:5] == ["schema_version", "kind", "run", "target", "config"]


def test_a_report_that_cannot_be_written_leaves_the_one_before_and_nothing_else(
    tmp_path: Path,
) -> None:
    write_report(REPORT, tmp_path)
    before = (tmp_path / "report.json").read_bytes()
    (tmp_path / "report.json.part").symlink_to("/dev/full")

    with pytest.raises(LoadtestError, match=r"cannot write .*report\.json: No space left"):
        write_report(make_knee(), tmp_path)

    assert (tmp_path / "report.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_file_is_described_by_its_digest_and_sizes(tmp_path: Path) -> None:
    path = tmp_path / "records.npy"
    path.write_bytes(b"abc")

    described = describe(path, num_rows=3)

    assert described.model_dump() == {
        "name": "records.npy",
        "sha256": hashlib.sha256(b"abc").hexdigest(),
        "num_bytes": 3,
        "num_rows": 3,
    }


def stored(directory: Path, *rows: dict[str, int]) -> Stored:
    """A run with those records, NEVER in every other column."""
    records = np.array([(NEVER,) * 2 + (0,) * 26] * len(rows), RECORD)
    for record, values in zip(records, rows, strict=True):
        for name, value in values.items():
            record[name] = value
    np.save(directory / "records.npy", records)
    np.save(directory / "gaps.npy", np.empty(0, np.int64))
    return Stored(directory)


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_request_is_a_line_with_a_column_for_each_of_the_record(tmp_path: Path) -> None:
    write_csv(stored(tmp_path, {"index": 4}, {"index": 5}), tmp_path / "requests.csv")

    written = lines(tmp_path / "requests.csv")
    assert [line["index"] for line in written] == ["4", "5"]
    assert [name.removesuffix("_s") for name in written[0]] == list(RECORD.names or ())


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        pytest.param(0, "0.000000000", id="zero"),
        pytest.param(1, "0.000000001", id="a nanosecond"),
        pytest.param(12_345_678_901, "12.345678901", id="seconds"),
        # A float of seconds would end in 792.
        pytest.param(9_007_199_254_740_993, "9007199.254740993", id="more than a float holds"),
        pytest.param(NEVER, "", id="never"),
    ],
)
def test_times_are_seconds_exact_to_the_nanosecond(tmp_path: Path, time_ns: int, text: str) -> None:
    write_csv(stored(tmp_path, {"first_chunk": time_ns}), tmp_path / "requests.csv")

    assert lines(tmp_path / "requests.csv")[0]["first_chunk_s"] == text


def test_outcomes_are_names_and_what_is_not_known_is_empty(tmp_path: Path) -> None:
    record = {
        "outcome": Outcome.STREAM_ERROR,
        "correctness": Correctness.WRONG,
        "finish_reason": FinishReason.LENGTH,
        "status": NEVER,
        "completion_tokens": 12,
        "prompt_tokens": NEVER,
    }
    write_csv(stored(tmp_path, record), tmp_path / "requests.csv")

    [line] = lines(tmp_path / "requests.csv")
    assert {name: line[name] for name in record} == {
        "outcome": "stream_error",
        "correctness": "wrong",
        "finish_reason": "length",
        "status": "",
        "completion_tokens": "12",
        "prompt_tokens": "",
    }


def test_a_run_of_many_blocks_is_written_whole_and_in_order(tmp_path: Path) -> None:
    records = np.zeros(2 * BLOCK_ROWS + 1, RECORD)
    records["index"] = np.arange(len(records))
    np.save(tmp_path / "records.npy", records)
    np.save(tmp_path / "gaps.npy", np.empty(0, np.int64))

    write_csv(Stored(tmp_path), tmp_path / "requests.csv")

    _, *written = (tmp_path / "requests.csv").read_text().splitlines()
    assert [int(line.split(",")[0]) for line in written] == list(range(len(records)))


def test_a_csv_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadtestError, match=r"cannot write /dev/full: No space left"):
        write_csv(stored(tmp_path, {"index": 1}), Path("/dev/full"))
