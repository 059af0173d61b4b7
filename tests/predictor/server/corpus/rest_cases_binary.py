"""The binary tensor data extension: what its header, its sizes and its bytes may lie about."""

import json
import struct
from typing import Any

from tests.predictor.server.corpus.rest import MODEL, PROMPT, TEXT, bad, infer, post, tensor

HEADER = "inference-header-content-length"
SECRET = PROMPT.encode()
INPUT = "input 'text_input'"


def prefixed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def spell(*tensors: tuple[dict[str, Any], bytes], **members: Any) -> tuple[bytes, int]:
    """Return a body of tensors, each with its bytes, and the length of its JSON."""
    text = json.dumps({"inputs": [told for told, _ in tensors], **members}).encode()
    return text + b"".join(raw for _, raw in tensors), len(text)


def binary(
    name: str, datatype: str, raw: bytes, shape: Any = (1,), **parameters: Any
) -> tuple[dict[str, Any], bytes]:
    size = {"binary_data_size": len(raw), **parameters}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": size}, raw


def send(body: bytes, length: Any, **headers: str) -> bytes:
    named = {} if length is None else {HEADER.replace("-", "_"): str(length)}
    return infer(body, **named, **headers)


def only(*tensors: tuple[dict[str, Any], bytes], **members: Any) -> bytes:
    return send(*spell(*tensors, **members))


PROMPT_TENSOR = binary("text_input", "BYTES", prefixed(SECRET))
NUM_BYTES = len(PROMPT_TENSOR[1])
BODY, LENGTH = spell(PROMPT_TENSOR)


def headed(value: str, spelled: str | None = None) -> tuple[bytes, str]:
    shown = repr(value) if spelled is None else spelled
    words = f"{HEADER} is {shown}, must be an integer from 1 to the body's length, {len(BODY)}"
    return send(BODY, value), words


def twice_headed(first: str, second: str) -> bytes:
    return send(BODY, first, Inference_Header_content_length=second)


HEADERS = bad(
    {
        "a word": headed("abc"),
        "empty": headed(""),
        "zero": headed("0"),
        "negative": headed("-5"),
        "plus": headed("+5"),
        "a float": headed("5.0"),
        "hexadecimal": headed("0x10"),
        "two numbers": headed(f"{LENGTH}, {LENGTH}"),
        "two headers": (
            twice_headed(str(LENGTH), str(LENGTH)),
            f"{HEADER} is '{LENGTH}, {LENGTH}', must be an integer from 1 to the body's length",
        ),
        "two headers that differ": (
            twice_headed(str(LENGTH), str(LENGTH - 1)),
            f"{HEADER} is '{LENGTH}, {LENGTH - 1}', must be an integer from 1 to the body's",
        ),
        "digits that are not ASCII": headed("\u00b2"),
        "one beyond the body": headed(str(len(BODY) + 1)),
        "beyond 64 bits": headed(str(2**64)),
        "5000 digits": headed("9" * 5000, f"'{'9' * 27}...{'9' * 28}'"),
        "cuts the JSON": (send(BODY, LENGTH - 1), "the body is not JSON: "),
        "counts a byte of the data": (send(BODY, LENGTH + 1), "the body is not JSON: "),
        "counts all": (send(BODY, len(BODY)), "the body is not JSON: "),
        "of an empty body": (
            send(b"", 0),
            f"{HEADER} is '0', must be an integer from 1 to the body's length, 0",
        ),
        "none": (send(BODY, None), "the body is not JSON: "),
        "none, and no bytes": (
            send(BODY[:LENGTH], None),
            f"{INPUT} has binary_data_size, but the request has no header {HEADER}",
        ),
        "null before the bytes": (send(b"null" + SECRET, 4), "the body is null, must be an obje"),
        "a list before the bytes": (send(b"[]" + SECRET, 2), "the body is a list, must be an ob"),
        "no inputs before the bytes": (send(b"{}" + SECRET, 2), "the body has no inputs"),
        "inputs null before the bytes": (
            send(b'{"inputs":null}' + SECRET, 15),
            "the body: inputs is null, leave it out instead",
        ),
        "of generate": (
            post(f"{MODEL}/generate", BODY, Inference_Header_Content_Length=str(LENGTH)),
            "the body is not JSON: ",
        ),
    }
)


def sized(size: Any, words: str) -> tuple[bytes, str]:
    return only(binary("text_input", "BYTES", prefixed(SECRET), binary_data_size=size)), words


def missized(size: Any, spelled: str) -> tuple[bytes, str]:
    return sized(size, f"{INPUT}: binary_data_size is {spelled}, must be a number of bytes from 0")


def beyond(size: int) -> tuple[bytes, str]:
    words = f"{INPUT}: binary_data_size is {size}, but {NUM_BYTES} bytes of the body are left"
    return sized(size, words)


SIZES = bad(
    {
        "negative": missized(-1, "-1"),
        "a string": missized(str(NUM_BYTES), f"'{NUM_BYTES}'"),
        "a float": missized(float(NUM_BYTES), f"{NUM_BYTES}.0"),
        "true": missized(True, "true"),
        "null": missized(None, "null"),
        "a list": missized([NUM_BYTES], f"[{NUM_BYTES}]"),
        "an object": missized({}, "{}"),
        "beyond 64 bits": missized(10**20, "1e+20"),
        "zero": sized(0, f"{INPUT} has shape [1], so 1 elements, but holds 0"),
        "one too many": beyond(NUM_BYTES + 1),
        "2^63": beyond(2**63),
        "one too few": sized(
            NUM_BYTES - 1,
            f"{INPUT}: element 0 is said to be {len(SECRET)} bytes long, but {len(SECRET) - 1} are",
        ),
        "too large for the second": (
            only(PROMPT_TENSOR, binary("seed", "INT64", bytes(8), binary_data_size=16)),
            "input 'seed': binary_data_size is 16, but 8 bytes of the body are left",
        ),
        "without its bytes": (
            send(BODY[:LENGTH], LENGTH),
            f"{INPUT}: binary_data_size is {NUM_BYTES}, but 0 bytes of the body are left",
        ),
        "bytes behind the last": (
            send(BODY + b"zz", LENGTH),
            f"the body has 2 bytes after {INPUT}, must have none",
        ),
        "bytes behind JSON alone": (
            send(*spell((TEXT, b"zz"))),
            "the body has 2 bytes after its JSON, must have none",
        ),
        "data too": (
            only(({**PROMPT_TENSOR[0], "data": [PROMPT]}, PROMPT_TENSOR[1])),
            f"{INPUT} has both of data and binary_data_size, must have one",
        ),
        "data null": (
            only(({**PROMPT_TENSOR[0], "data": None}, PROMPT_TENSOR[1])),
            "inputs[0]: data is null, leave it out instead",
        ),
        "no size and no data": (
            only(({**PROMPT_TENSOR[0], "parameters": {}}, b"")),
            f"{INPUT} has neither of data and binary_data_size, must have one",
        ),
        "a size for an output": (
            only(
                PROMPT_TENSOR,
                outputs=[{"name": "text_output", "parameters": {"binary_data_size": 1}}],
            ),
            "output text_output has unknown parameter 'binary_data_size', must be left out",
        ),
        "a wish for an input": (
            only(binary("text_input", "BYTES", prefixed(SECRET), binary_data=True)),
            "input text_input has unknown parameter 'binary_data', must be left out",
        ),
    }
)


def text_of(raw: bytes, words: str, shape: Any = (1,)) -> tuple[bytes, str]:
    return only(binary("text_input", "BYTES", raw, shape)), f"{INPUT}{words}"


def option(name: str, datatype: str, raw: bytes, words: str, shape: Any = (1,)) -> Any:
    return only(PROMPT_TENSOR, binary(name, datatype, raw, shape)), words


def misaligned(datatype: str, length: int, size: int) -> tuple[bytes, str]:
    words = f"input 'seed': raw contents are {length} bytes long, must be a multiple of {size}"
    return option("seed", datatype, bytes(length), words)


def not_finite(datatype: str, letter: str, value: str) -> tuple[bytes, str]:
    raw = struct.pack(f"<{letter}", float(value))
    return option("temperature", datatype, raw, f"row 0: temperature is {value}, must be 0 or a")


CUT = ": raw contents end within the length of element"
BYTES = bad(
    {
        "no prefix": text_of(SECRET, ": element 0 is said to be 1380140371 bytes long, but 22 are"),
        "prefix cut": text_of(b"\x01\x00\x00", f"{CUT} 0"),
        "prefix alone": text_of(b"\x01\0\0\0", ": element 0 is said to be 1 bytes long, but 0 are"),
        "prefix of 4 GB": text_of(
            b"\xff\xff\xff\xff" + SECRET, ": element 0 is said to be 4294967295 bytes long, but 26"
        ),
        "prefix in network order": text_of(
            struct.pack(">I", 26) + SECRET, ": element 0 is said to be 436207616 bytes long, but 26"
        ),
        "prefix of 8 bytes": text_of(
            struct.pack("<Q", len(SECRET)) + SECRET, ": element 1 is said to be "
        ),
        "second prefix too long": text_of(
            prefixed(b"a") + b"\x09\0\0\0a",
            ": element 1 is said to be 9 bytes long, but 1 are",
            [2],
        ),
        "bytes behind the element": text_of(prefixed(SECRET) + b"zz", f"{CUT} 1"),
        "fewer texts": text_of(prefixed(b"a"), " has shape [2], so 2 elements, but holds 1", [2]),
        "more texts": text_of(
            prefixed(b"a", b"b", b"c"), " has shape [1], so 1 elements, but holds more"
        ),
        "100,000 empty texts": text_of(
            prefixed(*[b""] * 100_000), " has shape [1], so 1 elements, but holds more"
        ),
        "no texts": text_of(b"", " has shape [1], so 1 elements, but holds 0"),
        "2^62 texts": text_of(prefixed(b"a"), " has shape [4611686018427387904], must", [2**62]),
        "two columns": text_of(prefixed(b"a", b"b"), " has shape [1, 2], must be [n] or", [1, 2]),
        "an empty text": (
            only(binary("text_input", "BYTES", prefixed(b""))),
            "row 0: text_input is empty, must be at least 1 character",
        ),
        "no UTF-8": (
            only(binary("text_input", "BYTES", prefixed(SECRET + b"\xff"))),
            "row 0: text_input is not UTF-8 text",
        ),
        "half a character": (
            only(binary("text_input", "BYTES", prefixed(b"a", b"\xe2\x82"), [2])),
            "row 1: text_input is not UTF-8 text",
        ),
        "a surrogate": (
            only(binary("text_input", "BYTES", prefixed(b"\xed\xa0\x80"))),
            "row 0: text_input is not UTF-8 text",
        ),
        "a chat that is no UTF-8": (
            only(binary("messages", "BYTES", prefixed(b"\xff"))),
            "row 0: messages is not UTF-8 text",
        ),
        "a chat that is no JSON": (
            only(binary("messages", "BYTES", prefixed(SECRET))),
            "row 0: messages is not JSON: ",
        ),
        "stop that is no UTF-8": option(
            "stop", "BYTES", prefixed(b"\xff"), "row 0: stop is not UTF-8 text"
        ),
        "FP32 of 3 bytes": misaligned("FP32", 3, 4),
        "FP64 of 9 bytes": misaligned("FP64", 9, 8),
        "INT64 of 7 bytes": misaligned("INT64", 7, 8),
        "INT16 of 1 byte": misaligned("INT16", 1, 2),
        "fewer integers": option(
            "seed", "INT32", bytes(4), "input 'seed' has shape [2], so 2 elements, but", [2]
        ),
        "more integers": option(
            "seed", "UINT8", bytes(100_000), "input 'seed' has shape [1], so 1 elements, but holds"
        ),
        "no integers": option("seed", "INT8", b"", "input 'seed' has shape [1], so 1 elements"),
        "a boolean of 2": option(
            "raw", "BOOL", b"\x02", "input 'raw': raw contents of a BOOL must be bytes 0 or 1"
        ),
        "FP16": option("top_p", "FP16", bytes(2), "input 'top_p' has datatype 'FP16', must be one"),
        "BF16": option("top_p", "BF16", bytes(2), "input 'top_p' has datatype 'BF16', must be one"),
        "wrong datatype": option(
            "seed", "FP32", bytes(4), "input seed has datatype 'FP32', must be one of INT8"
        ),
        "a seed beyond INT64": option(
            "seed", "UINT64", b"\xff" * 8, "row 0: seed is 18446744073709551615, must be an integer"
        ),
        "a negative seed": option("seed", "INT8", b"\xff", "row 0: seed is -1, must be an integer"),
        "NaN": not_finite("FP32", "f", "nan"),
        "infinity": not_finite("FP32", "f", "inf"),
        "minus infinity": not_finite("FP64", "d", "-inf"),
        "NaN of 64 bits": not_finite("FP64", "d", "nan"),
        "a denormal": option(
            "temperature", "FP32", b"\x01\0\0\0", "row 0: temperature is 1.4013e-45, must be 0 or"
        ),
        "rows that differ": option(
            "seed", "INT8", bytes(2), "input seed has 2 rows, must have 1 as text_input has", [2]
        ),
        "JSON and binary that differ": (
            only(PROMPT_TENSOR, (tensor("seed", [1, 2], "INT64"), b"")),
            "input seed has 2 rows, must have 1 as text_input has",
        ),
        "the same input in both forms": (
            only(PROMPT_TENSOR, (TEXT, b"")),
            "input text_input is given twice",
        ),
        "as JSON, by its media type": (
            send(BODY, None, Content_Type="application/json"),
            "the body is not JSON: ",
        ),
    }
)
GROUPS = {"binary: header": HEADERS, "binary: sizes": SIZES, "binary: bytes": BYTES}
