"""Digests tell models and defaults apart, whatever directory they lie in."""

import threading
from pathlib import Path

import pytest

from predictor.digest import digest_defaults, digest_model


def make_model(path: Path, **files: str) -> Path:
    path.mkdir()
    contents = {"config.json": "{}", "model.safetensors": "w", "generation_config.json": "{}"}
    for name, text in (contents | files).items():
        (path / name).write_text(text)
    return path


def test_the_same_files_elsewhere_have_the_same_digests(tmp_path: Path) -> None:
    one, other = make_model(tmp_path / "a"), make_model(tmp_path / "b")
    (other / "README.md").write_text("says nothing of what the model says")

    assert digest_model(one, threading.Event()) == digest_model(other, threading.Event())


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_another_file_of_the_model_is_another_model(tmp_path: Path, name: str) -> None:
    one = digest_model(make_model(tmp_path / "a"), threading.Event())
    other = digest_model(make_model(tmp_path / "b", **{name: "other"}), threading.Event())

    assert one is not None
    assert other is not None
    assert one.model != other.model
    assert one.defaults == other.defaults


def test_other_defaults_are_told_apart_from_another_model(tmp_path: Path) -> None:
    defaults = {"generation_config.json": '{"temperature": 1}'}
    one = digest_model(make_model(tmp_path / "a"), threading.Event())
    other = digest_model(make_model(tmp_path / "b", **defaults), threading.Event())

    assert one is not None
    assert other is not None
    assert one.model == other.model
    assert one.defaults != other.defaults


@pytest.mark.parametrize(
    ("checkpoint", "files"),
    [
        pytest.param("b", {"generation.json": b"{}"}, id="checkpoint"),
        pytest.param("a", {"generation.json": b"{ }"}, id="content"),
        pytest.param("a", {"system-prompt.txt": b"{}"}, id="name"),
        pytest.param("a", {"generation.json": b"{}", "system-prompt.txt": b""}, id="one more"),
        pytest.param("a", {}, id="none"),
    ],
)
def test_other_files_of_the_operator_are_other_defaults(
    checkpoint: str, files: dict[str, bytes]
) -> None:
    digest = digest_defaults("a", {"generation.json": b"{}"})

    assert len(digest) == 16
    assert digest_defaults(checkpoint, files) != digest
    assert digest_defaults("a", {"generation.json": b"{}"}) == digest


def test_digesting_ends_when_the_server_does(tmp_path: Path) -> None:
    stopping = threading.Event()
    stopping.set()

    assert digest_model(make_model(tmp_path / "a"), stopping) is None
