"""Lines of a file by number."""

import os
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.prompts.line_file import MAX_LINE_BYTES, LineFile


def accept(number: int, line: bytes) -> None:
    pass


def test_lines_are_read_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xef\xbb\xbfone\r\n \t2\ntwo\nlast")
    lines = LineFile(file, accept)
    assert [lines.read(number) for number in (3, 0, 2, 1)] == [b"last", b"one", b"two", b" \t2"]


def test_each_line_is_checked_before_one_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one\r\ntwo\n")
    checked: list[tuple[int, bytes]] = []
    LineFile(file, lambda number, line: checked.append((number, line)))
    assert checked == [(1, b"one"), (2, b"two")]


def test_a_line_of_the_largest_size_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * (MAX_LINE_BYTES - 1) + b"\n")
    assert len(LineFile(file, accept)) == 1


@pytest.mark.parametrize("end", [b"", b"\n\n", b"\r\n \t\r\n", b"\n "], ids=repr)
def test_blank_lines_at_the_end_are_none(tmp_path: Path, end: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one\ntwo" + end)
    lines = LineFile(file, accept)
    assert [lines.read(number) for number in range(len(lines))] == [b"one", b"two"]


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match=f"^{pipe}: is no regular file, must be one"):
        LineFile(pipe, accept)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n", ": has no line, must have at least one"),
        (b"a\n\n\nb\n", ":2: line is blank, must be left out or stand at the end"),
        (b"\na\n", ":1: line is blank, must be left out or stand at the end"),
        (b"", ": has no line, must have at least one"),
        (
            b"a\n" + b"x" * (MAX_LINE_BYTES + 1),
            ":2: line is above 4194304 bytes, must be at most that",
        ),
    ],
    ids=["blank", "blank-within", "blank-before", "empty", "long"],
)
def test_a_file_that_is_empty_or_too_wide_is_named(
    tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        LineFile(file, accept)
    assert str(caught.value) == f"{file}{message}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        LineFile(tmp_path, accept)
    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory"
