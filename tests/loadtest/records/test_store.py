from contextlib import suppress
from pathlib import Path

import pytest

from loadtest.errors import LoadtestError, UsageError
from loadtest.record import NEVER, RECORD, Correctness, FinishReason, Outcome
from loadtest.records.merge import merge
from loadtest.records.store import Writer, records_path
from loadtest.records.stored import Stored
from tests.loadtest.records.written_runs import EPOCH, exchange, files_limited_to, read, write


def test_every_field_of_a_request_reaches_its_column(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(7, gaps=(1000, 0)))

    merge(tmp_path, 1)

    [(rows, gaps)] = Stored(tmp_path).chunks()
    assert dict(zip(RECORD.names or (), rows[0].tolist(), strict=True)) == {
        "index": 7,
        "worker": 0,
        "turn": 3,
        "outcome": Outcome.OK,
        "correctness": Correctness.RIGHT,
        "finish_reason": FinishReason.LENGTH,
        "reused": 0,
        "status": 200,
        "scheduled": 100,
        "started": 101,
        "sent": 102,
        "first_byte": 103,
        "first_chunk": 104,
        "last_chunk": 1104,
        "finished": 999,
        "connect": 77,
        "num_chunks": 3,
        "num_coalesced": 1,
        "gaps_at": 0,
        "asked_prompt_tokens": 41,
        "asked_output_tokens": 42,
        "local_prompt_tokens": 61,
        "local_output_tokens": 62,
        "prompt_tokens": 51,
        "completion_tokens": 52,
        "reasoning_tokens": 53,
        "request_bytes": 5,
        "response_bytes": 6_000_000_000,
    }
    assert gaps.tolist() == [1000, 0]


def test_what_never_happened_is_never_and_not_a_time_before_the_run(tmp_path: Path) -> None:
    failed = exchange(0)
    failed.outcome = Outcome.CONNECT_FAILED
    failed.started = failed.sent = failed.first_byte = NEVER
    failed.first_chunk = failed.last_chunk = NEVER
    write(tmp_path, 0, failed)

    merge(tmp_path, 1)

    [(rows, _)] = Stored(tmp_path).chunks()
    happened = rows[["started", "sent", "first_byte", "first_chunk", "last_chunk"]]
    assert happened.tolist() == [(NEVER,) * 5]


def test_a_request_that_was_not_sent_has_its_due_time_and_no_other(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, EPOCH) as writer:
        writer.add_not_sent(4, EPOCH + 100)

    merge(tmp_path, 1)

    [(rows, gaps)] = Stored(tmp_path).chunks()
    assert rows[["index", "outcome", "status", "scheduled"]].tolist() == [
        (4, Outcome.NOT_SENT, NEVER, 100)
    ]
    assert rows[["started", "sent", "first_chunk", "finished"]].tolist() == [(NEVER,) * 4]
    assert rows[["connect", "num_chunks", "request_bytes"]].tolist() == [(0, 0, 0)]
    assert rows[["prompt_tokens", "asked_output_tokens"]].tolist() == [(NEVER, NEVER)]
    assert gaps.tolist() == []


def test_a_full_buffer_is_written_before_the_end(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, EPOCH) as writer:
        for index in range(2000):
            writer.add(exchange(index), Correctness.UNCHECKED, NEVER, NEVER)

        assert records_path(tmp_path, 0).stat().st_size >= 256 * 1024


def test_files_of_another_run_are_not_written_over(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(0))

    with pytest.raises(UsageError, match=r"worker-0\.gaps: File exists"):
        Writer(tmp_path, 0, EPOCH)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"/none/worker-0\.gaps: No such file"):
        Writer(tmp_path / "none", 0, EPOCH)


def test_rows_that_do_not_fit_are_told_and_kept_until_they_do(tmp_path: Path) -> None:
    with Writer(tmp_path, 0, EPOCH) as writer:
        for index in range(100):
            writer.add(exchange(index, (index,)), Correctness.RIGHT, NEVER, NEVER)
        with files_limited_to(1000), pytest.raises(LoadtestError, match=r"records: File too large"):
            writer.flush()

    assert merge(tmp_path, 1) == 0
    assert read(tmp_path) == (list(range(100)), [[index] for index in range(100)])


def files_open_in(folder: Path) -> list[Path]:
    """Return the files that this process has open there: other tests' threads have theirs."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(descriptor.readlink())
    return [path for path in found if path.is_relative_to(folder)]


def test_a_writer_that_cannot_write_its_last_rows_leaves_no_file_open(tmp_path: Path) -> None:
    writer = Writer(tmp_path, 0, EPOCH)
    for index in range(100):
        writer.add(exchange(index), Correctness.RIGHT, NEVER, NEVER)
    assert files_open_in(tmp_path)

    with files_limited_to(1000), pytest.raises(LoadtestError, match=r"\d+ bytes are not on disk"):
        writer.close()

    assert not files_open_in(tmp_path)
