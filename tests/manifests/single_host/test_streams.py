"""Streams, calls and clients that leave, through the front."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol import messages
from tests.manifests.single_host.backends import EVENT, Backend
from tests.manifests.single_host.front import Front, free_port
from tests.predictor.server.conftest import Predictor, call
from tests.predictor.server.gauges import IDLE, held, wait_until

LONG = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 100}}
ENDLESS = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 3000}}


def num_running(pair: list[Predictor]) -> float:
    return sum(held(predictor)["r1_sequences_running"] for predictor in pair)


def is_idle(pair: list[Predictor]) -> bool:
    return [held(predictor) for predictor in pair] == [IDLE, IDLE]


def infer_request(prompt: str, **parameters: int) -> Any:
    request = messages.ModelInferRequest(model_name="r1")
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(prompt.encode())
    request.parameters["temperature"].double_param = 0.0
    for name, value in parameters.items():
        request.parameters[name].int64_param = value
    return request


@pytest.fixture
def channel(front: Front) -> Iterator[grpc.Channel]:
    metadata = tuple(front.bearer().items())

    class WithKey(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            return continuation(details._replace(metadata=metadata), request)

        intercept_stream_stream = intercept_unary_unary

    with front.channel() as channel:
        yield grpc.intercept_channel(channel, WithKey())


def test_answers_come_from_both_predictors(front: Front) -> None:
    with front.client() as client:
        body = {"text_input": "3*4=", "parameters": {"temperature": 0, "enable_thinking": False}}
        answers = [client.post("/v2/models/r1/generate", json=body).json() for _ in range(6)]

    assert {answer["text_output"] for answer in answers} == {"12"}
    asked = [line["upstream"] for line in front.access_log()[-6:]]
    assert len(set(asked)) == 2


def test_the_first_event_arrives_while_the_rest_is_generated(
    client: httpx.Client, pair: list[Predictor]
) -> None:
    with client.stream("POST", "/v2/models/r1/generate_stream", json=LONG) as response:
        events = (line for line in response.iter_lines() if line)
        next(events)
        wait_until(lambda: num_running(pair) == 1, 5)
        last = list(events)[-1]

    assert json.loads(last.removeprefix("data: "))["details"]["finish_reason"] == "length"


def test_an_event_goes_on_at_once_whatever_the_predictor_says_of_buffering(
    start_front: Callable[..., Front], backend: Callable[[str], Backend]
) -> None:
    first = backend("drip")
    front = start_front([first.port, free_port(), free_port(), free_port()])

    with (
        front.client() as client,
        client.stream("POST", "/v2/models/r1/generate_stream", timeout=5) as stream,
    ):
        parts = stream.iter_raw()
        before = next(parts)
        first.go_on.set()
        after = b"".join(parts)

    assert (before, after) == (EVENT, EVENT)


def test_a_client_that_leaves_its_stream_frees_its_sequence(
    client: httpx.Client, pair: list[Predictor]
) -> None:
    with client.stream("POST", "/v2/models/r1/generate_stream", json=ENDLESS) as response:
        # Held: without its iterator the response closes.
        lines = response.iter_lines()
        next(lines)
        wait_until(lambda: num_running(pair) == 1, 5)

    wait_until(lambda: is_idle(pair), 5)


def test_a_client_that_leaves_before_its_answer_frees_its_sequence(
    client: httpx.Client, pair: list[Predictor]
) -> None:
    with ThreadPoolExecutor() as pool:
        asking = pool.submit(client.post, "/v2/models/r1/generate", json=ENDLESS, timeout=1)
        wait_until(lambda: num_running(pair) == 1, 5)

    assert isinstance(asking.exception(), httpx.ReadTimeout)
    wait_until(lambda: is_idle(pair), 5)


def test_a_call_is_answered_over_tls(channel: grpc.Channel) -> None:
    response = call(channel, "ModelInfer", infer_request("what is 128 + 367?"))

    assert response.outputs[0].contents.bytes_contents == [b"495"]


def test_the_responses_of_a_call_arrive_while_the_rest_is_generated(
    channel: grpc.Channel, pair: list[Predictor]
) -> None:
    request = infer_request("hello", max_tokens=100, min_tokens=100)
    responses = stream_infer(channel, iter([request]))

    next(responses)
    wait_until(lambda: num_running(pair) == 1, 5)

    assert len(list(responses)) > 2


def test_a_call_that_is_cancelled_frees_its_sequence(
    channel: grpc.Channel, pair: list[Predictor]
) -> None:
    responses = stream_infer(
        channel, iter([infer_request("hello", max_tokens=3000, min_tokens=3000)])
    )

    next(responses)
    responses.cancel()

    wait_until(lambda: is_idle(pair), 5)


@pytest.mark.parametrize(
    ("method", "has_key", "code"),
    [
        ("ModelInfer", False, grpc.StatusCode.UNAUTHENTICATED),
        ("RepositoryIndex", True, grpc.StatusCode.UNIMPLEMENTED),
    ],
    ids=["no key", "not for clients"],
)
def test_a_call_that_is_refused_has_grpcs_code(
    front: Front, method: str, has_key: bool, code: grpc.StatusCode
) -> None:
    metadata = tuple(front.bearer().items()) * has_key
    with front.channel() as channel:
        rpc = channel.unary_unary(f"/{messages.SERVICE}/{method}")
        with pytest.raises(grpc.RpcError) as refused:
            rpc(b"", metadata=metadata, timeout=20)

    assert refused.value.code() is code


def test_a_call_of_too_many_is_unavailable(front: Front) -> None:
    metadata = tuple(front.bearer().items())
    with front.channel() as channel:
        rpc = channel.unary_unary(f"/{messages.SERVICE}/ServerLive")
        with pytest.raises(grpc.RpcError) as refused:
            deque((rpc(b"", metadata=metadata, timeout=20) for _ in range(500)), 0)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def stream_infer(channel: grpc.Channel, requests: Iterator[Any]) -> Any:
    rpc = channel.stream_stream(
        f"/{messages.SERVICE}/ModelStreamInfer",
        request_serializer=messages.ModelInferRequest.SerializeToString,
        response_deserializer=messages.ModelStreamInferResponse.FromString,
    )
    return rpc(requests, timeout=60)
