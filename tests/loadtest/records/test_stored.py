from pathlib import Path

import numpy as np
import pytest

from loadtest.errors import UsageError
from loadtest.record import RECORD
from loadtest.records.merge import merge
from loadtest.records.stored import CHUNK_GAPS, Stored
from tests.loadtest.records.written_runs import exchange, write


def test_chunks_of_long_streams_are_cut_to_a_bound_of_gaps(tmp_path: Path) -> None:
    num_gaps = np.array([CHUNK_GAPS // 2, CHUNK_GAPS // 2, 1, CHUNK_GAPS + 5, 0, 1])
    rows = np.zeros(len(num_gaps), RECORD)
    rows["index"] = np.arange(len(num_gaps))
    rows["num_chunks"] = num_gaps + 1
    rows["gaps_at"] = np.cumsum(num_gaps) - num_gaps
    np.save(tmp_path / "records.npy", rows)
    np.save(tmp_path / "gaps.npy", np.repeat(rows["index"], num_gaps))

    chunks = list(Stored(tmp_path).chunks())

    assert [rows["index"].tolist() for rows, _ in chunks] == [[0, 1], [2], [3], [4, 5]]
    assert [np.unique(gaps).tolist() for _, gaps in chunks] == [[0, 1], [2], [3], [5]]


def test_a_run_can_be_read_twice(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(0, (1,)))
    merge(tmp_path, 1)
    stored = Stored(tmp_path)

    first, second = list(stored.chunks()), list(stored.chunks())

    assert [rows.tolist() for rows, _ in first] == [rows.tolist() for rows, _ in second]


SPOILT = {
    "missing": (None, r"cannot read .*records\.npy: No such file"),
    "no numpy file": (b"PK..", r"records\.npy is no file of numpy's format 1\.0"),
    "empty": (b"", r"records\.npy is no file of numpy's format 1\.0"),
}


@pytest.mark.parametrize(("content", "message"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    write(tmp_path, 0)
    merge(tmp_path, 1)
    (tmp_path / "records.npy").unlink()
    if content is not None:
        (tmp_path / "records.npy").write_bytes(content)

    with pytest.raises(UsageError, match=message):
        Stored(tmp_path)


def test_a_file_of_another_kind_is_refused_by_its_type(tmp_path: Path) -> None:
    np.save(tmp_path / "records.npy", np.zeros(3))

    with pytest.raises(UsageError, match=r"records\.npy holds \(3,\) of float64, must be"):
        Stored(tmp_path)


def test_a_file_cut_short_is_refused_by_its_size(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(0))
    merge(tmp_path, 1)
    with (tmp_path / "records.npy").open("r+b") as file:
        file.truncate(file.seek(0, 2) - 1)

    with pytest.raises(UsageError, match=r"records\.npy has \d+ bytes, must be \d+ for its 1 rows"):
        Stored(tmp_path)


def test_gaps_of_another_run_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(0, (1, 2)))
    merge(tmp_path, 1)
    np.save(tmp_path / "gaps.npy", np.array([1]))

    with pytest.raises(UsageError, match=r"gaps\.npy holds 1 gaps and is not that of .*record 0"):
        list(Stored(tmp_path).chunks())
