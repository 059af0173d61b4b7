"""A directory of defaults, mounted as a ConfigMap or plain, read at one moment."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from predictor.defaults_dir import Snapshot, take_snapshot
from tests.predictor.configmap import MountedConfigMap


def test_a_mounted_configmap_is_read_and_so_is_its_update(tmp_path: Path) -> None:
    configmap = MountedConfigMap(tmp_path, generation="{}", system_prompt="Be brief.")
    before = take_snapshot(str(tmp_path))

    configmap.update(generation='{"top_k": 5}')

    files = {"generation.json": b"{}", "system-prompt.txt": b"Be brief."}
    assert before == Snapshot(str(tmp_path), files)
    assert take_snapshot(str(tmp_path)).files == {"generation.json": b'{"top_k": 5}'}


def test_both_files_are_of_one_update_however_often_it_is_swapped(tmp_path: Path) -> None:
    configmap = MountedConfigMap(tmp_path, generation="0", system_prompt="0")

    def swap() -> None:
        for number in map(str, range(300)):
            configmap.update(generation=number, system_prompt=number)

    swapping = threading.Thread(target=swap)
    swapping.start()
    snapshots = []
    while swapping.is_alive():
        snapshots.append(take_snapshot(str(tmp_path)))
    swapping.join()

    contents = [tuple(snapshot.files.values()) for snapshot in snapshots]
    assert len(set(contents)) > 2
    assert {len(files) for files in contents} == {2}
    assert all(generation == prompt for generation, prompt in contents)


def test_plain_files_are_read_as_well_and_hidden_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "system-prompt.txt").write_text("Be brief.")
    (tmp_path / ".generation.json.swp").write_text("x")

    assert take_snapshot(str(tmp_path)) == Snapshot(
        str(tmp_path), {"system-prompt.txt": b"Be brief."}
    )


def test_an_empty_directory_sets_nothing(tmp_path: Path) -> None:
    assert take_snapshot(str(tmp_path)) == Snapshot(str(tmp_path))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            lambda d: (d / "system_prompt.txt").write_text("x"),
            "has unknown file 'system_prompt.txt', known: generation.json, system-prompt.txt",
            id="unknown file",
        ),
        pytest.param(
            lambda d: (d / "system-prompt.txt").write_text("x" * 16385),
            "/system-prompt.txt is 16385 bytes long, must be at most 16384",
            id="long prompt",
        ),
        pytest.param(
            lambda d: (d / "generation.json").write_text(" " * 65537),
            "/generation.json is 65537 bytes long, must be at most 65536",
            id="long json",
        ),
        pytest.param(
            lambda d: (d / "generation.json").mkdir(),
            "/generation.json cannot be read: Is a directory",
            id="directory",
        ),
        pytest.param(
            lambda d: os.mkfifo(d / "generation.json"),
            "/generation.json is no file, must be a regular one",
            id="fifo",
        ),
        pytest.param(
            lambda d: (d / "generation.json").symlink_to("generation.json"),
            "/generation.json cannot be read: Too many levels of symbolic links",
            id="loop",
        ),
        pytest.param(
            lambda d: d.rmdir(),
            "must be a directory that is there: No such file or directory",
            id="no directory",
        ),
        pytest.param(
            lambda d: (d / "..data").symlink_to("..gone"),
            "must be a directory that is there: No such file or directory",
            id="no update",
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_limit(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    directory = tmp_path / "defaults"
    directory.mkdir()
    spoil(directory)

    snapshot = take_snapshot(str(directory))

    assert snapshot.files == {}
    assert snapshot.fault is not None
    assert str(directory) in snapshot.fault
    assert words in snapshot.fault


def test_the_longest_prompt_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "system-prompt.txt").write_text("x" * 16384)

    assert take_snapshot(str(tmp_path)).files == {"system-prompt.txt": b"x" * 16384}


def test_reading_leaves_no_file_open(tmp_path: Path) -> None:
    (tmp_path / "generation.json").mkdir()
    take_snapshot(str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(20):
        take_snapshot(str(tmp_path))

    # Some are other tests' threads', which come and go.
    assert len(os.listdir("/proc/self/fd")) < before + 20
