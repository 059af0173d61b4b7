"""The protocol's protobuf messages."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kserve.protocol.grpc import grpc_predict_v2_pb2 as kserve_pb2
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.grpc import CONTENTS, decode_grpc, encode_grpc
from predictor.protocol.messages import ModelInferRequest
from predictor.protocol.tensors import DATATYPES
from predictor.protocol.v2 import decode_infer

SECRET = "SECRET-PROMPT"


def tensor(name, datatype, shape, parameters=None, **contents):
    members = {"name": name, "datatype": datatype, "shape": shape, "contents": contents}
    return {**members, "parameters": parameters or {}}


def message(*inputs, parameters=None, raw=(), **members):
    return ModelInferRequest(
        model_name="r1",
        inputs=inputs,
        parameters=parameters or {},
        raw_input_contents=raw,
        **members,
    )


def raw_tensor(name, datatype, shape):
    return {"name": name, "datatype": datatype, "shape": shape}


def prefixed(*elements):
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def decode(sent, **limits):
    return decode_grpc(sent, Limits(**limits))


TEXT = tensor("text_input", "BYTES", [1], bytes_contents=[SECRET.encode()])
RAW_TEXT = raw_tensor("text_input", "BYTES", [1])


def test_every_datatype_has_a_contents_field():
    assert tuple(CONTENTS) == DATATYPES


def test_a_message_of_kserve_s_client_becomes_kserve_s_request():
    sent = kserve_pb2.ModelInferRequest(model_name="r1", model_version="1", id="42")
    sent.inputs.add(name="text_input", datatype="BYTES", shape=[1]).contents.bytes_contents.append(
        b"hi"
    )
    sent.parameters["max_tokens"].int64_param = 5
    sent.outputs.add(name="text_output")
    request = decode(ModelInferRequest.FromString(sent.SerializeToString()))
    assert (request.id, request.model_name, request.model_version) == ("42", "r1", "1")
    assert request.parameters == {"max_tokens": 5}
    assert [output.name for output in request.request_outputs] == ["text_output"]
    assert [(t.name, t.shape, t.datatype, t.data) for t in request.inputs] == [
        ("text_input", [1], "BYTES", [b"hi"])
    ]


def test_empty_strings_are_absent_members():
    request = decode(message(TEXT))
    assert (request.id, request.model_version) == (None, None)


def test_a_parameter_has_the_type_of_its_choice():
    request = decode(
        message(
            TEXT,
            parameters={
                "raw": {"bool_param": False},
                "top_k": {"int64_param": 0},
                "stop": {"string_param": '["a"]'},
                "top_p": {"double_param": 0.5},
                "seed": {"uint64_param": 2**63 - 1},
            },
        )
    )
    assert request.parameters == {
        "raw": False,
        "top_k": 0,
        "stop": '["a"]',
        "top_p": 0.5,
        "seed": 2**63 - 1,
    }


ELEMENTS = [
    ("BOOL", [True, False], b"\x01\x00"),
    ("INT8", [-128, 127], struct.pack("<2b", -128, 127)),
    ("INT16", [-(2**15), 1], struct.pack("<2h", -(2**15), 1)),
    ("INT32", [-(2**31), 1], struct.pack("<2i", -(2**31), 1)),
    ("INT64", [-(2**63), 1], struct.pack("<2q", -(2**63), 1)),
    ("UINT8", [0, 255], b"\x00\xff"),
    ("UINT16", [0, 65535], struct.pack("<2H", 0, 65535)),
    ("UINT32", [0, 2**32 - 1], struct.pack("<2I", 0, 2**32 - 1)),
    ("UINT64", [0, 2**64 - 1], struct.pack("<2Q", 0, 2**64 - 1)),
    ("FP32", [0.01, 3.4028235e38], struct.pack("<2f", 0.01, 3.4028235e38)),
    ("FP64", [0.1, 1e300], struct.pack("<2d", 0.1, 1e300)),
    ("BYTES", [b"", b"a\x00b"], prefixed(b"", b"a\x00b")),
]


@pytest.mark.parametrize(("datatype", "elements", "raw"), ELEMENTS)
def test_typed_contents_are_read(datatype, elements, raw):
    request = decode(message(tensor("x", datatype, [2], **{CONTENTS[datatype]: elements})))
    assert request.inputs[0].data == elements


@pytest.mark.parametrize(("datatype", "elements", "raw"), ELEMENTS)
def test_raw_contents_are_read(datatype, elements, raw):
    request = decode(message(raw_tensor("x", datatype, [2, 1]), raw=[raw]))
    assert request.inputs[0].data == elements


@given(st.floats(width=32))
@settings(max_examples=300)
def test_an_fp32_keeps_its_value(value):
    sent = message(tensor("x", "FP32", [1], fp32_contents=[value]))
    (read,) = decode(sent).inputs[0].data
    assert struct.pack("<f", read) == struct.pack("<f", value)


def newer(path):
    sent = message(TEXT, outputs=[{"name": "text_output"}])
    targets = {
        "request": sent,
        "input": sent.inputs[0],
        "contents": sent.inputs[0].contents,
        "output": sent.outputs[0],
        "parameter": sent.parameters["seed"],
    }
    sent.parameters["seed"].int64_param = 1
    target = targets[path]
    # Field 100, a varint of 1.
    target.MergeFromString(b"\xa0\x06\x01")
    return sent


ONE_INT = tensor("seed", "INT64", [1], int64_contents=[1])

BAD = {
    "no contents": (message(raw_tensor("text_input", "BYTES", [1])), "so 1 elements, but holds 0"),
    "wrong contents": (
        message(tensor("text_input", "BYTES", [1], int_contents=[1])),
        "input 'text_input' has datatype BYTES, so bytes_contents, but holds int_contents",
    ),
    "two contents": (
        message(tensor("text_input", "BYTES", [1], bytes_contents=[b"a"], int_contents=[1])),
        "but holds int_contents, bytes_contents",
    ),
    "unknown datatype": (message(tensor("x", "FP16", [1])), "has datatype 'FP16', must be one of"),
    "no shape": (message(tensor("x", "BYTES", [])), "input 'x' has shape [], must be [n]"),
    "negative shape": (message(tensor("x", "BYTES", [-1])), "input 'x' has shape [-1], must be"),
    "huge shape": (message(raw_tensor("x", "INT8", [2**62]), raw=[b""]), "must be [n] or [n,1]"),
    "endless shape": (message(tensor("x", "BYTES", [1] * 9999)), "has shape [1, 1, 1, 1, 1, 1, .."),
    "few contents": (
        message(tensor("x", "INT64", [3], int64_contents=[1])),
        "has shape [3], so 3 elements, but holds 1",
    ),
    "few raws": (
        message(RAW_TEXT, RAW_TEXT, raw=[b""]),
        "raw_input_contents has 1 entries, must have 2",
    ),
    "many raws": (message(RAW_TEXT, raw=[b"", b""]), "has 2 entries, must have 1"),
    "raw without inputs": (message(raw=[b""]), "has 1 entries, must have 0"),
    "raw and typed": (
        message(TEXT, raw=[prefixed(b"a")]),
        "input 'text_input' has contents, must have none beside raw_input_contents",
    ),
    "raw empty": (message(RAW_TEXT, raw=[b""]), "so 1 elements, but holds 0"),
    "raw cut prefix": (
        message(RAW_TEXT, raw=[b"\x01\x00"]),
        "raw contents end within the length of element 0",
    ),
    "raw lying": (
        message(RAW_TEXT, raw=[b"\xff\xff\xff\xffSECRET-PROMPT"]),
        "element 0 is said to be 4294967295 bytes long, but 13 are left",
    ),
    "raw trailing": (
        message(RAW_TEXT, raw=[prefixed(b"a") + b"zz"]),
        "raw contents end within the length of element 1",
    ),
    "raw many": (message(RAW_TEXT, raw=[prefixed(*[b""] * 9)]), "so 1 elements, but holds more"),
    "raw misaligned": (
        message(raw_tensor("x", "INT32", [2]), raw=[b"1234567"]),
        "input 'x': raw contents are 7 bytes long, must be a multiple of 4",
    ),
    "raw bool": (message(raw_tensor("x", "BOOL", [1]), raw=[b"\x02"]), "must be bytes 0 or 1"),
    "unset parameter": (
        message(TEXT, parameters={"seed": {}}),
        "parameter 'seed' has no value, must have a bool, int64, uint64, double or string",
    ),
    "newer request": (newer("request"), "the request has a field numbered 100"),
    "newer input": (newer("input"), "input 'text_input' has a field numbered 100"),
    "newer contents": (newer("contents"), "input 'text_input' has a field numbered 100"),
    "newer output": (newer("output"), "output 'text_output' has a field numbered 100"),
    "newer parameter": (newer("parameter"), "parameter 'seed' has a field numbered 100"),
    "long id": (message(TEXT, id="x" * 257), "id has 257 characters, must have at most 256"),
    "many inputs": (message(*[{}] * 65), "inputs has 65 entries, must have at most 64"),
    "many outputs": (message(TEXT, outputs=[{}] * 65), "outputs has 65 entries"),
    "many parameters": (
        message(TEXT, parameters={str(index): {} for index in range(65)}),
        "parameters has 65 entries, must have at most 64",
    ),
}


@pytest.mark.parametrize(("bad", "expected"), BAD.values(), ids=BAD.keys())
def test_a_malformed_message_is_refused_in_one_short_sentence(bad, expected):
    with pytest.raises(InvalidRequest) as refusal:
        decode(bad)
    assert expected in str(refusal.value)
    assert SECRET not in str(refusal.value)
    assert len(str(refusal.value)) < 500


TWO_ROWS = tensor("x", "BYTES", [2], bytes_contents=[b"a"] * 2)


def test_as_many_rows_and_characters_as_the_limits_say_are_taken():
    request = decode(message(TWO_ROWS, id="äöü"), max_rows=2, max_id_length=3)
    assert (request.id, request.inputs[0].shape) == ("äöü", [2])


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_rows": 1}, "input 'x' has shape [2], must be [n] or [n,1] with n from 1 to 1"),
        ({"max_id_length": 2}, "id has 3 characters, must have at most 2"),
    ],
    ids=["rows", "id"],
)
def test_more_than_a_limit_says_is_refused(limits, expected):
    with pytest.raises(InvalidRequest) as refusal:
        decode(message(TWO_ROWS, id="äöü"), **limits)
    assert str(refusal.value) == expected


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        (
            message(TEXT, parameters={"binary_data_output": {"bool_param": True}}),
            "unknown parameter 'binary_data_output'",
        ),
        (
            message({**TEXT, "parameters": {"binary_data_size": {"int64_param": 17}}}),
            "input text_input has unknown parameter 'binary_data_size', must be left out",
        ),
        (
            message(
                TEXT,
                outputs=[
                    {"name": "text_output", "parameters": {"binary_data": {"bool_param": True}}}
                ],
            ),
            "output text_output has unknown parameter 'binary_data', must be left out",
        ),
    ],
    ids=["request", "input", "output"],
)
def test_the_parameters_of_rest_s_binary_data_are_unknown(spelled, expected):
    with pytest.raises(InvalidRequest, match=expected):
        decode_infer(decode(spelled))


RESPONSE = InferResponse(
    "id-1",
    "r1",
    [
        InferOutput("text_output", [2], "BYTES", ["a", "zwölf"]),
        InferOutput("prompt_tokens", [2], "INT32", [1, 2]),
    ],
    "1",
    parameters={"triton_final_response": True},
)


def test_a_response_has_typed_contents():
    sent = encode_grpc(RESPONSE, raw=False)
    assert (sent.id, sent.model_name, sent.model_version) == ("id-1", "r1", "1")
    assert sent.parameters["triton_final_response"].bool_param is True
    text, count = sent.outputs
    assert list(text.contents.bytes_contents) == [b"a", "zwölf".encode()]
    assert list(count.contents.int_contents) == [1, 2]
    assert not sent.raw_output_contents


def test_a_raw_response_has_raw_contents_alone():
    sent = encode_grpc(RESPONSE, raw=True)
    assert list(sent.raw_output_contents) == [
        prefixed(b"a", "zwölf".encode()),
        struct.pack("<2i", 1, 2),
    ]
    assert not any(output.HasField("contents") for output in sent.outputs)
    assert [(o.name, o.datatype, list(o.shape)) for o in sent.outputs] == [
        ("text_output", "BYTES", [2]),
        ("prompt_tokens", "INT32", [2]),
    ]


def test_kserve_s_client_can_read_a_response():
    sent = encode_grpc(RESPONSE, raw=False).SerializeToString()
    read = InferResponse.from_grpc(kserve_pb2.ModelInferResponse.FromString(sent))
    assert [output.data for output in read.outputs] == [[b"a", "zwölf".encode()], [1, 2]]


PARAMETERS = st.dictionaries(
    st.sampled_from(["seed", "top_p", "stop", "x"]),
    st.fixed_dictionaries({}, optional={"int64_param": st.integers(-3, 3)})
    | st.fixed_dictionaries({"double_param": st.floats()})
    | st.fixed_dictionaries({"string_param": st.text(max_size=5)}),
    max_size=2,
)
MESSAGES = st.builds(
    ModelInferRequest,
    id=st.text(max_size=3),
    parameters=PARAMETERS,
    inputs=st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["text_input", "messages", "seed", "min_p", "stop"]),
                "datatype": st.sampled_from([*DATATYPES, "FP16", ""]),
                "shape": st.sampled_from([[1], [1, 1], [2]]) | st.lists(st.integers(-1, 3)),
                "parameters": PARAMETERS,
                "contents": st.fixed_dictionaries(
                    {},
                    optional={
                        "bytes_contents": st.lists(st.binary(max_size=4), max_size=2),
                        "int64_contents": st.lists(st.integers(-3, 3), max_size=2),
                        "fp32_contents": st.lists(st.floats(width=32), max_size=2),
                    },
                ),
            }
        ),
        max_size=2,
    ),
    raw_input_contents=st.lists(st.binary(max_size=9), max_size=2),
)


@settings(max_examples=200)
@given(MESSAGES)
def test_any_message_is_decoded_or_refused(sent):
    with suppress(InvalidRequest):
        request = decode(sent)
        assert isinstance(request, InferRequest)
        assert decode_infer(request)
