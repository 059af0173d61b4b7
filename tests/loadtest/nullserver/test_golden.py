"""The server's own account, on disk and back."""

from pathlib import Path

import numpy as np
import pytest

from loadtest.errors import UsageError
from loadtest.nullserver.golden import NO_INDEX, GoldenLog, check_writable, read
from loadtest.nullserver.plan import Fault


def test_requests_are_read_back_with_the_times_of_their_chunks(tmp_path: Path) -> None:
    log = GoldenLog()
    log.add(b"abc-7", 100, Fault.NONE, [110, 120])
    log.add(b"abc-3", 105, Fault.ERROR, [])
    log.add(b"abc-4", 106, Fault.RESET, [130])
    log.write(tmp_path / "golden")
    golden = read(tmp_path / "golden")
    assert golden.index.tolist() == [7, 3, 4]
    assert golden.received.tolist() == [100, 105, 106]
    assert golden.fault.tolist() == [Fault.NONE, Fault.ERROR, Fault.RESET]
    assert np.split(golden.handed, golden.chunks_at[1:])[0].tolist() == [110, 120]
    assert golden.handed[golden.chunks_at[2]] == 130


@pytest.mark.parametrize(
    ("request_id", "index"),
    [
        (b"run-1-42", 42),
        (b"5", 5),
        (b"", NO_INDEX),
        (b"run-x", NO_INDEX),
        (b"run-", NO_INDEX),
        (b"run-" + b"9" * 40, NO_INDEX),
    ],
)
def test_the_index_is_what_follows_the_last_dash(
    tmp_path: Path, request_id: bytes, index: int
) -> None:
    log = GoldenLog()
    log.add(request_id, 1, Fault.NONE, [])
    log.write(tmp_path / "golden")
    assert read(tmp_path / "golden").index.tolist() == [index]


def test_a_server_that_saw_nothing_is_read_as_such(tmp_path: Path) -> None:
    GoldenLog().write(tmp_path / "golden")
    assert len(read(tmp_path / "golden").index) == 0


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"no numbers")
    with pytest.raises(UsageError, match="other is not what a null server wrote"):
        read(tmp_path / "other")


def test_a_file_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing/golden cannot be written: No such file"):
        check_writable(tmp_path / "missing" / "golden")
