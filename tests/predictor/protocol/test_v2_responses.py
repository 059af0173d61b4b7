"""The tensors of a response and of a stream's responses."""

import orjson
import pytest
from kserve.protocol.infer_type import InferInput, InferRequest, RequestedOutput

from predictor.engine.sequence import FinishReason
from predictor.generation import Completion, Delta, TokenInfo, TopToken, Usage
from predictor.protocol.v2 import OUTPUT_TENSORS, encode_infer, encode_stream_delta


def request(*inputs, parameters=None, outputs=()):
    return InferRequest(
        "r1",
        list(inputs),
        request_id="id-1",
        parameters=parameters,
        request_outputs=[RequestedOutput(name) for name in outputs],
    )


def test_a_tensor_s_metadata_is_the_protocol_s():
    assert OUTPUT_TENSORS[3].describe() == {
        "name": "prompt_tokens",
        "datatype": "INT32",
        "shape": [-1],
    }


TOKENS = (
    TokenInfo(
        5,
        "4",
        False,
        False,
        b"4",
        -0.25,
        (TopToken("4", 5, -0.25, b"4"), TopToken("5", 6, -1.5, b"5")),
    ),
    TokenInfo(2, "<eos>", True, False, b"", -0.5, ()),
)
USAGE = Usage(prompt_tokens=10, reasoning_tokens=3, completion_tokens=6)
DONE = Completion("4", "2 and 2", TOKENS, FinishReason.EOS_TOKEN, USAGE)
CUT = Completion("", "hm", TOKENS[:1], FinishReason.LENGTH, Usage(11, 4, 4))


def outputs_of(response):
    return {output.name: output.data for output in response.outputs}


def test_the_response_has_a_row_for_each_completion():
    response = encode_infer([DONE, CUT], request(), "r1", "1")
    assert outputs_of(response) == {
        "text_output": ["4", ""],
        "reasoning_output": ["2 and 2", "hm"],
        "finish_reason": ["stop", "length"],
        "prompt_tokens": [10, 11],
        "reasoning_tokens": [3, 4],
        "completion_tokens": [6, 4],
    }
    assert (response.id, response.model_name, response.model_version) == ("id-1", "r1", "1")


def test_the_response_s_tensors_are_those_of_the_metadata():
    asked = request(parameters={"logprobs": 2})
    response = encode_infer([DONE, CUT], asked, "r1", "1")
    sent = [(output.name, output.datatype, output.shape) for output in response.outputs]
    assert sent == [(spec.name, spec.datatype, [2]) for spec in OUTPUT_TENSORS]


def test_logprobs_are_a_json_list_for_each_row():
    asked = request(InferInput("logprobs", [1], "INT32", [2]), outputs=["logprobs"])
    (row,) = encode_infer([DONE], asked, "r1", "1").outputs[0].data
    assert orjson.loads(row) == [
        {
            "token": "4",
            "id": 5,
            "logprob": -0.25,
            "top": [
                {"token": "4", "id": 5, "logprob": -0.25},
                {"token": "5", "id": 6, "logprob": -1.5},
            ],
        },
        {"token": "<eos>", "id": 2, "logprob": -0.5, "top": []},
    ]


def test_only_requested_outputs_are_sent_in_the_order_asked_for():
    asked = request(outputs=["completion_tokens", "text_output"])
    response = encode_infer([DONE], asked, "r1", "1")
    assert list(outputs_of(response).items()) == [
        ("completion_tokens", [6]),
        ("text_output", ["4"]),
    ]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (FinishReason.EOS_TOKEN, "stop"),
        (FinishReason.STOP_TOKEN, "stop"),
        (FinishReason.STOP_STRING, "stop"),
        (FinishReason.LENGTH, "length"),
    ],
)
def test_a_finish_reason_is_stop_or_length(reason, expected):
    asked = request(outputs=["finish_reason"])
    completion = Completion("", "", (), reason, USAGE)
    assert encode_infer([completion], asked, "r1", "1").outputs[0].data == [expected]


def test_a_completion_that_failed_is_never_encoded():
    failed = Completion("", "", (), FinishReason.NUMERIC_ERROR, USAGE)
    with pytest.raises(AssertionError):
        encode_infer([failed], request(), "r1", "1")


def test_a_delta_carries_texts_alone():
    response = encode_stream_delta(Delta("4", "so"), request(), "r1", "1")
    assert outputs_of(response) == {"text_output": ["4"], "reasoning_output": ["so"]}
    assert response.parameters == {"triton_final_response": False}
    assert response.id == "id-1"


def test_the_last_delta_also_says_why_and_how_much():
    last = Delta("", "", (), FinishReason.STOP_STRING, USAGE)
    response = encode_stream_delta(last, request(), "r1", "1")
    assert outputs_of(response) == {
        "text_output": [""],
        "reasoning_output": [""],
        "finish_reason": ["stop"],
        "prompt_tokens": [10],
        "reasoning_tokens": [3],
        "completion_tokens": [6],
    }
    assert response.parameters == {"triton_final_response": True}


def test_a_delta_honours_requested_outputs():
    asked = request(
        parameters={"logprobs": 0}, outputs=["finish_reason", "logprobs", "text_output"]
    )
    response = encode_stream_delta(Delta("4", "", TOKENS[:1]), asked, "r1", "1")
    assert list(outputs_of(response)) == ["logprobs", "text_output"]
