"""The model cache's program, run as the Job runs it, against a hub on loopback."""

import hashlib
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.manifests.variants.conftest import DEMO, Ended, checksums_of
from tests.manifests.variants.hub import Hub
from tests.predictor.server.conftest import Predictor

WEIGHTS = DEMO["model.safetensors"]

Fill = Callable[..., Ended]


def partial_of(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.partial")


def held_bytes(directory: Path) -> int:
    weights = partial_of(directory) / "model.safetensors"
    return weights.stat().st_size if weights.exists() else 0


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_while_it_stalls(command: list[str], directory: Path) -> None:
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: held_bytes(directory) > 0)
        finally:
            process.kill()


def test_the_directory_holds_every_listed_file_and_the_checksums(
    fill: Fill, directory: Path, checksums: Path
) -> None:
    assert fill().status == 0
    held = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert held == DEMO | {"SHA256SUMS": checksums.read_bytes()}
    assert list(directory.parent.iterdir()) == [directory]


def test_another_user_can_read_what_was_filled(fill: Fill, directory: Path) -> None:
    fill()
    assert directory.stat().st_mode & 0o055 == 0o055
    assert {path.stat().st_mode & 0o044 for path in directory.iterdir()} == {0o044}


def test_a_second_run_asks_the_hub_for_nothing(fill: Fill, hub: Hub) -> None:
    fill()
    hub.paths.clear()
    again = fill()
    assert (again.status, hub.paths) == (0, [])
    assert again.lines[-1].endswith("was filled before")


def test_an_empty_directory_that_the_kubelet_made_is_replaced(fill: Fill, directory: Path) -> None:
    directory.mkdir()
    assert fill().status == 0
    assert (directory / "model.safetensors").read_bytes() == WEIGHTS


def test_nothing_is_visible_before_all_is_there(
    command: list[str], directory: Path, hub: Hub
) -> None:
    hub.stall_after = 1_500_000
    kill_while_it_stalls(command, directory)
    assert not directory.exists()


def test_a_run_goes_on_where_a_killed_one_stopped(
    command: list[str], fill: Fill, directory: Path, hub: Hub
) -> None:
    hub.stall_after = 1_500_000
    kill_while_it_stalls(command, directory)
    held = held_bytes(directory)
    hub.stall_after = None
    assert fill().status == 0
    assert hub.ranges == [f"bytes={held}-"]
    assert (directory / "model.safetensors").read_bytes() == WEIGHTS


def test_a_run_goes_on_after_a_connection_that_broke(fill: Fill, directory: Path, hub: Hub) -> None:
    hub.cut_after = 1_500_000
    broken = fill()
    assert broken.status == 1
    assert broken.lines[-1].endswith("the connection ended 410264 bytes early")
    hub.cut_after = None
    assert fill().status == 0
    assert hub.ranges == ["bytes=1500000-"]


def test_a_mirror_without_ranges_is_read_from_the_start(
    command: list[str], fill: Fill, directory: Path, hub: Hub
) -> None:
    hub.stall_after = 1_500_000
    kill_while_it_stalls(command, directory)
    hub.stall_after, hub.has_ranges = None, False
    assert fill().status == 0
    assert (directory / "model.safetensors").read_bytes() == WEIGHTS


def test_leftovers_that_are_too_long_cost_one_try(fill: Fill, directory: Path) -> None:
    partial_of(directory).mkdir()
    (partial_of(directory) / "config.json").write_bytes(DEMO["config.json"] + b" ")
    assert fill().status == 1
    assert fill().status == 0
    assert (directory / "config.json").read_bytes() == DEMO["config.json"]


def test_a_file_of_another_run_does_not_reach_the_model(fill: Fill, directory: Path) -> None:
    partial_of(directory).mkdir()
    (partial_of(directory) / "pytorch_model.bin").write_bytes(b"pickle")
    assert fill().status == 0
    assert not (directory / "pytorch_model.bin").exists()


def test_a_wrong_digest_is_refused_and_nothing_shows(fill: Fill, directory: Path, hub: Hub) -> None:
    hub.files["model.safetensors"] = WEIGHTS[:-1] + b"\0"
    refused = fill()
    assert refused.status == 1
    assert refused.lines[-1].endswith(f"must be {hashlib.sha256(WEIGHTS).hexdigest()}")
    assert not directory.exists()


def test_a_full_disk_is_one_line_and_nothing_shows(
    command: list[str], fill: Fill, directory: Path
) -> None:
    limit = 1_000_000
    full = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert full.returncode == 1
    assert full.stderr.splitlines()[-1] == f"{directory.parent}: File too large"
    assert not directory.exists()
    assert fill().status == 0


def test_a_directory_with_another_model_is_left_alone(
    fill: Fill, directory: Path, hub: Hub, checksums: Path
) -> None:
    fill()
    hub.files["config.json"] = b"{}"
    checksums.write_text(checksums_of(hub.files))
    refused = fill()
    assert refused.status == 1
    assert "holds another model" in refused.lines[-1]
    assert (directory / "config.json").read_bytes() == DEMO["config.json"]


def test_two_runs_at_once_do_not_write_the_same_files(
    command: list[str], fill: Fill, directory: Path, hub: Hub
) -> None:
    hub.stall_after = 1_500_000
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        try:
            wait_until(lambda: held_bytes(directory) > 0)
            second = fill()
        finally:
            first.kill()
    assert second.status == 1
    assert "is being filled by another run" in second.lines[-1]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        pytest.param("--revision=", "revision is '', must be a commit", id="no-revision"),
        pytest.param("--revision=$(REVISION)", "revision is '$(REVISION)'", id="unset-in-the-job"),
        pytest.param("--revision=main", "a branch or a tag may move", id="branch"),
        pytest.param("--hub=file:///srv", "must be a URL of http or https", id="file"),
        pytest.param("--repository=model", "must be owner/name", id="repository"),
        pytest.param("--repository=owner/absent", "answers 404 Not Found", id="absent"),
        pytest.param("--checksums=/nowhere", "/nowhere: No such file", id="no-checksums"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    fill: Fill, directory: Path, flag: str, words: str
) -> None:
    refused = fill(flag)
    assert refused.status == 1
    [line] = refused.lines
    assert words in line
    assert not directory.exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("pytorch_model.bin", "must end in one of .jinja, .json", id="pickle"),
        pytest.param("modeling_qwen.py", "must end in one of .jinja, .json", id="code"),
        pytest.param("../model.safetensors", "is not a line of sha256sum", id="outside"),
        pytest.param("config.json", "lists no .safetensors file", id="no-weights"),
    ],
)
def test_checksums_of_what_is_no_model_are_refused(
    fill: Fill, checksums: Path, line: str, words: str
) -> None:
    checksums.write_text(f"{'0' * 64}  {line}\n")
    refused = fill()
    assert refused.status == 1
    assert words in refused.lines[-1]


def test_a_predictor_loads_what_was_filled(predictor: Predictor) -> None:
    answer = httpx.post(
        f"{predictor.url}/v2/models/r1/generate",
        json={"text_input": "12*7=", "parameters": {"temperature": 0}},
        timeout=60,
    )
    assert answer.json()["text_output"] == "84"
