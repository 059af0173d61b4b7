"""Streams, calls and clients that leave, through the front."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest

from predictor.protocol import messages
from tests.manifests.single_host.backends import EVENT, Backend
from tests.manifests.single_host.front import Front
from tests.predictor.server.conftest import Predictor, call
from tests.predictor.server.gauges import IDLE, held, wait_until

BRIEF = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 9}}
# Of half a minute.
ENDLESS = {"text_input": "hello", "parameters": {"ignore_eos": True, "max_tokens": 3000}}
# Less than it would last.
FREED_S = 20


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


ENDLESS_REQUEST = infer_request("hello", max_tokens=3000, min_tokens=3000)


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
        answers = [client.post("/v2/models/r1/generate", json=body) for _ in range(6)]

    assert {answer.json()["text_output"] for answer in answers} == {"12"}
    lines = [front.line_of(answer.headers["x-request-id"]) for answer in answers]
    assert len({line["upstream"] for line in lines}) == 2


def test_a_stream_is_carried_to_its_end(client: httpx.Client) -> None:
    with client.stream("POST", "/v2/models/r1/generate_stream", json=BRIEF) as response:
        *_, last = (line for line in response.iter_lines() if line)

    assert json.loads(last.removeprefix("data: "))["details"]["finish_reason"] == "length"


def test_an_event_goes_on_at_once_whatever_the_predictor_says_of_buffering(
    start_front: Callable[..., Front], backend: Callable[[str], Backend]
) -> None:
    first = backend("drip")
    front = start_front([first.port, None, None, None])

    with (
        front.client() as client,
        client.stream("POST", "/v2/models/r1/generate_stream") as stream,
    ):
        parts = stream.iter_raw()
        before = next(parts)
        first.go_on.set()
        after = b"".join(parts)

    assert (before, after) == (EVENT, EVENT)


def test_a_client_that_leaves_its_stream_at_the_first_event_frees_its_sequence(
    client: httpx.Client, pair: list[Predictor]
) -> None:
    with client.stream("POST", "/v2/models/r1/generate_stream", json=ENDLESS) as response:
        # Held: without its iterator the response closes.
        lines = response.iter_lines()
        next(lines)
        # It came while the rest was being generated.
        wait_until(lambda: num_running(pair) == 1)

    wait_until(lambda: is_idle(pair), FREED_S)


def test_a_client_that_leaves_before_its_answer_frees_its_sequence(
    front: Front, pair: list[Predictor]
) -> None:
    body = json.dumps(ENDLESS).encode()
    head = (
        "POST /v2/models/r1/generate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Authorization: {front.bearer()['authorization']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    with front.send_raw(head.encode() + body):
        wait_until(lambda: num_running(pair) == 1)

    wait_until(lambda: is_idle(pair), FREED_S)


def test_a_call_is_answered_over_tls(channel: grpc.Channel) -> None:
    response = call(channel, "ModelInfer", infer_request("what is 128 + 367?"))

    assert response.outputs[0].contents.bytes_contents == [b"495"]


def test_the_responses_of_a_call_arrive_while_the_rest_is_generated(
    channel: grpc.Channel, pair: list[Predictor]
) -> None:
    responses = stream_infer(channel, iter([ENDLESS_REQUEST]))

    for _ in range(3):
        next(responses)
    wait_until(lambda: num_running(pair) == 1)

    responses.cancel()
    wait_until(lambda: is_idle(pair))


def test_the_responses_of_a_call_are_carried_to_its_end(channel: grpc.Channel) -> None:
    request = infer_request("hello", max_tokens=9, min_tokens=9)

    assert len(list(stream_infer(channel, iter([request])))) > 2


def test_a_call_that_is_cancelled_frees_its_sequence(
    channel: grpc.Channel, pair: list[Predictor]
) -> None:
    responses = stream_infer(channel, iter([ENDLESS_REQUEST]))

    next(responses)
    responses.cancel()

    wait_until(lambda: is_idle(pair), FREED_S)


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
