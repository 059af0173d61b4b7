import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from predictor.engine.checkpoint import find_weight_files
from predictor.errors import ModelRefused

SINGLE = {"model.safetensors": b"weights"}
SHARDED = {
    "a.safetensors": b"first",
    "b.safetensors": b"second",
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {"x": "a.safetensors", "y": "b.safetensors", "z": "a.safetensors"}}
    ).encode(),
}


def write(directory: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


def index(weight_map: object) -> dict[str, bytes]:
    return {"model.safetensors.index.json": json.dumps({"weight_map": weight_map}).encode()}


def sums(*lines: tuple[bytes, str]) -> dict[str, bytes]:
    text = "".join(f"{hashlib.sha256(content).hexdigest()} {name}\n" for content, name in lines)
    return {"SHA256SUMS": text.encode()}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(SINGLE, ["model.safetensors"], id="single file"),
        pytest.param(SHARDED, ["a.safetensors", "b.safetensors"], id="shards, each once"),
        pytest.param(SHARDED | SINGLE, ["model.safetensors"], id="the single file before shards"),
        pytest.param(
            SINGLE | {"pytorch_model.bin": b"pickle"}, ["model.safetensors"], id="pickle beside"
        ),
    ],
)
def test_the_weight_files_are_found(
    tmp_path: Path, files: dict[str, bytes], expected: list[str]
) -> None:
    found = find_weight_files(write(tmp_path, files))

    assert found == tuple(tmp_path / name for name in expected)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({}, "has no weights", id="no weights"),
        pytest.param({"pytorch_model.bin": b""}, "only as pickle .'pytorch_model.bin'", id="bin"),
        pytest.param({"weights.pt": b""}, "only as pickle .'weights.pt'", id="pt"),
        pytest.param({"weights.pth": b""}, "only as pickle .'weights.pth'", id="pth"),
        pytest.param(
            {"a.safetensors": b""} | index({"x": "a.safetensors", "y": "b.safetensors"}),
            "'b.safetensors', which does not exist",
            id="missing shard",
        ),
        pytest.param(index({"x": "../a.safetensors"}), "not in its directory", id="index up"),
        pytest.param(index({"x": "/a.safetensors"}), "not in its directory", id="index absolute"),
        pytest.param(index({"x": "s/a.safetensors"}), "not in its directory", id="index below"),
        pytest.param(index({"x": ".."}), "must be a .safetensors file", id="index parent"),
        pytest.param(index({"x": 1}), "the file 1, which is not in", id="index number"),
        pytest.param(index({"x": ["a"]}), "the file .'a'., which is not in", id="index nested"),
        pytest.param(index({"x": "a.bin"}), "must be a .safetensors file", id="index pickle"),
        pytest.param(index({}), "weight_map must be", id="index empty"),
        pytest.param(index([1]), "weight_map must be", id="index list"),
        pytest.param(
            {"model.safetensors.index.json": b"{"}, "cannot be read as JSON", id="index corrupt"
        ),
    ],
)
def test_a_directory_without_loadable_weights_is_refused(
    tmp_path: Path, files: dict[str, bytes], words: str
) -> None:
    with pytest.raises(ModelRefused, match=words):
        find_weight_files(write(tmp_path, files))


@pytest.mark.parametrize(
    ("files", "checksums"),
    [
        pytest.param(SINGLE, sums((b"weights", " model.safetensors")), id="text mode"),
        pytest.param(SINGLE, sums((b"weights", "*model.safetensors")), id="binary mode"),
        pytest.param(SINGLE, sums((b"weights", " ./model.safetensors")), id="dot slash"),
        pytest.param(
            SINGLE,
            {
                "SHA256SUMS": sums((b"weights", " model.safetensors"))["SHA256SUMS"]
                .upper()
                .replace(b"MODEL.SAFETENSORS", b"model.safetensors")
            },
            id="upper case digest",
        ),
        pytest.param(
            SHARDED | {"sub/notes with spaces": b"text"},
            sums(
                (b"first", " a.safetensors"),
                (b"second", " b.safetensors"),
                (b"text", " sub/notes with spaces"),
            ),
            id="shards and a file below",
        ),
    ],
)
def test_files_that_match_their_checksums_are_accepted(
    tmp_path: Path, files: dict[str, bytes], checksums: dict[str, bytes]
) -> None:
    assert find_weight_files(write(tmp_path, files | checksums))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param(
            SINGLE | sums((b"other", " model.safetensors")),
            "model.safetensors differs from its digest",
            id="altered weights",
        ),
        pytest.param(
            SINGLE
            | {"config.json": b"{}"}
            | sums((b"weights", " model.safetensors"), (b"{ }", " config.json")),
            "config.json differs from its digest",
            id="altered other file",
        ),
        pytest.param(
            SHARDED | sums((b"first", " a.safetensors")),
            "does not list 'b.safetensors'",
            id="shard not listed",
        ),
        pytest.param(
            SINGLE | sums((b"weights", " model.safetensors"), (b"", " gone.json")),
            "'gone.json', which cannot be read: No such file",
            id="listed file missing",
        ),
        pytest.param(
            SINGLE | sums((b"weights", " model.safetensors"), (b"", " ../up")),
            "'../up', which is not in its directory",
            id="listed path up",
        ),
        pytest.param(
            SINGLE | sums((b"weights", " model.safetensors"), (b"", " /etc/hosts")),
            "'/etc/hosts', which is not in its directory",
            id="listed path absolute",
        ),
        pytest.param(
            SINGLE | sums((b"weights", " model.safetensors"), (b"x", " model.safetensors")),
            "twice, with different digests",
            id="two digests",
        ),
        pytest.param(
            SINGLE | {"SHA256SUMS": b"0123 model.safetensors\n"}, "line 1", id="short digest"
        ),
        pytest.param(
            SINGLE | sums((b"weights", " model.safetensors"), (b"", " a\0b")), "line 2", id="NUL"
        ),
        pytest.param(SINGLE | {"SHA256SUMS": b"\xff\n"}, "cannot be read", id="not UTF-8"),
        pytest.param(SINGLE | {"SHA256SUMS": b""}, "does not list", id="empty"),
    ],
)
def test_files_that_do_not_match_their_checksums_are_refused(
    tmp_path: Path, files: dict[str, bytes], words: str
) -> None:
    with pytest.raises(ModelRefused, match=words):
        find_weight_files(write(tmp_path, files))


def test_a_checksum_file_that_leads_nowhere_does_not_switch_verification_off(
    tmp_path: Path,
) -> None:
    (write(tmp_path, SINGLE) / "SHA256SUMS").symlink_to("gone")

    with pytest.raises(ModelRefused, match="SHA256SUMS cannot be read"):
        find_weight_files(tmp_path)


def test_weights_may_be_links_out_of_the_directory(tmp_path: Path) -> None:
    write(tmp_path, {"blobs/1234": b"weights"})
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "model.safetensors").symlink_to("../blobs/1234")

    assert find_weight_files(tmp_path / "snapshot")
