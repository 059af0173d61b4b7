"""The files of a checkpoint directory: found, confined to it, and verified."""

import hashlib
import os
import re
from pathlib import Path, PurePosixPath

import orjson

from predictor.errors import ModelRefused

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
CHECKSUMS_FILE = "SHA256SUMS"

_PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".ckpt"})
# GNU coreutils: digest, a space, " " for text or "*" for binary mode, name.
_CHECKSUM_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *]([^\s\0][^\0]*)")


def find_weight_files(model_dir: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a checkpoint, verified against SHA256SUMS if that is there.

    Raises ModelRefused for missing, pickled, misplaced or altered files.
    """
    if (model_dir / SINGLE_FILE).is_file():
        files: tuple[Path, ...] = (model_dir / SINGLE_FILE,)
    elif (model_dir / INDEX_FILE).is_file():
        files = _find_shards(model_dir / INDEX_FILE)
    else:
        raise _no_weights(model_dir)
    if os.path.lexists(model_dir / CHECKSUMS_FILE):
        _verify_checksums(model_dir / CHECKSUMS_FILE, files)
    return files


def read_json_object(path: Path) -> dict[str, object]:
    """Return what a JSON file holds; raises ModelRefused if it is no readable JSON object."""
    try:
        content = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelRefused(f"{path} does not exist") from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise ModelRefused(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise ModelRefused(f"{path} holds a JSON {type(content).__name__}, must be an object")
    return content


def _find_shards(index: Path) -> tuple[Path, ...]:
    weight_map = read_json_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelRefused(f"{index}: weight_map must be an object of tensor and file names")
    names = set()
    for name in weight_map.values():
        if not isinstance(name, str) or PurePosixPath(name).name != name:
            raise ModelRefused(f"{index} names the file {name!r}, which is not in its directory")
        if not name.endswith(".safetensors"):
            raise ModelRefused(f"{index} names the file {name!r}, must be a .safetensors file")
        names.add(name)
    shards = tuple(index.parent / name for name in sorted(names))
    for shard in shards:
        if not shard.is_file():
            raise ModelRefused(f"{index} names the file {shard.name!r}, which does not exist")
    return shards


def _no_weights(model_dir: Path) -> ModelRefused:
    pickles = sorted(path.name for path in model_dir.iterdir() if path.suffix in _PICKLE_SUFFIXES)
    if pickles:
        return ModelRefused(
            f"{model_dir} has weights only as pickle ({pickles[0]!r}), which is never loaded: "
            "save the model as safetensors"
        )
    return ModelRefused(f"{model_dir} has no weights: neither {SINGLE_FILE} nor {INDEX_FILE}")


def _verify_checksums(checksums: Path, weight_files: tuple[Path, ...]) -> None:
    entries = _parse_checksums(checksums)
    for file in weight_files:
        if PurePosixPath(file.name) not in entries:
            raise ModelRefused(f"{checksums} does not list {file.name!r}")
    for name, expected in entries.items():
        if _sha256(checksums, name) != expected:
            raise ModelRefused(f"{checksums.parent / name} differs from its digest in SHA256SUMS")


def _parse_checksums(checksums: Path) -> dict[PurePosixPath, str]:
    try:
        lines = checksums.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelRefused(f"{checksums} cannot be read: {error}") from error
    entries: dict[PurePosixPath, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _CHECKSUM_LINE.fullmatch(line)
        if match is None:
            raise ModelRefused(f"{checksums}: line {number} is not a line of sha256sum")
        digest, name = match[1].lower(), PurePosixPath(match[2])
        if name.is_absolute() or ".." in name.parts:
            raise ModelRefused(f"{checksums} lists {str(name)!r}, which is not in its directory")
        if entries.setdefault(name, digest) != digest:
            raise ModelRefused(f"{checksums} lists {str(name)!r} twice, with different digests")
    return entries


def _sha256(checksums: Path, name: PurePosixPath) -> str:
    try:
        with open(checksums.parent / name, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelRefused(
            f"{checksums} lists {str(name)!r}, which cannot be read: {error.strerror}"
        ) from error
