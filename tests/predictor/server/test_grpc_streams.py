"""ModelStreamInfer: many requests in one call, each with its own end or error."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from predictor.protocol import messages

QUESTION = "what is 128 + 367?"
METHOD = "/inference.GRPCInferenceService/ModelStreamInfer"
EMPTY_FINAL = "triton_enable_empty_final_response"
CHOICES = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}


def stream_request(prompt: str, request_id: str, **parameters: bool | int | float | str) -> Any:
    request = messages.ModelInferRequest(model_name="r1", id=request_id)
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(prompt.encode())
    for name, value in {"temperature": 0.0, **parameters}.items():
        setattr(request.parameters[name], CHOICES[type(value)], value)
    return request


def text_of(response: Any, name: str) -> str:
    tensor = next(output for output in response.outputs if output.name == name)
    data: bytes = tensor.contents.bytes_contents[0]
    return data.decode()


def is_final(response: Any) -> bool:
    is_last: bool = response.parameters["triton_final_response"].bool_param
    return is_last


def test_every_request_of_a_stream_is_answered_and_its_last_response_marked(
    rpc: Callable[..., Any],
) -> None:
    responses = rpc("ModelStreamInfer", stream_request("3*4=", "a"), stream_request(QUESTION, "b"))

    assert not any(response.error_message for response in responses)
    for request_id, answer in (("a", "12"), ("b", "495")):
        own = [r.infer_response for r in responses if r.infer_response.id == request_id]
        assert "".join(text_of(response, "text_output") for response in own) == answer
        assert [is_final(r) for r in own] == [False] * (len(own) - 1) + [True]
        texts = [text_of(r, "text_output") + text_of(r, "reasoning_output") for r in own[:-1]]
        assert all(texts)
        assert text_of(own[-1], "finish_reason") == "stop"


def test_an_empty_final_response_follows_the_last_content_where_asked_for(
    rpc: Callable[..., Any],
) -> None:
    responses = rpc("ModelStreamInfer", stream_request("3*4=", "a", **{EMPTY_FINAL: True}))

    *content, last = [response.infer_response for response in responses]
    assert [is_final(r) for r in content] == [False] * len(content)
    assert text_of(content[-1], "finish_reason") == "stop"
    assert (last.id, last.model_name, list(last.outputs)) == ("a", "r1", [])
    assert is_final(last)


def test_bad_requests_are_answered_with_errors_and_spare_the_others(
    rpc: Callable[..., Any],
) -> None:
    responses = rpc(
        "ModelStreamInfer",
        stream_request("", "bad"),
        stream_request("3*4=", "x" * 257),
        stream_request("3*4=", "good"),
    )

    errors = {r.infer_response.id: r for r in responses if r.error_message}
    assert "row 0" in errors["bad"].error_message
    # An id that is too long to be taken is too long to be echoed.
    assert "id has 257 characters" in errors[""].error_message
    assert all(is_final(error.infer_response) for error in errors.values())
    good = [r.infer_response for r in responses if r.infer_response.id == "good"]
    assert "".join(text_of(response, "text_output") for response in good) == "12"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        pytest.param({EMPTY_FINAL: 1}, f"{EMPTY_FINAL} is 1, must be true or false", id="type"),
        pytest.param({"sequence_id": 7}, "parameter 'sequence_id'", id="sequence-id"),
        pytest.param({"sequence_start": True}, "parameter 'sequence_start'", id="sequence-start"),
        pytest.param({"sequence_end": True}, "parameter 'sequence_end'", id="sequence-end"),
        pytest.param({"priority": 1}, "parameter 'priority'", id="priority"),
        pytest.param({"timeout": 1000}, "parameter 'timeout'", id="timeout"),
    ],
)
def test_parameters_that_cannot_be_followed_are_refused_by_name(
    rpc: Callable[..., Any], parameters: dict[str, bool | int], words: str
) -> None:
    (response,) = rpc("ModelStreamInfer", stream_request("3*4=", "a", **parameters))

    assert words in response.error_message


def test_a_single_request_knows_no_final_response(rpc: Callable[..., Any]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        rpc("ModelInfer", stream_request("3*4=", "a", **{EMPTY_FINAL: True}))

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"parameter '{EMPTY_FINAL}'" in caught.value.details()


def test_bytes_that_are_no_message_are_refused_and_spare_the_others(predictor: Any) -> None:
    good = stream_request("3*4=", "good").SerializeToString()
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        rpc = channel.stream_stream(
            METHOD, response_deserializer=messages.ModelStreamInferResponse.FromString
        )
        responses = list(rpc(iter([b"\xff\xff\xff\xff", good]), timeout=30))

    assert [r.error_message for r in responses if r.error_message] == [
        "the request is no ModelInferRequest message"
    ]
    assert responses[-1].infer_response.id == "good"


def test_a_stream_of_more_requests_than_are_taken_at_once_is_answered_whole(
    rpc: Callable[..., Any],
) -> None:
    requests = [stream_request(f"{n}+{n}=", str(n), max_tokens=2) for n in range(10, 160)]

    responses = rpc("ModelStreamInfer", *requests)

    ended = [r.infer_response.id for r in responses if is_final(r.infer_response)]
    assert sorted(ended, key=int) == [str(n) for n in range(10, 160)]
    assert not any(response.error_message for response in responses)
