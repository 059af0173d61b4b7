"""Streams over REST and gRPC: deltas, endings, clients that leave."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol import messages
from tests.predictor.server.gauges import IDLE, held, wait_until

QUESTION = "what is 128 + 367?"
LONG = {"ignore_eos": True, "max_tokens": 1000}


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line:
            assert line.startswith("data: ")
            yield json.loads(line.removeprefix("data: "))


def stream(rest: httpx.Client, prompt: str, **parameters: Any) -> list[dict[str, Any]]:
    body = {"text_input": prompt, "parameters": parameters}
    with rest.stream("POST", "/generate_stream", json=body) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(events(response))


def joined(parts: list[dict[str, Any]], name: str) -> str:
    return "".join(part[name] for part in parts)


def stream_request(prompt: str, request_id: str = "", **parameters: int) -> Any:
    request = messages.ModelInferRequest(model_name="r1", id=request_id)
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(prompt.encode())
    request.parameters["temperature"].double_param = 0.0
    for name, value in parameters.items():
        request.parameters[name].int64_param = value
    return request


def text_of(response: Any, name: str) -> str:
    tensor = next(output for output in response.outputs if output.name == name)
    data: bytes = tensor.contents.bytes_contents[0]
    return data.decode()


def test_the_events_of_a_stream_join_to_the_whole_generation(rest: httpx.Client) -> None:
    body = {"text_input": QUESTION, "parameters": {"temperature": 0, "details": True}}
    whole = rest.post("/generate", json=body).json()

    parts = stream(rest, QUESTION, temperature=0)

    assert joined(parts, "text_output") == whole["text_output"] == "495"
    assert joined(parts, "reasoning_output") == whole["reasoning_output"]
    assert len(parts) > 3
    assert all("details" not in part for part in parts[:-1])
    assert all(part["text_output"] or part["reasoning_output"] for part in parts[:-1])
    usage = {"usage": whole["details"]["usage"], "finish_reason": "eos_token"}
    assert parts[-1]["details"] == usage


def test_details_give_every_token_once(rest: httpx.Client) -> None:
    parts = stream(rest, QUESTION, temperature=0, details=True)

    tokens = [part["details"]["token"] for part in parts]
    assert len(tokens) == parts[-1]["details"]["usage"]["completion_tokens"]
    assert "".join(t["text"] for t in tokens if not t["special"]).endswith("</think>\n\n495")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        pytest.param({}, "eos_token", id="eos"),
        pytest.param({"max_tokens": 4}, "length", id="length"),
        pytest.param({"stop": ["carry"]}, "stop_sequence", id="stop-string"),
        pytest.param({"stop_token_ids": list(range(600))[15:30]}, "stop_sequence", id="stop-id"),
    ],
)
def test_the_last_event_says_why_it_is_the_last(
    rest: httpx.Client, parameters: dict[str, Any], reason: str
) -> None:
    parts = stream(rest, QUESTION, temperature=0, **parameters)

    assert parts[-1]["details"]["finish_reason"] == reason


def test_a_bad_request_for_a_stream_is_an_error_and_no_stream(rest: httpx.Client) -> None:
    body = {"text_input": QUESTION, "parameters": {"top_p": 2}}

    response = rest.post("/generate_stream", json=body)

    assert response.status_code == 400
    assert "top_p is 2" in response.json()["error"]


def test_questions_are_answered_and_streamed_while_a_long_generation_runs(
    rest: httpx.Client, rpc: Callable[..., Any], predictor: Any
) -> None:
    body = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 4000}}
    url = f"{predictor.url}/v2/models/r1/generate_stream"
    with httpx.stream("POST", url, json=body, timeout=60) as response:
        long = events(response)
        next(long)
        parts = stream(rest, QUESTION, temperature=0)
        unary = rpc("ModelInfer", stream_request(QUESTION))
        streamed = rpc("ModelStreamInfer", stream_request(QUESTION))
        num_running = held(predictor)["r1_sequences_running"]
    wait_until(lambda: held(predictor) == IDLE)

    assert num_running == 1
    assert joined(parts, "text_output") == "495"
    assert text_of(unary, "text_output") == "495"
    assert "".join(text_of(r.infer_response, "text_output") for r in streamed) == "495"


class TestClientsThatLeave:
    """One sequence at a time: a generation that went on without its client would block the next."""

    @pytest.fixture
    def single(self, start: Callable[..., Any]) -> Any:
        return start("--model-dir=demo", "--max-num-seqs=1", "--max-num-batched-tokens=64")

    def answer_time_s(self, single: Any) -> float:
        started = time.monotonic()
        body = {"text_input": "3*4=", "parameters": {"max_tokens": 2}}
        response = httpx.post(f"{single.url}/v2/models/r1/generate", json=body, timeout=60)
        assert response.status_code == 200
        return time.monotonic() - started

    @pytest.mark.nightly
    @pytest.mark.timing
    def test_leaving_frees_the_engine_at_once(self, single: Any) -> None:
        url = f"{single.url}/v2/models/r1"
        body = {"text_input": "hello", "parameters": LONG}
        whole_s = self._time_of_a_long_generation(url, body)

        with httpx.stream("POST", f"{url}/generate_stream", json=body, timeout=60) as response:
            next(events(response))
        after_stream_s = self.answer_time_s(single)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/generate", json=body, timeout=0.3)
        after_unary_s = self.answer_time_s(single)
        tensor = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": ["hello"]}
        infer = {"inputs": [tensor], "parameters": LONG}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/infer", json=infer, timeout=0.3)
        after_infer_s = self.answer_time_s(single)
        self._cancel_grpc(single.grpc_address)
        after_grpc_s = self.answer_time_s(single)

        after_s = [after_stream_s, after_unary_s, after_infer_s, after_grpc_s]
        assert max(after_s) < whole_s / 2

    def _time_of_a_long_generation(self, url: str, body: dict[str, Any]) -> float:
        started = time.monotonic()
        httpx.post(f"{url}/generate", json=body, timeout=60).raise_for_status()
        return time.monotonic() - started

    def _cancel_grpc(self, address: str) -> None:
        request = stream_request("hello", max_tokens=1000)
        request.parameters["ignore_eos"].bool_param = True
        with grpc.insecure_channel(address) as channel:
            rpc = channel.unary_unary(
                f"/{messages.SERVICE}/ModelInfer",
                request_serializer=messages.ModelInferRequest.SerializeToString,
                response_deserializer=messages.ModelInferResponse.FromString,
            )
            with pytest.raises(grpc.RpcError) as caught:
                rpc(request, timeout=0.3)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_concurrent_streams_do_not_mix(rest: httpx.Client) -> None:
    questions = {f"{a}+{a}=": str(2 * a) for a in range(100, 116)}
    answers: dict[str, str] = {}

    def ask(question: str) -> None:
        parts = stream(rest, question, temperature=0)
        answers[question] = joined(parts, "text_output")

    threads = [threading.Thread(target=ask, args=(question,)) for question in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    right = sum(answers[question] == answer for question, answer in questions.items())
    assert right >= len(questions) - 1
