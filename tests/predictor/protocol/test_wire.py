"""Bytes that would become far more than they are, refused before they are parsed."""

import pytest

from predictor.errors import InvalidRequest
from predictor.protocol.messages import ModelInferRequest
from predictor.protocol.v2 import INPUT_TENSORS
from predictor.protocol.wire import FIELDS_PER_ROW, parse_message

SIZE = 4 * 2**20


def varint(number):
    low, number = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(number) if number else bytes([low])


def within(field, content):
    """Return a message whose field of that number, a nested message or packed, is the content."""
    return bytes([field << 3 | 2]) + varint(len(content)) + content


EMPTY_MESSAGES = {
    "inputs": b"\x2a\x00" * (SIZE // 2),
    "outputs": b"\x32\x00" * (SIZE // 2),
    "parameters": b"\x22\x00" * (SIZE // 2),
    "raw-contents": b"\x3a\x00" * (SIZE // 2),
    "unknown-numbers": b"\x78\x00" * (SIZE // 2),
    "unknown-groups": b"\x7b\x7c" * (SIZE // 2),
    "shape": within(5, within(3, b"\x01" * SIZE)),
    "shape-unpacked": within(5, b"\x18\x01" * (SIZE // 2)),
    "parameters-of-an-input": within(5, b"\x22\x00" * (SIZE // 2)),
    "texts": within(5, within(5, b"\x42\x00" * (SIZE // 2))),
    "numbers": within(5, within(5, b"\x1a" + varint(SIZE) + b"\x01" * SIZE)),
    "doubles": within(5, within(5, within(7, b"\x01" * SIZE))),
}


@pytest.mark.parametrize("data", EMPTY_MESSAGES.values(), ids=EMPTY_MESSAGES.keys())
def test_more_fields_than_a_request_can_need_are_refused(data):
    with pytest.raises(InvalidRequest, match="has over 33792 fields and elements"):
        parse_message(data, ModelInferRequest, max_rows=1024)


def test_a_request_with_every_input_and_the_most_rows_is_taken():
    request = ModelInferRequest(model_name="r1")
    for spec in INPUT_TENSORS:
        tensor = request.inputs.add(name=spec.name, datatype="BYTES", shape=[1024, 1])
        tensor.contents.bytes_contents.extend([b"x"] * 1024)

    parsed = parse_message(request.SerializeToString(), ModelInferRequest, max_rows=1024)

    assert parsed == request
    assert len(INPUT_TENSORS) < FIELDS_PER_ROW


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\x0a\x05ab",
        b"\x0a\x01\xff",
        b"\x2a\xff\xff\xff\xff\x0f",
        within(5, b"\x0a\x05a") + bytes(3000),
        b"\xff" * 5000,
        b"\x0a" + varint(10_000) + b"a" * 5000,
    ],
    ids=["tag", "cut", "no-utf8", "length", "nested-cut", "endless-varint", "cut-beyond-the-check"],
)
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(InvalidRequest, match=r"is no ModelInferRequest message|fields"):
        parse_message(data, ModelInferRequest, max_rows=16)
