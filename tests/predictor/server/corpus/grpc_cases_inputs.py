"""Inputs and outputs over gRPC: typed contents, raw contents, shapes, datatypes, outputs."""

import struct
from typing import Any

from tests.predictor.server.corpus.grpc import TEXT, asking, bad, only, requested, tensor
from tests.predictor.server.corpus.rest import PROMPT

SECRET = PROMPT.encode()
INPUT = "input 'text_input'"
INTEGERS = "INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64"
CHAT = '[{"role":"user","content":"a"}]'


def text(words: str, data: Any = (PROMPT,), **members: Any) -> tuple[bytes, str]:
    return only(tensor("text_input", data, **members)), words


def option(
    name: str, datatype: str, value: Any, words: str, contents: str | None = None
) -> tuple[bytes, str]:
    return asking(tensor(name, [value], datatype, contents=contents)), words


def both_contents() -> Any:
    mixed = tensor("text_input", [PROMPT])
    mixed.contents.int_contents.append(1)
    return mixed


INPUTS = bad(
    {
        "none": (only(), "inputs hold neither of text_input and messages, must hold one"),
        "options alone": (
            only(tensor("seed", [1], "INT64")),
            "inputs hold neither of text_input and messages, must hold one",
        ),
        "both prompts": (asking(tensor("messages", [CHAT])), "inputs hold both of text_input and"),
        "unknown": (only(tensor("prompt", ["a"])), "unknown input 'prompt', known: text_input, me"),
        "nameless": (only(tensor("", ["a"])), "unknown input '', known: text_input, messages"),
        "an output's name": (only(tensor("text_output", ["a"])), "unknown input 'text_output', kn"),
        "the same twice": (asking(TEXT), "input text_input is given twice"),
        "65 of them": (only(*[TEXT] * 65), "inputs has 65 entries, must have at most 64"),
        "unknown parameter": text(
            "input text_input has unknown parameter 'content_type', must be left out",
            parameters={"content_type": "str"},
        ),
        "a binary size": text(
            "input text_input has unknown parameter 'binary_data_size', must be left out",
            parameters={"binary_data_size": 30},
        ),
        "shared memory": text(
            "input text_input has unknown parameter 'shared_memory_region', must be left out",
            parameters={"shared_memory_region": "a"},
        ),
        "65 parameters": text(
            f"{INPUT}: parameters has 65 entries, must have at most 64",
            parameters={str(number): 1 for number in range(65)},
        ),
        "datatype unknown": text(
            f"{INPUT} has datatype 'STRING', must be one of BOOL, INT8",
            datatype="STRING",
            contents="bytes_contents",
        ),
        "datatype empty": text(
            f"{INPUT} has datatype '', must be one of", datatype="", contents="bytes_contents"
        ),
        "datatype in small letters": text(
            f"{INPUT} has datatype 'bytes', must be", datatype="bytes", contents="bytes_contents"
        ),
        "FP16": text(f"{INPUT} has datatype 'FP16', must be one of", (), datatype="FP16"),
        "BF16": text(f"{INPUT} has datatype 'BF16', must be one of", (), datatype="BF16"),
        "a prompt of INT32": text(
            "input text_input has datatype 'INT32', must be BYTES", [1], datatype="INT32"
        ),
        "a seed of FP32": option(
            "seed", "FP32", 1.0, f"input seed has datatype 'FP32', must be one of {INTEGERS}"
        ),
        "a seed of BOOL": option("seed", "BOOL", True, "input seed has datatype 'BOOL', must be"),
        "raw of INT8": option("raw", "INT8", 1, "input raw has datatype 'INT8', must be BOOL"),
    }
)


def misshaped(shape: list[int], spelled: str, data: Any = (PROMPT,)) -> tuple[bytes, str]:
    words = f"{INPUT} has shape {spelled}, must be [n] or [n,1] with n from 1 to 1024"
    return text(words, data, shape=shape)


SHAPES = bad(
    {
        "none": misshaped([], "[]"),
        "negative": misshaped([-1], "[-1]"),
        "two negatives": misshaped([-1, -1], "[-1, -1]"),
        "zero": misshaped([0], "[0]", ()),
        "zero columns": misshaped([1, 0], "[1, 0]", ()),
        "2^62": misshaped([2**62], "[4611686018427387904]"),
        "2^63 - 1": misshaped([2**63 - 1], "[9223372036854775807]"),
        "-2^63": misshaped([-(2**63)], "[-9223372036854775808]"),
        "2^32 by 2^32": misshaped([2**32, 2**32], "[4294967296, 4294967296]"),
        "two columns": misshaped([1, 2], "[1, 2]", (PROMPT, PROMPT)),
        "three dimensions": misshaped([1, 1, 1], "[1, 1, 1]"),
        "1000 dimensions": misshaped([1] * 1000, "[1, 1, 1, 1, 1, 1, ...]"),
        "1025 rows": misshaped([1025], "[1025]", [PROMPT] * 1025),
        "fewer elements": text(f"{INPUT} has shape [2], so 2 elements, but holds 1", shape=[2]),
        "more elements": text(
            f"{INPUT} has shape [1], so 1 elements, but holds more", [PROMPT] * 3, shape=[1]
        ),
        "no elements": text(f"{INPUT} has shape [1], so 1 elements, but holds 0", (), shape=[1]),
        "rows that differ": (
            asking(tensor("seed", [1, 2], "INT64")),
            "input seed has 2 rows, must have 1 as text_input has",
        ),
    }
)


def wrong_field(datatype: str, right: str, contents: str, value: Any) -> tuple[bytes, str]:
    words = f"input 'seed' has datatype {datatype}, so {right}, but holds {contents}"
    return option("seed", datatype, value, words, contents)


CONTENTS = bad(
    {
        "text in integers": text(
            f"{INPUT} has datatype BYTES, so bytes_contents, but holds int_contents",
            [1],
            contents="int_contents",
        ),
        "text in bytes and integers": (
            only(both_contents()),
            f"{INPUT} has datatype BYTES, so bytes_contents, but holds int_contents, bytes_con",
        ),
        "INT64 in INT32's": wrong_field("INT64", "int64_contents", "int_contents", 1),
        "INT32 in INT64's": wrong_field("INT32", "int_contents", "int64_contents", 1),
        "INT8 in unsigned": wrong_field("INT8", "int_contents", "uint_contents", 1),
        "UINT8 in signed": wrong_field("UINT8", "uint_contents", "int_contents", 1),
        "UINT64 in UINT32's": wrong_field("UINT64", "uint64_contents", "uint_contents", 1),
        "UINT16 in floats": wrong_field("UINT16", "uint_contents", "fp32_contents", 1.0),
        "INT16 in bytes": wrong_field("INT16", "int_contents", "bytes_contents", b"1"),
        "UINT32 in booleans": wrong_field("UINT32", "uint_contents", "bool_contents", True),
        "FP32 in doubles": option(
            *("top_p", "FP32", 0.5),
            "input 'top_p' has datatype FP32, so fp32_contents, but holds fp64_contents",
            "fp64_contents",
        ),
        "FP64 in floats": option(
            *("top_p", "FP64", 0.5),
            "input 'top_p' has datatype FP64, so fp64_contents, but holds fp32_contents",
            "fp32_contents",
        ),
        "BOOL in integers": option(
            *("raw", "BOOL", 1),
            "input 'raw' has datatype BOOL, so bool_contents, but holds int_contents",
            "int_contents",
        ),
        "beyond INT8": option("seed", "INT8", 128, "row 0: seed is 128, must be INT8"),
        "below INT8": option("seed", "INT8", -129, "row 0: seed is -129, must be INT8"),
        "beyond INT16": option("seed", "INT16", 2**15, "row 0: seed is 32768, must be INT16"),
        "below INT16": option("seed", "INT16", -(2**15) - 1, "row 0: seed is -32769, must be INT"),
        "beyond UINT8": option("seed", "UINT8", 256, "row 0: seed is 256, must be UINT8"),
        "beyond UINT16": option("seed", "UINT16", 2**16, "row 0: seed is 65536, must be UINT16"),
        "an empty text": text("row 0: text_input is empty, must be at least 1 character", [""]),
        "a second row empty": text("row 1: text_input is empty, must be at least 1", ["a", ""]),
        "no UTF-8": text("row 0: text_input is not UTF-8 text", [SECRET + b"\xff"]),
        "a surrogate": text("row 0: text_input is not UTF-8 text", [b"\xed\xa0\x80"]),
        "half a character": text("row 1: text_input is not UTF-8 text", [b"a", b"\xe2\x82"]),
        "stop that is no UTF-8": option("stop", "BYTES", b"\xff", "row 0: stop is not UTF-8 text"),
        "a chat that is no JSON": (
            only(tensor("messages", [PROMPT])),
            "row 0: messages is not JSON: ",
        ),
        "a chat of nobody": (
            only(tensor("messages", ["[]"])),
            "row 0: messages is empty, must hold at least 1 message",
        ),
    }
)
RAW_TEXT = struct.pack("<I", len(SECRET)) + SECRET
EMPTY = tensor("text_input", (), shape=[1])


def raw(words: str, data: bytes, **members: Any) -> tuple[bytes, str]:
    return only(tensor("text_input", (), **{"shape": [1], **members}), raw=[data]), words


def raw_option(name: str, datatype: str, data: bytes, words: str) -> tuple[bytes, str]:
    empty = tensor(name, (), datatype, shape=[1])
    return only(EMPTY, empty, raw=[RAW_TEXT, data]), words


NUMBER = "raw_input_contents has {} entries, must have {}, one for each input"
RAW = bad(
    {
        "one too few": (only(EMPTY, EMPTY, raw=[RAW_TEXT]), NUMBER.format(1, 2)),
        "one too many": (only(EMPTY, raw=[RAW_TEXT] * 2), NUMBER.format(2, 1)),
        "without inputs": (only(raw=[RAW_TEXT]), NUMBER.format(1, 0)),
        "10,000 of them": (only(EMPTY, raw=[b""] * 10_000), NUMBER.format(10_000, 1)),
        "beside contents": (
            only(TEXT, raw=[RAW_TEXT]),
            f"{INPUT} has contents, must have none beside raw_input_contents",
        ),
        "beside another's contents": (
            only(EMPTY, tensor("seed", [1], "INT64"), raw=[RAW_TEXT, bytes(8)]),
            "input 'seed' has contents, must have none beside raw_input_contents",
        ),
        "empty": raw(f"{INPUT} has shape [1], so 1 elements, but holds 0", b""),
        "no length": raw(f"{INPUT}: element 0 is said to be 1380140371 bytes long, but", SECRET),
        "a length cut": raw(f"{INPUT}: raw contents end within the length of element 0", b"\1\0\0"),
        "a length alone": raw(f"{INPUT}: element 0 is said to be 1 bytes long, but 0", b"\1\0\0\0"),
        "a length of 4 GB": raw(
            f"{INPUT}: element 0 is said to be 4294967295 bytes long, but 26 are left",
            b"\xff" * 4 + SECRET,
        ),
        "a length in network order": raw(
            f"{INPUT}: element 0 is said to be 436207616 bytes long, but 26 are left",
            struct.pack(">I", 26) + SECRET,
        ),
        "bytes behind": raw(
            f"{INPUT}: raw contents end within the length of element 1", RAW_TEXT + b"z"
        ),
        "more texts": raw(f"{INPUT} has shape [1], so 1 elements, but holds more", RAW_TEXT * 3),
        "fewer texts": raw(f"{INPUT} has shape [2], so 2 elements, but", RAW_TEXT, shape=[2]),
        "no UTF-8": raw("row 0: text_input is not UTF-8 text", b"\1\0\0\0\xff"),
        "INT64 of 7 bytes": raw_option(
            *("seed", "INT64", bytes(7)),
            "input 'seed': raw contents are 7 bytes long, must be a multiple of 8",
        ),
        "FP32 of 3 bytes": raw_option(
            *("top_p", "FP32", bytes(3)),
            "input 'top_p': raw contents are 3 bytes long, must be a multiple of 4",
        ),
        "too many integers": raw_option(
            "seed", "INT64", bytes(80), "input 'seed' has shape [1], so 1 elements, but holds more"
        ),
        "a boolean of 2": raw_option(
            "raw", "BOOL", b"\2", "input 'raw': raw contents of a BOOL must be bytes 0 or 1"
        ),
        "FP16": raw_option("top_p", "FP16", bytes(2), "input 'top_p' has datatype 'FP16', must"),
        "NaN": raw_option(
            "top_p", "FP32", b"\0\0\xc0\x7f", "row 0: top_p is nan, must be a number above 0"
        ),
    }
)


def wishing(words: str, *outputs: Any) -> tuple[bytes, str]:
    return asking(outputs=outputs), words


OUTPUTS = bad(
    {
        "unknown": wishing("unknown output 'text', known: text_output, reasoning_output", "text"),
        "nameless": wishing("unknown output '', known: text_output, reasoning_output", ""),
        "an input's name": wishing("unknown output 'text_input', known: text_ou", "text_input"),
        "twice": wishing("output text_output is requested twice", "text_output", "text_output"),
        "65 of them": wishing(
            "outputs has 65 entries, must have at most 64", *["text_output"] * 65
        ),
        "logprobs not asked for": wishing(
            "output logprobs is requested without the parameter logprobs", "logprobs"
        ),
        "classification": wishing(
            "output text_output has unknown parameter 'classification', must be left out",
            requested("text_output", classification=2),
        ),
        "REST's binary_data": wishing(
            "output text_output has unknown parameter 'binary_data', must be left out",
            requested("text_output", binary_data=True),
        ),
        "65 parameters": wishing(
            "output 'text_output': parameters has 65 entries, must have at most 64",
            requested("text_output", **{f"p{number}": 1 for number in range(65)}),
        ),
    }
)
GROUPS = {
    "inputs": INPUTS,
    "shapes": SHAPES,
    "contents": CONTENTS,
    "raw contents": RAW,
    "outputs": OUTPUTS,
}
