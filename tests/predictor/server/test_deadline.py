"""Generations that take longer than a request may."""

import json
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol import messages

ENDLESS = {"ignore_eos": True, "max_tokens": 3000}
MESSAGE = "the generation took longer than 0.5 s, the most that a request may take"


@pytest.fixture(scope="module")
def hurried(module_start: Callable[..., Any]) -> Any:
    """A predictor whose requests may take half a second, and steps a tenth of that."""
    return module_start(
        "--model-dir=demo", "--request-timeout-s=0.5", R1_FAULTS='{"step_delay_s": 0.05}'
    )


def test_over_rest_it_is_a_504(hurried: Any) -> None:
    url = f"{hurried.url}/v2/models/r1/generate"
    answer = httpx.post(url, json={"text_input": "hello", "parameters": ENDLESS}, timeout=60)

    assert answer.status_code == 504
    assert answer.json() == {"error": MESSAGE}
    assert outcomes(hurried, "generate") == {"deadline": 1}


def test_in_a_stream_it_is_the_last_event(hurried: Any) -> None:
    url = f"{hurried.url}/v2/models/r1/generate_stream"
    answer = httpx.post(url, json={"text_input": "hello", "parameters": ENDLESS}, timeout=60)
    *deltas, last = (json.loads(line[6:]) for line in answer.text.splitlines() if line)

    assert len(deltas) >= 1
    assert last == {"error": MESSAGE}
    assert outcomes(hurried, "generate_stream") == {"deadline": 1}
    assert 'r1_truncated_streams_total{protocol="rest"} 1.0' in metrics(hurried)


def test_in_openais_form_it_is_a_504_too(hurried: Any) -> None:
    url = f"{hurried.url}/openai/v1/chat/completions"
    chat = [{"role": "user", "content": "hello"}]
    body = {"model": "r1", "messages": chat, "ignore_eos": True, "max_tokens": 3000}
    answer = httpx.post(url, json=body, timeout=60)

    assert answer.status_code == 504
    assert answer.json()["error"]["message"] == MESSAGE


def test_over_grpc_it_is_deadline_exceeded(hurried: Any) -> None:
    request = messages.ModelInferRequest(model_name="r1")
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(b"hello")
    request.parameters["ignore_eos"].bool_param = True
    with grpc.insecure_channel(hurried.grpc_address) as channel:
        infer = channel.unary_unary(
            f"/{messages.SERVICE}/ModelInfer",
            request_serializer=messages.ModelInferRequest.SerializeToString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            infer(request, timeout=60)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert caught.value.details() == MESSAGE


def test_a_request_within_its_time_is_served(hurried: Any) -> None:
    url = f"{hurried.url}/v2/models/r1/generate"
    options = {"temperature": 0, "enable_thinking": False}
    answer = httpx.post(url, json={"text_input": "3*4=", "parameters": options}, timeout=60)

    assert answer.json()["text_output"] == "12"


def metrics(predictor: Any) -> str:
    return httpx.get(f"{predictor.url}/metrics", timeout=60).text


def outcomes(predictor: Any, route: str) -> dict[str, float]:
    """Return how often each outcome was had, if it was."""
    lines = [line for line in metrics(predictor).splitlines() if "r1_requests_total" in line]
    own = [line for line in lines if f'route="{route}"' in line]
    counts = {line.split('outcome="')[1].split('"')[0]: float(line.split()[-1]) for line in own}
    return {outcome: count for outcome, count in counts.items() if count}
