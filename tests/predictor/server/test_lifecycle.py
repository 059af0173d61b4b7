"""Starting, refusing to start, stopping."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from predictor.config import DEMO_MODEL_DIR
from predictor.server.lifecycle import GRACE_PERIOD_S

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
            lambda d: (d / "tokenizer.json").unlink(), "tokenizer.json is missing", id="tokenizer"
        ),
        pytest.param(
            lambda d: edit_json(d / "config.json", intermediate_size=100),
            "model.layers.0.mlp.gate_proj.weight",
            id="wrong-shape",
        ),
        pytest.param(
            lambda d: edit_json(d / "generation_config.json", top_p=2),
            "generation_config.json: top_p",
            id="defaults",
        ),
        pytest.param(
            lambda d: edit_json(d / "generation_config.json", eos_token_id=3),
            "eos token has id",
            id="eos-mismatch",
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
        pytest.param(("--model-dir=demo", "--device=cuda"), 1, "device is cuda", id="no-cuda"),
        pytest.param(
            ("--model-dir=demo", "--max-model-len=5000"), 1, "max_model_len is 5000", id="too-long"
        ),
        pytest.param(
            ("--model-dir=demo", "--max-num-batched-tokens=5"),
            1,
            "max_num_batched_tokens is 5, must be at least max_num_seqs",
            id="budget",
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


def test_a_long_prompt_leaves_the_server_alive(predictor: Any) -> None:
    body = {"text_input": "12 + " * 400_000}
    slowest_s = 0.0

    def ask() -> None:
        answers.append(httpx.post(f"{predictor.url}/v2/models/r1/generate", json=body, timeout=60))

    answers: list[httpx.Response] = []
    asking = threading.Thread(target=ask)
    asking.start()
    while asking.is_alive():
        started = time.monotonic()
        httpx.get(f"{predictor.url}/v2/health/live", timeout=60).raise_for_status()
        slowest_s = max(slowest_s, time.monotonic() - started)
    asking.join()

    assert answers[0].status_code == 400
    assert "tokens long" in answers[0].json()["error"]
    assert slowest_s < 2.0


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_lets_accepted_requests_finish_and_ends_with_0(
    start: Callable[..., Any], number: signal.Signals
) -> None:
    predictor = start("--model-dir=demo")
    body = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 300}}
    url = f"{predictor.url}/v2/models/r1/generate_stream"

    with httpx.stream("POST", url, json=body, timeout=60) as response:
        lines = response.iter_lines()
        next(lines)
        predictor.process.send_signal(number)
        rest = [line for line in lines if line]

    assert json.loads(rest[-1].removeprefix("data: "))["details"]["finish_reason"] == "length"
    assert predictor.process.wait(30) == 0
    assert "Traceback" not in predictor.output


def test_an_idle_grpc_stream_does_not_hold_up_the_end(start: Callable[..., Any]) -> None:
    predictor = start("--model-dir=demo")
    is_over = threading.Event()

    def no_requests() -> Iterator[bytes]:
        is_over.wait(60)
        yield from ()

    with grpc.insecure_channel(predictor.grpc_address) as channel:
        rpc = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        responses = rpc(no_requests())
        httpx.get(f"{predictor.url}/v2/health/ready").raise_for_status()
        started = time.monotonic()
        status = predictor.stop()
        elapsed_s = time.monotonic() - started

        assert status == 0
        assert elapsed_s < GRACE_PERIOD_S / 2
        assert list(responses) == []
        is_over.set()


def test_a_signal_while_loading_ends_it_too() -> None:
    command = [sys.executable, "-m", "predictor", "--model-dir=demo", *FREE_PORTS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        # Stopped, the engine never finishes loading.
        os.kill(wait_for_engine(process.pid), signal.SIGSTOP)
        log = [next(line for line in process.stderr if "Started server process" in line)]
        process.send_signal(signal.SIGTERM)
        log += process.stderr

        assert process.wait(30) == 0
    assert "Traceback" not in "".join(log)


def test_those_who_still_wait_when_the_grace_period_ends_are_told_so(
    start: Callable[..., Any],
) -> None:
    predictor = start("--model-dir=demo")
    url = f"{predictor.url}/v2/models/r1"
    engine = engine_pid(predictor.process.pid)
    answers: list[httpx.Response] = []

    def ask(path: str) -> None:
        body = {"text_input": "hello", "parameters": {"ignore_eos": True}}
        answers.append(httpx.post(f"{url}/{path}", json=body, timeout=60))

    threads = [threading.Thread(target=ask, args=(p,)) for p in ("generate", "generate_stream")]
    # Stopped, it finishes nothing.
    os.kill(engine, signal.SIGSTOP)
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    predictor.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join()

    assert {answer.status_code for answer in answers} == {200, 503}
    assert all("the server stopped" in answer.text for answer in answers)


def test_an_engine_that_dies_fails_its_requests_and_is_replaced(
    start: Callable[..., Any],
) -> None:
    predictor = start("--model-dir=demo")
    url = f"{predictor.url}/v2/models/r1"
    body = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 3000}}

    with httpx.stream("POST", f"{url}/generate_stream", json=body, timeout=60) as response:
        lines = (line for line in response.iter_lines() if line)
        next(lines)
        os.kill(engine_pid(predictor.process.pid), signal.SIGKILL)
        last = list(lines)[-1]
    not_ready = httpx.post(f"{url}/generate", json={"text_input": "3*4="}, timeout=60)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and httpx.get(f"{url}/ready").status_code != 200:
        time.sleep(0.1)
    again = httpx.post(f"{url}/generate", json={"text_input": "3*4="}, timeout=60)

    assert json.loads(last.removeprefix("data: ")) == {
        "error": "the engine ended before the generation did"
    }
    assert not_ready.status_code == 503
    assert again.json()["text_output"] == "12"


def test_after_serving_only_the_engine_process_has_loaded_torch(predictor: Any) -> None:
    body = {"text_input": "3*4=", "parameters": {"temperature": 0, "logprobs": 1}}
    httpx.post(f"{predictor.url}/v2/models/r1/generate", json=body, timeout=60).raise_for_status()

    server, engine = (
        Path(f"/proc/{pid}/maps").read_text()
        for pid in (predictor.process.pid, engine_pid(predictor.process.pid))
    )

    assert "libtorch" in engine
    assert "cygrpc" in server
    assert "libtorch" not in server
    assert "cygrpc" not in engine


def test_the_engine_ends_with_a_server_that_is_killed(start: Callable[..., Any]) -> None:
    predictor = start("--model-dir=demo")
    pid = engine_pid(predictor.process.pid)

    predictor.process.kill()
    predictor.process.wait()

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and is_running(pid):
        time.sleep(0.05)
    assert not is_running(pid)


def wait_for_engine(server_pid: int) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(ValueError):
            return engine_pid(server_pid)
        time.sleep(0.01)
    raise AssertionError("no engine process")


def engine_pid(server_pid: int) -> int:
    children = Path(f"/proc/{server_pid}/task/{server_pid}/children").read_text().split()
    (pid,) = map(int, children)
    return pid


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
