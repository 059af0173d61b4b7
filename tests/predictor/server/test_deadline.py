"""Generations that take longer than a request may."""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import openai
import pytest

from predictor.protocol import messages

ENDLESS = {"ignore_eos": True, "max_tokens": 3000}
HELLO: dict[str, Any] = {"model": "r1", "messages": [{"role": "user", "content": "hello"}]}
TIMEOUT_S = 2
MESSAGE = f"the generation took longer than {TIMEOUT_S} s, the most that a request may take"


@pytest.fixture(scope="module")
def hurried(module_start: Callable[..., Any]) -> Any:
    """A predictor whose requests may take forty steps."""
    delay = json.dumps({"step_delay_s": TIMEOUT_S / 40})
    return module_start("--model-dir=demo", f"--request-timeout-s={TIMEOUT_S}", R1_FAULTS=delay)


@pytest.fixture(scope="module")
def ends(hurried: Any) -> dict[str, Any]:
    """What became of endless generations, asked for at once in every way."""
    ways = (generate, generate_stream, chat, chat_stream, raw_chat_stream, infer_grpc)
    with ThreadPoolExecutor(len(ways)) as clients:
        asked: dict[str, Future[Any]] = {way.__name__: clients.submit(way, hurried) for way in ways}
        return {name: end.result() for name, end in asked.items()}


def generate(predictor: Any) -> httpx.Response:
    url = f"{predictor.url}/v2/models/r1/generate"
    return httpx.post(url, json={"text_input": "hello", "parameters": ENDLESS}, timeout=60)


def generate_stream(predictor: Any) -> list[Any]:
    url = f"{predictor.url}/v2/models/r1/generate_stream"
    answer = httpx.post(url, json={"text_input": "hello", "parameters": ENDLESS}, timeout=60)
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line]


def connect(predictor: Any) -> openai.OpenAI:
    url = f"{predictor.url}/openai/v1"
    return openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60)


def chat(predictor: Any) -> openai.InternalServerError:
    with connect(predictor) as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(**HELLO, max_tokens=3000, extra_body={"ignore_eos": True})
    return caught.value


def chat_stream(predictor: Any) -> tuple[list[Any], openai.APIError]:
    asked = {**HELLO, "max_tokens": 3000, "n": 2, "extra_body": {"ignore_eos": True}}
    chunks: list[Any] = []
    with (
        connect(predictor) as client,
        client.chat.completions.create(**asked, stream=True) as stream,
        pytest.raises(openai.APIError) as caught,
    ):
        chunks.extend(stream)
    return chunks, caught.value


def raw_chat_stream(predictor: Any) -> str:
    body = {**HELLO, **ENDLESS, "stream": True}
    url = f"{predictor.url}/openai/v1/chat/completions"
    return httpx.post(url, json=body, timeout=60).text


def infer_grpc(predictor: Any) -> grpc.RpcError:
    request = messages.ModelInferRequest(model_name="r1")
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(b"hello")
    request.parameters["ignore_eos"].bool_param = True
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        infer = channel.unary_unary(
            f"/{messages.SERVICE}/ModelInfer",
            request_serializer=messages.ModelInferRequest.SerializeToString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            infer(request, timeout=60)
    return caught.value


def test_over_rest_it_is_a_504(ends: dict[str, Any]) -> None:
    assert ends["generate"].status_code == 504
    assert ends["generate"].json() == {"error": MESSAGE}


def test_in_a_stream_it_is_the_last_event(ends: dict[str, Any]) -> None:
    *deltas, last = ends["generate_stream"]

    assert len(deltas) >= 1
    assert last == {"error": MESSAGE}


def test_in_openais_form_it_is_a_504_too(ends: dict[str, Any]) -> None:
    assert ends["chat"].status_code == 504
    assert MESSAGE in ends["chat"].message


def test_a_stream_of_openais_ends_with_an_error_and_no_done(ends: dict[str, Any]) -> None:
    chunks, error = ends["chat_stream"]

    assert len(chunks) >= 1
    assert error.message == MESSAGE
    assert error.type == "server_error"
    last = ends["raw_chat_stream"].split("\n\n")[-2]
    assert last.startswith('data: {"error":{"message":"the generation took')


def test_over_grpc_it_is_deadline_exceeded(ends: dict[str, Any]) -> None:
    assert ends["infer_grpc"].code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert ends["infer_grpc"].details() == MESSAGE


def test_it_is_counted(hurried: Any, ends: dict[str, Any]) -> None:
    lines = httpx.get(f"{hurried.url}/metrics", timeout=60).text.splitlines()
    ended = [line for line in lines if line.startswith("r1_requests_total")]

    assert sorted(
        line for line in ended if 'outcome="deadline"' in line and line[-4:] != " 0.0"
    ) == [
        f'r1_requests_total{{outcome="deadline",protocol="{protocol}",route="{route}"}} {number}'
        for protocol, route, number in (
            ("grpc", "ModelInfer", 1.0),
            ("rest", "chat_completions", 3.0),
            ("rest", "generate", 1.0),
            ("rest", "generate_stream", 1.0),
        )
    ]
    assert 'r1_truncated_streams_total{protocol="rest"} 3.0' in lines


def test_a_request_within_its_time_is_served(hurried: Any) -> None:
    url = f"{hurried.url}/v2/models/r1/generate"
    options = {"temperature": 0, "enable_thinking": False}
    answer = httpx.post(url, json={"text_input": "3*4=", "parameters": options}, timeout=60)

    assert answer.json()["text_output"] == "12"
