"""Counts tokens with the model's own tokenizer, on this side of the wire."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from loadtest.errors import UsageError


class LocalTokenizer:
    """A ``tokenizer.json``, or the directory that holds one; raises UsageError naming the path."""

    def __init__(self, path: Path) -> None:
        file = path / "tokenizer.json" if path.is_dir() else path
        text = _read(file)
        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            reason = _first_line(error)
            raise UsageError(f"tokenizer {file} is no tokenizer.json: {reason}") from None
        # The file may ask for both, and the count would be of something else than the text.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.path = file

    def count(self, text: str) -> int:
        """Return the number of the text's tokens, without any that mark its beginning or end."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text's tokens, likewise."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def splits(self, words: Sequence[str]) -> bool:
        """Whether no token can span two of the words in a text of them and spaces alone."""
        splitter = self._tokenizer.pre_tokenizer
        return splitter is not None and len(splitter.pre_tokenize_str(" ".join(words))) == len(
            words
        )


def _read(file: Path) -> str:
    try:
        # Another kind of file may have no end.
        if file.exists() and not file.is_file():
            raise UsageError(f"tokenizer {file} cannot be read: it is no regular file")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"tokenizer {file} cannot be read: {_reason(error)}") from None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
