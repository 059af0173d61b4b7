"""The predictor's image as a pod runs it."""

import uuid
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol import messages
from tests.image.containers import Served, launch, serve

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]

QUESTION = "what is 128 + 367?"


def test_it_is_ready_within_seconds(container: Served) -> None:
    assert 0 < container.ready_after_s < 30


def test_it_answers_over_rest(container: Served) -> None:
    tensor = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [QUESTION]}
    url = f"{container.url}/v2/models/r1/infer"
    response = httpx.post(url, json={"inputs": [tensor]}, timeout=60)

    outputs = {output["name"]: output["data"] for output in response.json()["outputs"]}
    assert (outputs["text_output"], outputs["finish_reason"]) == (["495"], ["stop"])


def test_it_answers_over_grpc(container: Served) -> None:
    request = messages.ModelInferRequest(model_name="r1")
    tensor = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    tensor.contents.bytes_contents.append(QUESTION.encode())
    with grpc.insecure_channel(container.grpc_address) as channel:
        infer = channel.unary_unary(
            f"/{messages.SERVICE}/ModelInfer",
            request_serializer=messages.ModelInferRequest.SerializeToString,
            response_deserializer=messages.ModelInferResponse.FromString,
        )
        response = infer(request, timeout=60)

    outputs = {output.name: output.contents.bytes_contents for output in response.outputs}
    assert list(outputs["text_output"]) == [b"495"]


def test_it_answers_a_chat_over_openais_protocol(container: Served) -> None:
    body = {"model": "r1", "messages": [{"role": "user", "content": QUESTION}]}
    response = httpx.post(f"{container.url}/openai/v1/chat/completions", json=body, timeout=60)

    assert response.json()["choices"][0]["message"]["content"] == "495"


def test_all_its_processes_are_the_users_without_a_capability(container: Served) -> None:
    script = "cat /proc/[0-9]*/status | grep -E '^(Uid|Gid|CapEff|CapBnd|NoNewPrivs):' | sort -u"
    lines = container.execute("sh", "-c", script).stdout.split("\n")

    assert [line.split() for line in lines if line] == [
        ["CapBnd:", "0" * 16],
        ["CapEff:", "0" * 16],
        ["Gid:", *["10001"] * 4],
        ["NoNewPrivs:", "1"],
        ["Uid:", *["10001"] * 4],
    ]


def test_the_first_process_is_the_predictor_and_no_shell(container: Served) -> None:
    command = container.execute("cat", "/proc/1/cmdline").stdout.split("\0")

    assert command[1:3] == ["/opt/r1/bin/r1-predictor", "--model-dir=demo"]


@pytest.mark.parametrize("path", ["/x", "/opt/r1/x", "/var/tmp/x", "/home/x"])
def test_it_can_write_nowhere_else(container: Served, path: str) -> None:
    result = container.execute("touch", path)

    assert "Read-only file system" in result.stderr


def test_it_can_write_to_tmp(container: Served) -> None:
    assert container.execute("touch", f"/tmp/{uuid.uuid4().hex}").returncode == 0


def test_sigterm_lets_a_stream_finish_and_ends_with_status_0(
    predictor_image: str, launched: Callable[..., Served]
) -> None:
    served = launched(serve, predictor_image, R1_FAULTS='{"step_delay_s": 0.05}')
    body = {"text_input": QUESTION, "parameters": {"temperature": 0}}
    url = f"{served.url}/v2/models/r1/generate_stream"
    with httpx.stream("POST", url, json=body, timeout=60) as response:
        events = response.iter_lines()
        first = next(events)
        served.terminate()
        rest = "".join(events)

    assert "text_output" in first
    assert '"finish_reason":"eos_token"' in rest
    assert served.status() == 0, served.output


def test_sigterm_ends_it_while_it_still_starts(
    predictor_image: str, launched: Callable[..., Served]
) -> None:
    served = launched(launch, predictor_image, "--model-dir=demo", "--http-port=0", "--grpc-port=0")
    # The engine's process comes first, the server's imports take seconds more.
    served.wait_for_child()
    served.terminate()

    # The first process of a container gets no signal that it does not handle.
    assert served.status() == 0
    assert "is ready" not in served.output


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param(
            ["--model-dir=/nowhere"], "model directory /nowhere does not exist", id="flag"
        ),
        pytest.param([], "model directory /mnt/models does not exist", id="default"),
    ],
)
def test_a_missing_model_is_one_line_and_status_1(
    predictor_image: str, launched: Callable[..., Any], flags: list[str], message: str
) -> None:
    served = launched(launch, predictor_image, *flags)

    assert served.status() == 1
    served.reader.join(10)
    assert served.lines == [f"r1-predictor: {message}\n"]
