import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.errors import LoadtestError
from loadtest.record import RECORD
from loadtest.records.merge import merge
from loadtest.records.store import gaps_path, records_path
from loadtest.records.stored import CHUNK_ROWS, Stored
from tests.loadtest.records.written_runs import exchange, files_limited_to, read, write


@settings(max_examples=30)
@given(
    orders=st.permutations(range(30)).flatmap(
        lambda order: st.integers(0, 30).map(lambda at: (order[:at], order[at:]))
    ),
    num_gaps=st.lists(st.integers(0, 4), min_size=30, max_size=30),
)
def test_merged_requests_are_in_order_of_index_with_their_own_gaps(
    tmp_path_factory: pytest.TempPathFactory,
    orders: tuple[list[int], list[int]],
    num_gaps: list[int],
) -> None:
    directory = tmp_path_factory.mktemp("run")
    expected = [[100 * index + k for k in range(num_gaps[index])] for index in range(30)]
    for worker, order in enumerate(orders):
        write(directory, worker, *(exchange(index, tuple(expected[index])) for index in order))

    assert merge(directory, 2) == 0

    assert read(directory) == (list(range(30)), expected)


def test_many_windows_of_a_shuffled_sparse_run_are_merged_in_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    indices = rng.permutation(2 * CHUNK_ROWS) * 2**20
    rows = np.zeros(len(indices), RECORD)
    rows["index"] = indices
    rows["num_chunks"] = 2
    rows["gaps_at"] = np.arange(len(indices))
    rows.tofile(records_path(tmp_path, 0))
    (indices * 3).tofile(gaps_path(tmp_path, 0))

    merge(tmp_path, 1)

    records = np.load(tmp_path / "records.npy", mmap_mode="r")
    gaps = np.load(tmp_path / "gaps.npy", mmap_mode="r")
    assert np.array_equal(records["index"], np.sort(indices))
    assert np.array_equal(gaps, records["index"] * 3)
    assert np.array_equal(records["gaps_at"], np.arange(len(indices)))


def test_merging_leaves_only_the_merged_files(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(0))
    write(tmp_path, 1)

    merge(tmp_path, 2)

    assert {path.name for path in tmp_path.iterdir()} == {"records.npy", "gaps.npy"}


def test_a_run_without_a_request_is_merged_to_no_rows(tmp_path: Path) -> None:
    write(tmp_path, 0)

    merge(tmp_path, 1)

    assert Stored(tmp_path).num_records == 0
    assert read(tmp_path) == ([], [])


def test_bytes_of_a_row_cut_short_are_told(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(0, (1, 2)), exchange(1, (3,)))
    # Killed within the second row: its gap is on disk, since gaps are written first.
    with records_path(tmp_path, 0).open("r+b") as file:
        file.truncate(RECORD.itemsize + 100)

    assert merge(tmp_path, 1) == 100 + 8

    assert read(tmp_path) == ([0], [[1, 2]])


def test_rows_without_their_gaps_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(0, (1, 2)))
    gaps_path(tmp_path, 0).write_bytes(b"")

    with pytest.raises(LoadtestError, match=r"worker-0\.gaps lacks 16 bytes"):
        merge(tmp_path, 1)


def test_a_worker_without_its_files_is_told(tmp_path: Path) -> None:
    write(tmp_path, 0)

    with pytest.raises(LoadtestError, match=r"worker-1\.records: No such file"):
        merge(tmp_path, 2)


def test_an_index_taken_twice_is_our_bug(tmp_path: Path) -> None:
    write(tmp_path, 0, exchange(5))
    write(tmp_path, 1, exchange(5))

    with pytest.raises(AssertionError, match="two records have one index"):
        merge(tmp_path, 2)


def test_a_merge_that_does_not_fit_is_told_and_can_be_done_again(tmp_path: Path) -> None:
    write(tmp_path, 0, *(exchange(index, (index,)) for index in range(100)))

    with files_limited_to(1000), pytest.raises(LoadtestError, match="File too large"):
        merge(tmp_path, 1)

    merge(tmp_path, 1)
    assert read(tmp_path) == (list(range(100)), [[index] for index in range(100)])


@pytest.mark.nightly
def test_ten_million_requests_are_merged_in_flat_memory(tmp_path: Path) -> None:
    write_runs(tmp_path, num_rows=10_000_000)
    before = anonymous_mib()

    with most_anonymous_mib() as most:
        merge(tmp_path, 2)

    assert Stored(tmp_path).num_records == 10_000_000
    assert max(most) - before < 100


def write_runs(directory: Path, num_rows: int) -> None:
    """Two workers' files, nearly in order, two gaps a row."""
    rng = np.random.default_rng(0)
    for worker in range(2):
        with records_path(directory, worker).open("wb") as file:
            for begin in range(0, num_rows // 2, 100_000):
                rows = np.zeros(100_000, RECORD)
                rows["gaps_at"] = 2 * np.arange(begin, begin + 100_000)
                rows["index"] = 2 * rng.permutation(np.arange(begin, begin + 100_000)) + worker
                rows["worker"], rows["num_chunks"] = worker, 3
                rows.tofile(file)
        with gaps_path(directory, worker).open("wb") as file:
            file.truncate(num_rows * 8)


def anonymous_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) / 1024


@contextmanager
def most_anonymous_mib() -> Iterator[list[float]]:
    """Watch this process while the block runs."""
    most: list[float] = []
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.01):
            most.append(anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        is_over.set()
        watcher.join()
