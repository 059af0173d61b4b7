"""Counting with the model's own tokenizer."""

from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.prompts.counting import LocalTokenizer
from tests.loadtest.prompts.small_tokenizers import EMBEDDED, write_split


@pytest.mark.parametrize("path", [EMBEDDED, EMBEDDED / "tokenizer.json"], ids=["folder", "file"])
def test_tokens_are_counted_without_special_ones(path: Path) -> None:
    tokenizer = LocalTokenizer(path)
    assert [tokenizer.count(text) for text in ("", "12", "What is the")] == [0, 2, 3]


def test_a_text_is_counted_whole_though_the_file_asks_to_cut_or_pad_it(tmp_path: Path) -> None:
    tokenizer = LocalTokenizer(write_split(tmp_path / "tokenizer.json"))
    assert [tokenizer.count(text) for text in ("a", "a dog or a cat or a cow")] == [1, 8]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        LocalTokenizer(tmp_path)
    file = tmp_path / "tokenizer.json"
    assert str(caught.value) == f"tokenizer {file} cannot be read: No such file or directory"


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        LocalTokenizer(Path("/dev/zero"))
    assert str(caught.value) == "tokenizer /dev/zero cannot be read: it is no regular file"


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff"], ids=repr)
def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=f"^tokenizer {file} [^\\n]+$"):
        LocalTokenizer(file)
