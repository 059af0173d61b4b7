"""Which outputs are bytes after a response's JSON, and where they lie."""

import struct

import orjson
import pytest
import tritonclient.http
from kserve.protocol import infer_type

from predictor.config import Limits
from predictor.protocol.binary import BinaryOutputs
from predictor.protocol.rest import dump_infer_response, parse_infer_body


def prefixed(*texts):
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


RESPONSE = infer_type.InferResponse(
    "id-1",
    "r1",
    [
        infer_type.InferOutput("text_output", [2], "BYTES", ["a", "zwölf"]),
        infer_type.InferOutput("prompt_tokens", [2], "INT32", [1, 2], {"x": 1}),
    ],
    "1",
)
RAWS = {"text_output": prefixed(b"a", "zwölf".encode()), "prompt_tokens": struct.pack("<2i", 1, 2)}


def asking(default=None, **wishes):
    """Return a request's parameters and outputs that ask for binary data."""
    outputs = [
        {"name": name, "parameters": {} if wish is None else {"binary_data": wish}}
        for name, wish in wishes.items()
    ]
    parameters = {} if default is None else {"binary_data_output": default}
    return orjson.dumps({"inputs": [], "parameters": parameters, "outputs": outputs})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (asking(), []),
        (asking(default=False), []),
        (asking(default=True), ["text_output", "prompt_tokens"]),
        (asking(text_output=None, prompt_tokens=None), []),
        (asking(text_output=True, prompt_tokens=None), ["text_output"]),
        (asking(text_output=False, prompt_tokens=True), ["prompt_tokens"]),
        (asking(default=True, text_output=None, prompt_tokens=False), ["text_output"]),
        (asking(default=False, text_output=True, prompt_tokens=None), ["text_output"]),
        (asking(default=True, text_output=False, prompt_tokens=False), []),
    ],
    ids=["none", "no", "all", "unsaid", "one", "other", "but one", "only one", "all but all"],
)
def test_an_output_is_binary_if_it_says_so_or_else_if_all_are(asked, expected):
    call = parse_infer_body(asked, "r1", Limits())
    assert [name for name in RAWS if call.binary_outputs.has(name)] == expected
    assert call.request.parameters == {}
    assert all(output.parameters == {} for output in call.request.request_outputs)


def test_binary_outputs_follow_the_json_in_the_order_of_the_outputs():
    body, json_length = dump_infer_response(RESPONSE, BinaryOutputs(default=True))
    assert orjson.loads(body[:json_length]) == {
        "model_name": "r1",
        "model_version": "1",
        "id": "id-1",
        "outputs": [
            {
                "name": "text_output",
                "shape": [2],
                "datatype": "BYTES",
                "parameters": {"binary_data_size": len(RAWS["text_output"])},
            },
            {
                "name": "prompt_tokens",
                "shape": [2],
                "datatype": "INT32",
                "parameters": {"x": 1, "binary_data_size": 8},
            },
        ],
    }
    assert body[json_length:] == RAWS["text_output"] + RAWS["prompt_tokens"]


def test_an_output_that_is_not_binary_stays_in_the_json():
    body, json_length = dump_infer_response(RESPONSE, BinaryOutputs(wishes={"prompt_tokens": True}))
    text_output, prompt_tokens = orjson.loads(body[:json_length])["outputs"]
    assert (text_output["data"], "parameters" in text_output) == (["a", "zwölf"], False)
    assert "data" not in prompt_tokens
    assert body[json_length:] == RAWS["prompt_tokens"]


def test_a_response_in_json_alone_has_no_json_length():
    body, json_length = dump_infer_response(RESPONSE, BinaryOutputs())
    assert json_length is None
    assert [output["data"] for output in orjson.loads(body)["outputs"]] == [["a", "zwölf"], [1, 2]]


def test_kserve_s_client_reads_a_binary_response():
    body, json_length = dump_infer_response(RESPONSE, BinaryOutputs(default=True))
    read = infer_type.InferResponse.from_bytes(body, json_length)
    assert [output.data for output in read.outputs] == [["a", "zwölf"], [1, 2]]


@pytest.mark.parametrize("wishes", [{}, {"text_output": False}, {"prompt_tokens": False}])
def test_triton_s_client_reads_any_mix(wishes):
    body, json_length = dump_infer_response(RESPONSE, BinaryOutputs(default=True, wishes=wishes))
    read = tritonclient.http.InferResult.from_response_body(body, header_length=json_length)
    texts = [
        text if isinstance(text, str) else text.decode() for text in read.as_numpy("text_output")
    ]
    assert texts == ["a", "zwölf"]
    assert read.as_numpy("prompt_tokens").tolist() == [1, 2]
