"""A running predictor's life: stopping, and losing its engine."""

import json
import os
import shutil
import signal
import socket
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
from tests.predictor.server.gauges import held_engine, wait_until

FREE_PORTS = ("--http-port=0", "--grpc-port=0")


@pytest.mark.timing
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
    assert "the prompt is 2000000 bytes long" in answers[0].json()["error"]
    assert slowest_s < 2.0


@pytest.mark.parametrize(
    "number",
    # SIGTERM is in another test of every day.
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.nightly)],
    ids=lambda n: n.name,
)
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
    # Longer than the test waits for the end.
    predictor = start("--model-dir=demo", "--grace-period-s=60")
    is_over = threading.Event()

    def no_requests() -> Iterator[bytes]:
        is_over.wait(60)
        yield from ()

    with grpc.insecure_channel(predictor.grpc_address) as channel:
        rpc = channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer")
        responses = rpc(no_requests())
        httpx.get(f"{predictor.url}/v2/health/ready").raise_for_status()
        assert predictor.stop() == 0
        with pytest.raises(grpc.RpcError) as ended:
            list(responses)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        is_over.set()


@pytest.mark.nightly
def test_a_signal_while_loading_ends_it_too() -> None:
    command = [sys.executable, "-m", "predictor", "--model-dir=demo", *FREE_PORTS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        # Stopped, the engine never finishes loading.
        wait_until(lambda: bool(child_pids(process.pid)))
        os.kill(engine_pid(process.pid), signal.SIGSTOP)
        log = [next(line for line in process.stderr if "Started server process" in line)]
        process.send_signal(signal.SIGTERM)
        log += process.stderr

        assert process.wait(30) == 0
    assert "Traceback" not in "".join(log)


def test_a_signal_before_the_server_runs_ends_it_with_0() -> None:
    command = [sys.executable, "-m", "predictor", "--model-dir=demo", *FREE_PORTS]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        # The engine is started before kserve is imported, which takes seconds.
        wait_until(lambda: bool(child_pids(process.pid)))
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0


def test_those_who_still_wait_when_the_grace_period_ends_are_told_so(
    start: Callable[..., Any],
) -> None:
    predictor = start("--model-dir=demo", "--grace-period-s=1")
    # Stopped, the engine finishes nothing.
    os.kill(engine_pid(predictor.process.pid), signal.SIGSTOP)
    waiting = [send(predictor.url, path) for path in ("generate", "generate_stream")]
    # Answered after both were read: the server takes what has arrived in its order.
    for _ in range(2):
        httpx.get(f"{predictor.url}/v2/health/live").raise_for_status()

    predictor.process.send_signal(signal.SIGTERM)
    unary, stream = map(read_to_the_end, waiting)

    assert unary.startswith("HTTP/1.1 503 ")
    assert stream.startswith("HTTP/1.1 200 ")
    for answer in (unary, stream):
        assert '{"error":"the server stopped before the generation ended"}' in answer


def send(url: str, path: str) -> socket.socket:
    """Send a long generation's request and leave its answer in the socket."""
    body = json.dumps({"text_input": "hello", "parameters": {"ignore_eos": True}})
    head = f"POST /v2/models/r1/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.sendall((head + body).encode())
    return connection


def read_to_the_end(connection: socket.socket) -> str:
    with connection, connection.makefile("rb") as answer:
        return answer.read().decode()


def test_while_accepted_requests_finish_newcomers_hear_that_it_stops(
    start: Callable[..., Any],
) -> None:
    # Nobody waits for the end of the grace period.
    predictor = start("--model-dir=demo", "--grace-period-s=60")
    url = f"{predictor.url}/v2/models/r1"
    body = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 1000}}

    with httpx.stream("POST", f"{url}/generate_stream", json=body, timeout=60) as response:
        lines = (line for line in response.iter_lines() if line)
        next(lines)
        with held_engine(predictor):
            predictor.process.send_signal(signal.SIGTERM)
            wait_until(lambda: httpx.get(f"{predictor.url}/v2/health/ready").status_code == 503)
            refused = httpx.post(f"{url}/generate", json=body)
            live = httpx.get(f"{predictor.url}/v2/health/live")
            with grpc.insecure_channel(predictor.grpc_address) as channel:
                infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
                with pytest.raises(grpc.RpcError) as refused_rpc:
                    infer(b"\x0a\x02r1", timeout=60)
        last = list(lines)[-1]

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json() == {"error": "model r1 is stopping"}
    assert refused_rpc.value.code() is grpc.StatusCode.UNAVAILABLE
    assert live.status_code == 200
    assert json.loads(last.removeprefix("data: "))["details"]["finish_reason"] == "length"
    assert predictor.process.wait(30) == 0
    assert "Traceback" not in predictor.output


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
    wait_until(lambda: httpx.get(f"{url}/ready").status_code == 200)
    again = httpx.post(f"{url}/generate", json={"text_input": "3*4="}, timeout=60)

    assert json.loads(last.removeprefix("data: ")) == {
        "error": "the engine ended before the generation did"
    }
    assert not_ready.status_code == 503
    assert again.json()["text_output"] == "12"


@pytest.mark.nightly
def test_while_the_engine_cannot_be_replaced_the_server_is_not_live(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    model_dir = tmp_path / "model"
    shutil.copytree(DEMO_MODEL_DIR, model_dir, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    predictor = start(f"--model-dir={model_dir}")
    live = f"{predictor.url}/v2/health/live"
    (model_dir / "config.json").rename(tmp_path / "config.json")

    assert httpx.get(live).status_code == 200
    os.kill(engine_pid(predictor.process.pid), signal.SIGKILL)
    wait_until(lambda: httpx.get(live).status_code == 503)
    ready = httpx.get(f"{predictor.url}/v2/health/ready")
    (tmp_path / "config.json").rename(model_dir / "config.json")
    wait_until(lambda: httpx.get(live).status_code == 200)
    wait_until(lambda: httpx.get(f"{predictor.url}/v2/health/ready").status_code == 200)

    assert ready.status_code == 503
    assert ready.json() == {"error": "model r1 has lost its engine and waits for another"}


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


@pytest.mark.nightly
def test_the_engine_ends_with_a_server_that_is_killed(start: Callable[..., Any]) -> None:
    predictor = start("--model-dir=demo")
    pid = engine_pid(predictor.process.pid)

    predictor.process.kill()
    predictor.process.wait()

    wait_until(lambda: not is_running(pid))


def child_pids(server_pid: int) -> list[int]:
    children = Path(f"/proc/{server_pid}/task/{server_pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def engine_pid(server_pid: int) -> int:
    (pid,) = child_pids(server_pid)
    return pid


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
