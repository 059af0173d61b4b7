"""The operator's directory of defaults, read whole and as it stood at one moment.

A ConfigMap is mounted so: the kubelet writes a new directory and renames the symlink ``..data`` to
point at it, then removes the old one. All pods that mount it see the edit within a minute or two,
those of every revision: it goes round a canary. Under a new ConfigMap's name the edit makes a new
revision, which can be rolled out in steps. (A file mounted by ``subPath`` is never swapped.)
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from predictor.errors import SettingRefused
from predictor.protocol.wording import listing, quote

GENERATION_FILE: Final = "generation.json"
SYSTEM_PROMPT_FILE: Final = "system-prompt.txt"
# A system prompt is tokenized with every chat: 16 KiB of English take 4 ms of one core.
MAX_BYTES: Final = {GENERATION_FILE: 64 * 2**10, SYSTEM_PROMPT_FILE: 16 * 2**10}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a directory held at one moment: its files by name, or why they cannot be read."""

    directory: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    fault: str | None = None


def take_snapshot(directory: str) -> Snapshot:
    """Return both files as they stood together; a file that is not there is left out.

    That holds for a directory that is swapped; files edited in place may be read in between.
    """
    while True:
        target = _resolve(directory)
        snapshot = _read_all(directory, target)
        # Swapped meanwhile, a file may have been gone before it was read.
        if _resolve(directory) == target:
            return snapshot


def _resolve(directory: str) -> str:
    data = os.path.join(directory, "..data")
    return os.path.realpath(data if os.path.lexists(data) else directory)


def _read_all(directory: str, target: str) -> Snapshot:
    try:
        names = sorted(os.listdir(target))
        for name in names:
            if name not in MAX_BYTES and not name.startswith("."):
                raise SettingRefused(
                    f"defaults_dir {directory} has unknown file {quote(name)}, "
                    f"known: {listing(MAX_BYTES)}"
                )
        files = {name: _read(directory, target, name) for name in names if name in MAX_BYTES}
    except SettingRefused as error:
        return Snapshot(directory, fault=str(error))
    except OSError as error:
        fault = f"defaults_dir is {directory}, must be a directory that is there: {error.strerror}"
        return Snapshot(directory, fault=fault)
    return Snapshot(directory, files)


def _read(directory: str, target: str, name: str) -> bytes:
    path, limit = os.path.join(directory, name), MAX_BYTES[name]
    try:
        with open(os.path.join(target, name), "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SettingRefused(f"{path} is no file, must be a regular one")
            if status.st_size > limit:
                raise SettingRefused(
                    f"{path} is {status.st_size} bytes long, must be at most {limit}"
                )
            return file.read(limit)
    except OSError as error:
        raise SettingRefused(f"{path} cannot be read: {error.strerror}") from None


def _open_without_waiting(path: str, flags: int) -> int:
    # A FIFO would wait for its writer.
    return os.open(path, flags | os.O_NONBLOCK)
