"""What tells one model from another: digests of the files that decide what it says."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

MODEL_FILES: Final = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "*.safetensors",
)
DEFAULTS_FILES: Final = ("generation_config.json",)

# Enough of SHA-256 to tell revisions apart, short enough to read.
NUM_HEX_DIGITS: Final = 16
CHUNK_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Digests:
    """Of the model and of the defaults beside it."""

    model: str
    defaults: str


class Stop(Protocol):
    """A threading or an asyncio event."""

    def is_set(self) -> bool: ...


def digest_model(model_dir: Path, stop: Stop) -> Digests | None:
    """Return the digests of a model directory, or None as soon as ``stop`` is set."""
    model = _digest_files(model_dir, MODEL_FILES, stop)
    defaults = _digest_files(model_dir, DEFAULTS_FILES, stop)
    return None if model is None or defaults is None else Digests(model, defaults)


def digest_defaults(checkpoint: str, files: Mapping[str, bytes]) -> str:
    """Return a digest of the operator's files over defaults that have the digest given."""
    digest = hashlib.sha256(checkpoint.encode())
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\0".encode())
    return digest.hexdigest()[:NUM_HEX_DIGITS]


def _digest_files(directory: Path, patterns: Iterable[str], stop: Stop) -> str | None:
    """Return a digest of the files' names and contents."""
    digest = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(directory.glob(pattern)):
            content = _digest_file(path, stop)
            if content is None:
                return None
            digest.update(f"{path.name}\0{content}\0".encode())
    return digest.hexdigest()[:NUM_HEX_DIGITS]


def _digest_file(path: Path, stop: Stop) -> str | None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if stop.is_set():
                return None
            digest.update(chunk)
    return digest.hexdigest()
