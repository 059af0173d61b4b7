"""The binary tensor data extension: tensors as bytes after the JSON, in both directions."""

import struct
from contextlib import suppress

import numpy as np
import pytest
import tritonclient.http
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kserve.protocol import infer_type

from predictor.errors import InvalidRequest
from predictor.protocol.raw import LETTERS, pack
from predictor.protocol.tensors import DATATYPES
from predictor.protocol.v2 import decode_infer
from tests.predictor.protocol.binary_bodies import (
    TEXT,
    binary,
    in_json,
    parse,
    prefixed,
    spell,
)


def test_every_datatype_has_a_layout():
    assert (*LETTERS, "BYTES") == DATATYPES


def test_tensors_are_read_in_the_order_of_the_inputs():
    call = parse(
        *spell(
            binary("text_input", "BYTES", prefixed(b"a", "zwölf".encode()), [2]),
            in_json("seed", "INT64", [1, 2]),
            binary("temperature", "FP32", struct.pack("<2f", 0.01, 0.7), [2, 1]),
            binary("raw", "BOOL", b"\x01\x00", [2]),
            id="42",
        )
    )
    assert [tensor.data for tensor in call.request.inputs] == [
        [b"a", "zwölf".encode()],
        [1, 2],
        [0.01, 0.7],
        [True, False],
    ]
    assert call.request.id == "42"
    assert all(tensor.parameters == {} for tensor in call.request.inputs)


def test_a_header_of_the_whole_body_s_length_is_json_alone():
    body, header = spell(in_json("text_input", "BYTES", ["a"]))
    assert parse(body, header).request.inputs[0].data == ["a"]


def test_the_json_need_not_be_compact():
    text = b' {"inputs": [{"name": "seed", "datatype": "INT8", "shape": [1], '
    text += b'"parameters": {"binary_data_size": 1}}]}\n '
    assert parse(text + b"\x07", str(len(text))).request.inputs[0].data == [7]


def test_bytes_that_look_like_json_are_a_tensor():
    body, header = spell(binary("text_input", "BYTES", prefixed(b'{"inputs":[]}')))
    assert decode_infer(parse(body, header).request)[0].messages[0].content == '{"inputs":[]}'


ELEMENTS = {
    "BOOL": st.booleans(),
    "BYTES": st.text(max_size=6),
    "FP32": st.floats(0, 3, width=32).map(lambda value: float(f"{value:.6g}")),
    "FP64": st.floats(-1, 3),
    "INT8": st.integers(-1, 127),
    "INT16": st.integers(-1, 300),
    "INT32": st.integers(-1, 2**31 - 1),
    "INT64": st.integers(-1, 2**63 - 1),
    "UINT8": st.integers(0, 255),
    "UINT16": st.integers(0, 2**16 - 1),
    "UINT32": st.integers(0, 2**32 - 1),
    "UINT64": st.integers(0, 2**64 - 1),
}
OPTIONS = ["seed", "top_k", "temperature", "min_p", "raw", "ignore_eos", "stop", "max_tokens"]


@st.composite
def tensors(draw, name):
    datatype = "BYTES" if name == "text_input" else draw(st.sampled_from(DATATYPES))
    data = draw(st.lists(ELEMENTS[datatype], min_size=1, max_size=3))
    shape = draw(st.sampled_from([[len(data)], [len(data), 1]]))
    return name, datatype, shape, data


REQUESTS = st.lists(st.sampled_from(OPTIONS), unique=True, max_size=3).flatmap(
    lambda names: st.tuples(*map(tensors, ["text_input", *names]))
)


def verdict(body, header=None):
    try:
        return decode_infer(parse(body, header).request)
    except InvalidRequest as refusal:
        return str(refusal)


@settings(max_examples=200)
@given(REQUESTS, st.randoms(use_true_random=False))
def test_any_mix_of_json_and_binary_inputs_gets_the_verdict_of_json_alone(inputs, random):
    as_json, mixed = [], []
    for name, datatype, shape, data in inputs:
        tensor = {"name": name, "datatype": datatype, "shape": shape, "data": data}
        as_json.append((tensor, None))
        is_binary = random.random() < 0.7
        mixed.append(
            binary(name, datatype, pack(datatype, data), shape) if is_binary else (tensor, None)
        )
    random.shuffle(both := list(zip(as_json, mixed, strict=True)))
    plain, mixed = zip(*both, strict=True)
    assert verdict(*spell(*mixed)) == verdict(spell(*plain)[0])


@settings(max_examples=300)
@given(st.data())
def test_a_body_of_any_other_length_is_refused(data):
    body, header = spell(TEXT, binary("seed", "INT64", bytes(8)), in_json("top_k", "INT8", [1]))
    length = data.draw(st.integers(int(header), len(body) + 40))
    assume(length != len(body))
    with pytest.raises(InvalidRequest):
        parse(body[:length].ljust(length, b"\0"), header)


@settings(max_examples=200)
@given(st.binary(max_size=40), st.sampled_from(DATATYPES), st.integers(1, 4))
def test_any_bytes_are_read_or_refused(raw, datatype, num_rows):
    with suppress(InvalidRequest):
        (tensor,) = parse(*spell(binary("x", datatype, raw, [num_rows]))).request.inputs
        assert len(tensor.data) == num_rows


def test_kserve_s_client_sends_a_binary_request():
    tensor = infer_type.InferInput("text_input", [2], "BYTES")
    tensor.set_data_from_numpy(np.array(["a", "zwölf"], dtype=np.object_), binary_data=True)
    body, json_length = infer_type.InferRequest("r1", [tensor]).to_rest()
    call = parse(body, str(json_length))
    assert call.request.inputs[0].data == [b"a", "zwölf".encode()]


def triton_input(name, datatype, data, *, binary_data):
    tensor = tritonclient.http.InferInput(name, [len(data)], datatype)
    tensor.set_data_from_numpy(np.array(data), binary_data=binary_data)
    return tensor


@pytest.mark.parametrize("is_text_binary", [True, False])
@pytest.mark.parametrize("is_seed_binary", [True, False])
def test_triton_s_client_sends_any_mix(is_text_binary, is_seed_binary):
    text = np.array(["a", "zwölf"], dtype=np.object_)
    body, json_length = tritonclient.http.InferenceServerClient.generate_request_body(
        [
            triton_input("text_input", "BYTES", text, binary_data=is_text_binary),
            triton_input("seed", "INT64", np.array([1, 2]), binary_data=is_seed_binary),
        ],
        outputs=[tritonclient.http.InferRequestedOutput("text_output", binary_data=True)],
    )
    call = parse(body, None if json_length is None else str(json_length))
    rows = decode_infer(call.request)
    assert [(row.messages[0].content, row.options.seed) for row in rows] == [("a", 1), ("zwölf", 2)]
    assert call.binary_outputs.has("text_output")


def test_triton_s_client_asks_for_all_outputs_in_binary():
    body, _ = tritonclient.http.InferenceServerClient.generate_request_body(
        [triton_input("seed", "INT64", np.array([1]), binary_data=False)]
    )
    assert parse(body).binary_outputs.has("text_output")
