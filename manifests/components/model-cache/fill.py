"""Fill a directory with the files that SHA256SUMS lists: all of them verified, or none visible.

Files come from ``HUB/REPOSITORY/resolve/REVISION/NAME``, the path of Hugging Face and its mirrors.
They are gathered in ``.NAME.partial`` beside the directory, which then takes its name in one
rename: no reader ever sees a half-filled one. A run that is cut off leaves what it has, and the
next goes on from there. Python's standard library alone: it runs wherever Python 3.11 does.
"""

import argparse
import fcntl
import hashlib
import http.client
import os
import re
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

CHECKSUMS_FILE: Final = "SHA256SUMS"
# A model is data: never pickle, which is a program, nor Python.
SUFFIXES: Final = frozenset({".safetensors", ".json", ".txt", ".jinja"})
CHUNK_BYTES: Final = 2**20
# A connection that gives nothing for so long is lost.
IDLE_TIMEOUT_S: Final = 60
LOST: Final = (
    urllib.error.URLError,
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)

_CHECKSUM_LINE: Final = re.compile(r"([0-9a-f]{64}) [ *]([^\s/\\\0]+)")


class FillFailed(Exception):
    """The directory could not be filled; the message says what was wrong."""


def fill(directory: Path, checksums: str, url: str) -> bool:
    """Return whether there was anything to do; raises FillFailed or OSError."""
    digests = parse_checksums(checksums)
    if is_filled(directory, checksums):
        return False
    partial = directory.with_name(f".{directory.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with lock(partial):
        if is_filled(directory, checksums):
            return False
        for name, digest in digests.items():
            fetch(f"{url}/{name}", partial / name, digest)
        (partial / CHECKSUMS_FILE).write_text(checksums, "utf-8")
        publish(partial, directory, {*digests, CHECKSUMS_FILE})
    return True


def parse_checksums(checksums: str) -> dict[str, str]:
    """Return digests by file name, of lines as sha256sum writes them."""
    digests: dict[str, str] = {}
    for number, line in enumerate(checksums.splitlines(), start=1):
        match = _CHECKSUM_LINE.fullmatch(line)
        if match is None:
            raise FillFailed(f"{CHECKSUMS_FILE}: line {number} is not a line of sha256sum")
        digest, name = match.groups()
        if Path(name).suffix not in SUFFIXES:
            allowed = ", ".join(sorted(SUFFIXES))
            raise FillFailed(f"{CHECKSUMS_FILE} lists {name!r}, must end in one of {allowed}")
        digests[name] = digest
    if not any(name.endswith(".safetensors") for name in digests):
        raise FillFailed(f"{CHECKSUMS_FILE} lists no .safetensors file")
    return digests


def is_filled(directory: Path, checksums: str) -> bool:
    """Whether the directory holds this model; raises FillFailed if it holds something else."""
    # The kubelet makes an empty one for a pod that mounts it before it is there.
    if not directory.is_dir() or not any(directory.iterdir()):
        return False
    held = directory / CHECKSUMS_FILE
    if held.is_file() and held.read_text("utf-8") == checksums:
        return True
    raise FillFailed(
        f"{directory} holds another model: a directory that may be served is never changed, "
        "so the new model needs one of its own"
    )


@contextmanager
def lock(partial: Path) -> Iterator[None]:
    """Keep other runs out: a lost node's pod may still be writing."""
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FillFailed(f"{partial} is being filled by another run") from None
        yield
    finally:
        os.close(descriptor)


def fetch(url: str, path: Path, digest: str) -> None:
    """Complete the file, going on where an earlier run stopped."""
    with open(path, "a+b") as file:
        file.seek(0)
        held = hashlib.file_digest(file, "sha256")
        if held.hexdigest() != digest:
            held = download(url, file, held)
            file.flush()
            os.fsync(file.fileno())
        num_bytes = file.tell()
    if held.hexdigest() != digest:
        path.unlink()
        raise FillFailed(f"{url} has the SHA-256 {held.hexdigest()}, must be {digest}")
    log(f"{path.name}: {num_bytes} bytes, verified")


def download(url: str, file: BinaryIO, held: "hashlib._Hash") -> "hashlib._Hash":
    """Append what is missing and return the digest of the whole."""
    start = file.tell()
    headers = {"User-Agent": "kserve-r1", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # The scheme is checked.
    try:
        with urllib.request.urlopen(request, timeout=IDLE_TIMEOUT_S) as response:  # noqa: S310
            if response.status != http.HTTPStatus.PARTIAL_CONTENT:
                file.truncate(0)
                held = hashlib.sha256()
            copy(response, file, held)
    except urllib.error.HTTPError as error:
        # Nothing lies behind what is held, and that is not the file.
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            file.truncate(0)
        raise FillFailed(f"{url} answers {error.code} {error.reason}") from error
    except LOST as error:
        raise FillFailed(f"{url} cannot be read: {error}") from error
    return held


def copy(response: http.client.HTTPResponse, file: BinaryIO, held: "hashlib._Hash") -> None:
    missing = response.length
    while chunk := response.read(CHUNK_BYTES):
        file.write(chunk)
        held.update(chunk)
        if missing is not None:
            missing -= len(chunk)
    if missing:
        raise http.client.HTTPException(f"the connection ended {missing} bytes early")


def publish(partial: Path, directory: Path, names: set[str]) -> None:
    """Give the files their directory's name, once they are safe on the disk."""
    for path in partial.iterdir():
        if path.name not in names:
            path.unlink()
    for path in (*partial.iterdir(), partial):
        sync(path)
    partial.rename(directory)
    sync(directory.parent)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def log(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hub", required=True, help="such as https://huggingface.co")
    parser.add_argument("--repository", required=True, help="owner/name")
    parser.add_argument("--revision", required=True, help="a commit")
    parser.add_argument("--checksums", required=True, type=Path, help="SHA256SUMS of the files")
    parser.add_argument("--directory", required=True, type=Path, help="what to fill")
    settings = parser.parse_args(argv)
    try:
        if not re.fullmatch(r"https?://\S+", settings.hub):
            raise FillFailed(f"hub is {settings.hub!r}, must be a URL of http or https")
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", settings.repository):
            raise FillFailed(f"repository is {settings.repository!r}, must be owner/name")
        if not re.fullmatch(r"[0-9a-f]{40}", settings.revision):
            raise FillFailed(
                f"revision is {settings.revision!r}, must be a commit of 40 hex digits: "
                "a branch or a tag may move"
            )
        url = f"{settings.hub.rstrip('/')}/{settings.repository}/resolve/{settings.revision}"
        has_filled = fill(settings.directory, settings.checksums.read_text("utf-8"), url)
    except FillFailed as error:
        log(str(error))
        return 1
    except OSError as error:
        log(f"{error.filename or settings.directory.parent}: {error.strerror}")
        return 1
    log(f"{settings.directory} {'is filled' if has_filled else 'was filled before'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
