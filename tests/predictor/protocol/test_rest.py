"""The protocol's JSON."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.binary import BinaryOutputs
from predictor.protocol.rest import dump_infer_response, parse_infer_body
from predictor.protocol.v2 import decode_infer

SECRET = "SECRET-PROMPT"
TENSOR = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [SECRET]}


def body(**members):
    return orjson.dumps({"inputs": [TENSOR], **members})


def parse(raw, **limits):
    return parse_infer_body(raw, "r1", Limits(**limits)).request


def with_tensor(**members):
    return body(inputs=[{**TENSOR, **members}])


def without(name):
    return body(inputs=[{key: value for key, value in TENSOR.items() if key != name}])


def test_a_body_becomes_kserve_s_request():
    request = parse(
        body(
            id="42",
            model_name="r1",
            parameters={"temperature": 0.6, "stop": ["a"], "raw": True},
            outputs=[{"name": "text_output"}, {"name": "finish_reason", "parameters": {}}],
        )
    )
    assert (request.id, request.model_name) == ("42", "r1")
    assert request.parameters == {"temperature": 0.6, "stop": ["a"], "raw": True}
    assert [output.name for output in request.request_outputs] == ["text_output", "finish_reason"]
    (tensor,) = request.inputs
    assert (tensor.name, tensor.shape, tensor.datatype) == ("text_input", [1], "BYTES")
    assert tensor.data == [SECRET]


@pytest.mark.parametrize(
    ("members", "expected"),
    [({}, None), ({"id": ""}, ""), ({"id": ' a"\n\x00é😀'}, ' a"\n\x00é😀')],
    ids=["absent", "empty", "odd"],
)
def test_an_id_is_kept_as_it_is(members, expected):
    assert parse(body(**members)).id == expected


@pytest.mark.parametrize("request_id", ["", ' a"\n\x00é😀'], ids=["empty", "odd"])
def test_an_id_is_sent_as_it_is(request_id):
    sent, _ = dump_infer_response(InferResponse(request_id, "r1", []), BinaryOutputs())
    assert orjson.loads(sent)["id"] == request_id


def test_an_empty_list_of_outputs_asks_for_all():
    assert parse(body(outputs=[])).request_outputs == []


@pytest.mark.parametrize("data", [["a", "b"], [["a"], ["b"]]], ids=["flat", "nested"])
def test_a_column_comes_flat_or_nested(data):
    request = parse(with_tensor(shape=[2, 1], data=data))
    assert request.inputs[0].data == ["a", "b"]


BAD = {
    "empty": (b"", "the body is not JSON"),
    "not JSON": (b"{", "the body is not JSON"),
    "not UTF-8": (b'{"id":"\xff"}', "the body is not JSON"),
    "surrogate": (b'{"id":"\\ud800"}', "the body is not JSON: no low surrogate"),
    "NaN": (b'{"parameters":{"top_p":NaN}}', "the body is not JSON"),
    "1e999": (b'{"parameters":{"top_p":1e999}}', "the body is not JSON: number is infinity"),
    "byte order mark": (b"\xef\xbb\xbf{}", "the body is not JSON"),
    "deep": (b'{"id":' + b"[" * 64 + b"]" * 64 + b"}", "the body is nested deeper than 64 levels"),
    "very deep": (b"[" * 50_000, "the body is not JSON: depth limit exceeded"),
    "list": (b"[]", "the body is a list, must be an object"),
    "null": (b"null", "the body is null, must be an object"),
    "no inputs": (b"{}", "the body has no inputs"),
    "unknown member": (body(input=1), "the body has unknown member 'input', known: inputs, id"),
    "unknown version": (body(model_version="1"), "unknown member 'model_version'"),
    "null id": (body(id=None), "the body: id is null, leave it out instead"),
    "null parameters": (body(parameters=None), "the body: parameters is null, leave it out"),
    "null outputs": (body(outputs=None), "the body: outputs is null, leave it out instead"),
    "number id": (body(id=5), "id is a number, must be a string"),
    "long id": (body(id="x" * 257), "id has 257 characters, must have at most 256"),
    "other model": (body(model_name="r2"), "model_name is 'r2', must be 'r1' as in the path"),
    "number model": (body(model_name=1), "model_name is 1, must be 'r1'"),
    "list parameters": (body(parameters=[]), "parameters is a list, must be an object"),
    "inputs object": (body(inputs={}), "inputs is an object, must be a list"),
    "inputs text": (body(inputs=SECRET), "inputs is a string, must be a list"),
    "many inputs": (body(inputs=[{}] * 65), "inputs has 65 entries, must have at most 64"),
    "many outputs": (body(outputs=[{}] * 65), "outputs has 65 entries, must have at most 64"),
    "many parameters": (
        body(parameters={str(index): 1 for index in range(65)}),
        "parameters has 65 entries, must have at most 64",
    ),
    "bomb": (body(inputs=[{}] * 300_000), "the body holds over 100000 JSON values"),
    "key twice": (
        b'{"inputs":[{"name":"seed","data":[1],"data":[2]}]}',
        "the body has the key 'data' twice",
    ),
    "input text": (body(inputs=[SECRET]), "inputs[0] is a string, must be an object"),
    "input null": (body(inputs=[None]), "inputs[0] is null, must be an object"),
    "no name": (without("name"), "inputs[0] has no name"),
    "no shape": (without("shape"), "inputs[0] has no shape"),
    "no datatype": (without("datatype"), "inputs[0] has no datatype"),
    "no data": (without("data"), "'text_input' has neither of data and binary"),
    "null data": (with_tensor(data=None), "inputs[0]: data is null"),
    "input member": (with_tensor(dtype="BYTES"), "inputs[0] has unknown member 'dtype'"),
    "number name": (with_tensor(name=3), "inputs[0]: name is a number, must be a string"),
    "shape number": (with_tensor(shape=1), "input 'text_input': shape is a number"),
    "shape floats": (with_tensor(shape=[1.0]), "entries that are no integers, must be [n]"),
    "empty shape": (with_tensor(shape=[]), "input 'text_input' has shape [], must be [n]"),
    "shape beyond 64 bits": (with_tensor(shape=[2**63]), "has shape [9223372036854775808], must"),
    "shape far beyond": (
        b'{"inputs":[{"name":"seed","datatype":"INT8","shape":[1%s]}]}' % (b"0" * 30),
        "has shape with entries that are no integers",
    ),
    "shape product": (with_tensor(shape=[2]), "has shape [2], so 2 elements, but holds 1"),
    "data text": (with_tensor(data=SECRET), "input 'text_input': data is a string"),
    "ragged": (with_tensor(shape=[2, 1], data=[["a"], "b"]), "data[1] must be a list of 1"),
    "too nested": (with_tensor(shape=[1, 1], data=[["a", "b"]]), "data[0] must be a list of 1"),
    "datatype null": (with_tensor(datatype=None), "inputs[0]: datatype is null"),
    "datatype number": (with_tensor(datatype=3), "has datatype 3, must be one of BOOL, INT8"),
    "lower case": (with_tensor(datatype="bytes"), "has datatype 'bytes', must be one of"),
    "unknown datatype": (with_tensor(datatype="TEXT"), "has datatype 'TEXT', must be one of"),
    "input parameters": (with_tensor(parameters=[]), "parameters is a list, must be an object"),
    "outputs text": (body(outputs="text_output"), "outputs is a string, must be a list"),
    "output text": (body(outputs=["text_output"]), "outputs[0] is a string, must be an object"),
    "output nameless": (body(outputs=[{}]), "outputs[0] has no name"),
    "output number": (body(outputs=[{"name": 1}]), "outputs[0]: name is a number"),
    "output member": (body(outputs=[{"name": "a", "x": 1}]), "outputs[0] has unknown member 'x'"),
}


@pytest.mark.parametrize(("bad", "expected"), BAD.values(), ids=BAD.keys())
def test_a_malformed_body_is_refused_in_one_short_sentence(bad, expected):
    with pytest.raises(InvalidRequest) as refusal:
        parse(bad)
    message = str(refusal.value)
    assert expected in message
    assert SECRET not in message
    assert len(message) < 500


def test_as_many_rows_and_characters_as_the_limits_say_are_taken():
    request = parse(
        body(id="äöü", inputs=[{**TENSOR, "shape": [2], "data": ["a", "b"]}]),
        max_rows=2,
        max_id_length=3,
        max_json_depth=4,
    )
    assert (request.id, request.inputs[0].data) == ("äöü", ["a", "b"])


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_rows": 1}, "'text_input' has shape [2], must be [n] or [n,1] with n from 1 to 1"),
        ({"max_id_length": 2}, "id has 3 characters, must have at most 2"),
        ({"max_json_depth": 3}, "the body is nested deeper than 3 levels"),
    ],
    ids=["rows", "id", "depth"],
)
def test_more_than_a_limit_says_is_refused(limits, expected):
    with pytest.raises(InvalidRequest) as refusal:
        parse(body(id="äöü", inputs=[{**TENSOR, "shape": [2], "data": ["a", "b"]}]), **limits)
    assert expected in str(refusal.value)


def test_64_levels_are_not_too_deep():
    with pytest.raises(InvalidRequest, match="id is a list"):
        parse(b'{"inputs":[],"id":' + b"[" * 63 + b"]" * 63 + b"}")


def test_brackets_within_a_text_are_no_levels():
    request = parse(with_tensor(data=["[" * 1000]))
    assert decode_infer(request)[0].messages[0].content == "[" * 1000


def test_a_response_is_the_protocol_s_json():
    outputs = [
        InferOutput("text_output", [2], "BYTES", ["a", "zwölf"]),
        InferOutput("prompt_tokens", [2], "INT32", [1, 2]),
    ]
    parameters = {"triton_final_response": True}
    response = InferResponse("id-1", "r1", outputs, "1", parameters=parameters)
    sent, json_length = dump_infer_response(response, BinaryOutputs())
    assert json_length is None
    assert orjson.loads(sent) == {
        "model_name": "r1",
        "model_version": "1",
        "id": "id-1",
        "parameters": {"triton_final_response": True},
        "outputs": [
            {"name": "text_output", "shape": [2], "datatype": "BYTES", "data": ["a", "zwölf"]},
            {"name": "prompt_tokens", "shape": [2], "datatype": "INT32", "data": [1, 2]},
        ],
    }


def test_a_response_has_no_nulls():
    dumped, _ = dump_infer_response(InferResponse(None, "r1", [], None), BinaryOutputs())
    assert orjson.loads(dumped) == {"model_name": "r1", "outputs": []}


@settings(max_examples=200)
@given(st.binary(max_size=64))
@example(b"[" * 2000)
def test_any_bytes_are_parsed_or_refused(raw):
    with suppress(InvalidRequest):
        assert isinstance(parse(raw), InferRequest)


SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    SCALARS | NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
TENSORS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["text_input", "messages", "seed", "stop"]) | JSON_VALUES,
        "shape": st.sampled_from([[1], [2], [1, 1], [0], [2, 1]]) | JSON_VALUES,
        "datatype": st.sampled_from(["BYTES", "INT64", "FP32", "BOOL"]) | JSON_VALUES,
        "data": st.lists(JSON_VALUES, max_size=2) | JSON_VALUES,
        "parameters": JSON_VALUES,
    },
)
BODIES = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS | JSON_VALUES, max_size=3) | JSON_VALUES},
    optional={
        "id": JSON_VALUES,
        "model_name": st.just("r1") | JSON_VALUES,
        "parameters": JSON_VALUES,
        "outputs": st.lists(st.fixed_dictionaries({"name": JSON_VALUES})) | JSON_VALUES,
    },
)


@settings(max_examples=200)
@given(BODIES)
def test_any_json_is_decoded_or_refused(members):
    with suppress(InvalidRequest):
        assert decode_infer(parse(orjson.dumps(members)))
