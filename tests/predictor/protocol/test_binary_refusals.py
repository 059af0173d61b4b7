"""What is refused of the binary tensor data extension, and in which words."""

import struct

import pytest

from predictor.errors import InvalidRequest
from predictor.protocol.v2 import decode_infer
from tests.predictor.protocol.binary_bodies import (
    HEADER,
    SECRET,
    TEXT,
    binary,
    in_json,
    parse,
    prefixed,
    spell,
)

GOOD_BODY, GOOD_HEADER = spell(TEXT)
WRONG_LENGTH = f", must be an integer from 1 to the body's length, {len(GOOD_BODY)}"
BAD_HEADERS = {
    "empty": ("", "''"),
    "word": ("abc", "'abc'"),
    "negative": ("-5", "'-5'"),
    "plus": ("+5", "'+5'"),
    "leading blank": (" 5", "' 5'"),
    "trailing blank": ("5 ", "'5 '"),
    "newline": ("5\n", "'5\\n'"),
    "float": ("5.0", "'5.0'"),
    "exponent": ("1e2", "'1e2'"),
    "hexadecimal": ("0x10", "'0x10'"),
    "underscore": ("1_0", "'1_0'"),
    "other digits": ("٥", "'٥'"),
    "zero": ("0", "'0'"),
    "several": (f"{GOOD_HEADER}, {GOOD_HEADER}", f"'{GOOD_HEADER}, {GOOD_HEADER}'"),
    "larger than the body": (str(len(GOOD_BODY) + 1), f"'{len(GOOD_BODY) + 1}'"),
    "beyond 64 bits": ("9" * 20, f"'{'9' * 20}'"),
    "5000 digits": ("9" * 5000, f"'{'9' * 27}...{'9' * 28}'"),
}


@pytest.mark.parametrize(("header", "spelled"), BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
def test_a_malformed_header_is_refused_by_its_name(header, spelled):
    with pytest.raises(InvalidRequest) as refusal:
        parse(GOOD_BODY, header)
    assert str(refusal.value) == f"{HEADER} is {spelled}{WRONG_LENGTH}"


def sized(size):
    return spell(binary("text_input", "BYTES", prefixed(SECRET), binary_data_size=size))


def fixed(datatype, raw, shape=(1,)):
    return spell(TEXT, binary("seed", datatype, raw, shape))


# A length of 13 reads as a carriage return, which may follow JSON.
BYTES_SEEN, BYTES_SEEN_AT = spell(binary("seed", "INT8", b"\x07"))
NOT_A_SIZE = ", must be a number of bytes from 0"
NO_BINARY = "input 'text_input' has {} of data and binary_data_size, must have one"
BAD = {
    "negative size": (sized(-1), f"input 'text_input': binary_data_size is -1{NOT_A_SIZE}"),
    "text size": (sized("17"), f"input 'text_input': binary_data_size is '17'{NOT_A_SIZE}"),
    "float size": (sized(17.0), f"input 'text_input': binary_data_size is 17.0{NOT_A_SIZE}"),
    "bool size": (sized(True), f"input 'text_input': binary_data_size is true{NOT_A_SIZE}"),
    "null size": (sized(None), f"input 'text_input': binary_data_size is null{NOT_A_SIZE}"),
    "list size": (sized([17]), f"input 'text_input': binary_data_size is [17]{NOT_A_SIZE}"),
    "object size": (sized({}), f"input 'text_input': binary_data_size is {{}}{NOT_A_SIZE}"),
    "size beyond 64 bits": (
        (GOOD_BODY.replace(b":17}", b":%d}" % 10**20), str(int(GOOD_HEADER) + 19)),
        f"input 'text_input': binary_data_size is 1e+20{NOT_A_SIZE}",
    ),
    "size of 0": (sized(0), "input 'text_input' has shape [1], so 1 elements, but holds 0"),
    "size too large": (
        sized(18),
        "input 'text_input': binary_data_size is 18, but 17 bytes of the body are left",
    ),
    "huge size": (
        sized(2**63),
        "input 'text_input': binary_data_size is 9223372036854775808, but 17 bytes of the body "
        "are left",
    ),
    "size too small": (
        sized(16),
        "input 'text_input': element 0 is said to be 13 bytes long, but 12 are left",
    ),
    "second size too large": (
        spell(TEXT, binary("seed", "INT64", bytes(8), binary_data_size=16)),
        "input 'seed': binary_data_size is 16, but 8 bytes of the body are left",
    ),
    "no bytes": (
        (GOOD_BODY[: int(GOOD_HEADER)], GOOD_HEADER),
        "input 'text_input': binary_data_size is 17, but 0 bytes of the body are left",
    ),
    "bytes too many": (
        (GOOD_BODY + b"zz", GOOD_HEADER),
        "the body has 2 bytes after input 'text_input', must have none",
    ),
    "bytes after the last": (
        (fixed("INT64", bytes(8))[0] + b"z", fixed("INT64", bytes(8))[1]),
        "the body has 1 bytes after input 'seed', must have none",
    ),
    "bytes after json alone": (
        (spell(in_json("seed", "INT8", [1]))[0] + b"zz", spell(in_json("seed", "INT8", [1]))[1]),
        "the body has 2 bytes after its JSON, must have none",
    ),
    "no header": (
        (GOOD_BODY[: int(GOOD_HEADER)], None),
        f"input 'text_input' has binary_data_size, but the request has no header {HEADER}",
    ),
    "bytes without header": (
        (BYTES_SEEN, None),
        f"the body is not JSON: unexpected content after document at character {BYTES_SEEN_AT}",
    ),
    "header cuts the json": (
        (GOOD_BODY, str(int(GOOD_HEADER) - 1)),
        f"the body is not JSON: unexpected end of data at character {int(GOOD_HEADER) - 1}",
    ),
    "data too": (
        spell(({**TEXT[0], "data": ["a"]}, TEXT[1])),
        NO_BINARY.format("both"),
    ),
    "data too, without header": (
        (spell(({**TEXT[0], "data": ["a"]}, None))[0], None),
        NO_BINARY.format("both"),
    ),
    "neither": (spell(({**TEXT[0], "parameters": {}}, None)), NO_BINARY.format("neither")),
    "null data": (
        spell(({**TEXT[0], "data": None}, TEXT[1])),
        "inputs[0]: data is null, leave it out instead",
    ),
    "empty data too": (spell(({**TEXT[0], "data": []}, TEXT[1])), NO_BINARY.format("both")),
    "prefix cut": (
        spell(binary("text_input", "BYTES", b"\x01\x00\x00")),
        "input 'text_input': raw contents end within the length of element 0",
    ),
    "prefix without text": (
        spell(binary("text_input", "BYTES", b"\x01\x00\x00\x00")),
        "input 'text_input': element 0 is said to be 1 bytes long, but 0 are left",
    ),
    "lying prefix": (
        spell(binary("text_input", "BYTES", b"\xff\xff\xff\xff" + SECRET)),
        "input 'text_input': element 0 is said to be 4294967295 bytes long, but 13 are left",
    ),
    "big-endian prefix": (
        spell(binary("text_input", "BYTES", struct.pack(">I", 13) + SECRET)),
        "input 'text_input': element 0 is said to be 218103808 bytes long, but 13 are left",
    ),
    "lying second prefix": (
        spell(binary("text_input", "BYTES", prefixed(b"a") + b"\x09\0\0\0a", [2])),
        "input 'text_input': element 1 is said to be 9 bytes long, but 1 are left",
    ),
    "trailing bytes": (
        spell(binary("text_input", "BYTES", prefixed(SECRET) + b"zz")),
        "input 'text_input': raw contents end within the length of element 1",
    ),
    "few texts": (
        spell(binary("text_input", "BYTES", prefixed(b"a"), [2])),
        "input 'text_input' has shape [2], so 2 elements, but holds 1",
    ),
    "many texts": (
        spell(binary("text_input", "BYTES", prefixed(*[b""] * 100_000))),
        "input 'text_input' has shape [1], so 1 elements, but holds more",
    ),
    "no prefix": (
        spell(binary("text_input", "BYTES", SECRET)),
        "input 'text_input': element 0 is said to be 1380140371 bytes long, but 9 are left",
    ),
    "misaligned INT64": (
        fixed("INT64", bytes(7)),
        "input 'seed': raw contents are 7 bytes long, must be a multiple of 8",
    ),
    "misaligned FP32": (
        fixed("FP32", bytes(5)),
        "input 'seed': raw contents are 5 bytes long, must be a multiple of 4",
    ),
    "misaligned INT16": (
        fixed("INT16", bytes(1)),
        "input 'seed': raw contents are 1 bytes long, must be a multiple of 2",
    ),
    "few integers": (
        fixed("INT32", bytes(4), [2]),
        "input 'seed' has shape [2], so 2 elements, but holds 1",
    ),
    "many integers": (
        fixed("UINT8", bytes(1_000_000)),
        "input 'seed' has shape [1], so 1 elements, but holds more",
    ),
    "no integers": (fixed("INT8", b""), "input 'seed' has shape [1], so 1 elements, but holds 0"),
    "bool of 2": (
        fixed("BOOL", b"\x02"),
        "input 'seed': raw contents of a BOOL must be bytes 0 or 1",
    ),
    "half": (
        fixed("FP16", bytes(2)),
        "input 'seed' has datatype 'FP16', must be one of BOOL, INT8, INT16, INT32, INT64, UINT8, "
        "UINT16, UINT32, UINT64, FP32, FP64, BYTES",
    ),
    "huge shape": (
        fixed("INT8", b"", [2**62]),
        "input 'seed' has shape [4611686018427387904], must be [n] or [n,1] with n from 1 to 1024",
    ),
    "flag for an input": (
        spell(binary("text_input", "BYTES", prefixed(SECRET), binary_data=True)),
        "input text_input has unknown parameter 'binary_data', must be left out",
    ),
    "shared memory": (
        spell(binary("text_input", "BYTES", prefixed(SECRET), shared_memory_region="a")),
        "input text_input has unknown parameter 'shared_memory_region', must be left out",
    ),
    "size of an output": (
        spell(TEXT, outputs=[{"name": "text_output", "parameters": {"binary_data_size": 5}}]),
        "output text_output has unknown parameter 'binary_data_size', must be left out",
    ),
    "flag is a number": (
        spell(TEXT, outputs=[{"name": "text_output", "parameters": {"binary_data": 1}}]),
        "output 'text_output': binary_data is 1, must be true or false",
    ),
    "flag is a string": (
        spell(TEXT, outputs=[{"name": "text_output", "parameters": {"binary_data": "true"}}]),
        "output 'text_output': binary_data is 'true', must be true or false",
    ),
    "flag is null": (
        spell(TEXT, outputs=[{"name": "text_output", "parameters": {"binary_data": None}}]),
        "output 'text_output': binary_data is null, must be true or false",
    ),
    "flag of all is a number": (
        spell(TEXT, parameters={"binary_data_output": 0}),
        "binary_data_output is 0, must be true or false",
    ),
    "flag of all is a list": (
        spell(TEXT, parameters={"binary_data_output": []}),
        "binary_data_output is [], must be true or false",
    ),
    "flag of all is null": (
        spell(TEXT, parameters={"binary_data_output": None}),
        "binary_data_output is null, must be true or false",
    ),
}


@pytest.mark.parametrize(("sent", "expected"), BAD.values(), ids=BAD.keys())
def test_malformed_binary_data_is_refused_in_these_words(sent, expected):
    with pytest.raises(InvalidRequest) as refusal:
        decode_infer(parse(*sent).request)
    assert str(refusal.value) == expected
