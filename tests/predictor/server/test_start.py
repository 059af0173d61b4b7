"""Starting, and refusing to start."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from predictor.config import DEMO_MODEL_DIR

FREE_PORTS = ("--http-port=0", "--grpc-port=0")


def copy_demo(tmp_path: Path) -> Path:
    model_dir = tmp_path / "model"
    shutil.copytree(DEMO_MODEL_DIR, model_dir, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return model_dir


def edit_json(path: Path, **members: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | members))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)


def add_checksums(model_dir: Path) -> None:
    output = subprocess.run(
        ["sha256sum", "model.safetensors", "config.json"],
        cwd=model_dir,
        capture_output=True,
        text=True,
        check=True,
    )
    (model_dir / "SHA256SUMS").write_text(output.stdout)


def corrupt_after_checksums(model_dir: Path) -> None:
    add_checksums(model_dir)
    flip_a_byte(model_dir / "model.safetensors")


def run_to_its_end(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "predictor", *FREE_PORTS, *flags],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        pytest.param(
            lambda d: (d / "tokenizer.json").unlink(),
            "tokenizer.json does not exist",
            id="tokenizer",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            lambda d: edit_json(d / "config.json", intermediate_size=100),
            "model.layers.0.mlp.gate_proj.weight",
            id="wrong-shape",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            lambda d: edit_json(d / "generation_config.json", top_p=2),
            "generation_config.json: top_p",
            id="defaults",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            lambda d: edit_json(d / "generation_config.json", eos_token_id=3),
            "eos token has id",
            id="eos-mismatch",
            marks=pytest.mark.nightly,
        ),
        pytest.param(corrupt_after_checksums, "SHA256SUMS", id="checksum"),
    ],
)
def test_a_model_that_cannot_be_served_is_refused_in_one_line(
    tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    model_dir = copy_demo(tmp_path)
    spoil(model_dir)

    result = run_to_its_end("--model-dir", str(model_dir))

    assert result.returncode == 1
    last_line = result.stderr.strip().splitlines()[-1]
    assert last_line.startswith("r1-predictor: ")
    assert words in last_line
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        pytest.param((), 1, "model directory /mnt/models does not exist", id="default-is-absent"),
        pytest.param(("--model-dir=",), 1, "model directory is empty", id="no-name"),
        pytest.param(
            ("--model-dir=demo", "--model-name=a/b"), 1, "model_name is 'a/b'", id="model-name"
        ),
        pytest.param(
            ("--model-dir=demo", "--device=cuda"),
            1,
            "device is cuda",
            id="no-cuda",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            ("--model-dir=demo", "--max-model-len=5000"),
            1,
            "max_model_len is 5000",
            id="too-long",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            ("--model-dir=demo", "--max-num-batched-tokens=5"),
            1,
            "max_num_batched_tokens is 5, must be at least max_num_seqs",
            id="budget",
        ),
        pytest.param(
            ("--model-dir=demo", "--defaults-dir=/nowhere"),
            1,
            "defaults_dir is /nowhere, must be a directory that is there",
            id="no-defaults-dir",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            ("--model-dir=demo", "--defaults-dir="), 1, "defaults_dir is empty", id="no-dir-named"
        ),
        pytest.param(("--model-dir=demo", "--dtype=int8"), 2, "--dtype", id="dtype"),
        pytest.param(("--model", "demo"), 2, "No such option", id="no-abbreviation"),
    ],
)
def test_a_setting_that_cannot_be_followed_is_refused(
    flags: tuple[str, ...], status: int, words: str
) -> None:
    result = run_to_its_end(*flags)

    assert result.returncode == status
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param(
            {"generation.json": '{"temperature": 3}'},
            "defaults/generation.json: temperature is 3, must be 0 or a number from 0.01 to 2",
            id="field",
        ),
        pytest.param(
            {"system-prompt.txt": "Marked: quokka\0"},
            "defaults/system-prompt.txt has a NUL at byte 14, must have none",
            id="prompt",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            {"system-prompt.txt": "quokka " * 1000},
            "defaults cannot be followed: the prompt is",
            id="prompt-too-long-for-the-model",
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_an_operators_defaults_that_cannot_be_followed_are_refused_in_one_line(
    tmp_path: Path, files: dict[str, str], words: str
) -> None:
    directory = tmp_path / "defaults"
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_text(content)

    result = run_to_its_end(
        "--model-dir=demo", "--max-model-len=2048", f"--defaults-dir={directory}"
    )

    assert result.returncode == 1
    last_line = result.stderr.strip().splitlines()[-1]
    assert last_line.startswith("r1-predictor: ")
    assert f"{tmp_path}/{words}" in last_line
    assert "Traceback" not in result.stderr
    assert "quokka" not in result.stderr


def test_settings_come_from_the_environment_too(tmp_path: Path) -> None:
    environment = os.environ | {"R1_MODEL_DIR": str(tmp_path / "absent")}

    result = subprocess.run(
        [sys.executable, "-m", "predictor"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert result.returncode == 1
    assert f"model directory {tmp_path}/absent does not exist" in result.stderr


def test_right_checksums_are_no_hindrance(tmp_path: Path, start: Callable[..., Any]) -> None:
    model_dir = copy_demo(tmp_path)
    add_checksums(model_dir)

    predictor = start("--model-dir", str(model_dir), "--model-name=mine", "--model-version=7")

    answer = httpx.post(
        f"{predictor.url}/v2/models/mine/versions/7/generate",
        json={"text_input": "3*4=", "parameters": {"temperature": 0}},
        timeout=60,
    ).json()
    assert answer["text_output"] == "12"


@pytest.mark.nightly
def test_a_port_in_use_is_said_so(start: Callable[..., Any]) -> None:
    predictor = start("--model-dir=demo")
    http_port = predictor.url.rpartition(":")[2]
    grpc_port = predictor.grpc_address.rpartition(":")[2]

    http = run_to_its_end("--model-dir=demo", f"--http-port={http_port}")
    over_grpc = run_to_its_end("--model-dir=demo", f"--grpc-port={grpc_port}")

    assert http.returncode == 1
    assert f"http_port is {http_port}" in http.stderr
    assert over_grpc.returncode == 1
    assert f"grpc_port is {grpc_port}" in over_grpc.stderr
