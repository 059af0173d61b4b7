"""Requests as protobuf: what is none, what has unknown fields, which models they name."""

import gzip

from tests.predictor.server.corpus.grpc import (
    TEXT,
    asking,
    bad,
    field,
    only,
    requested,
    tensor,
    varint,
)
from tests.predictor.server.corpus.rest import PROMPT

NO_MESSAGE = "the request is no ModelInferRequest message"
GOOD = asking()
# A field that no message has, as a number.
UNKNOWN = b"\x98\x06\x01"
IS_UNKNOWN = "has a field numbered 99, which is unknown"


def corrupt(data: bytes) -> tuple[bytes, str]:
    return data, NO_MESSAGE


# Without an id that could be read.
CORRUPT = bad(
    {
        "one byte": corrupt(b"\xff"),
        "cut in a field": corrupt(GOOD[:-1]),
        "cut in a tag": corrupt(GOOD + b"\x98"),
        "a length beyond the end": corrupt(b"\x0a\x7f"),
        "a length of 2^63": corrupt(b"\x0a" + varint(2**63)),
        "a length of 11 bytes": corrupt(b"\x0a" + b"\xff" * 10 + b"\x01"),
        "field 0": corrupt(b"\x00\x01"),
        "wire type 6": corrupt(b"\x0e\x01"),
        "wire type 7": corrupt(b"\x0f\x01"),
        "a group without end": corrupt(b"\x9b\x06"),
        "an end without a group": corrupt(b"\x9c\x06"),
        "1000 groups": corrupt(b"\x9b\x06" * 1000 + b"\x9c\x06" * 1000),
        "a name that is no UTF-8": corrupt(field(1, b"\xff")),
        "an id that is no UTF-8": corrupt(field(1, b"r1") + field(3, b"\xed\xa0\x80")),
        "an input's name that is no UTF-8": corrupt(field(5, field(1, b"\xff"))),
        "a parameter's name that is no UTF-8": corrupt(field(4, field(1, b"\xff"))),
        "a string parameter that is no UTF-8": corrupt(
            field(4, field(1, b"stop") + field(2, field(3, b"\xff")))
        ),
        "an input cut": corrupt(field(5, b"\x0a\x7f")),
        "the prompt": corrupt(PROMPT.encode()),
        "JSON": corrupt(b'{"inputs": []}'),
        "gzip": corrupt(gzip.compress(GOOD)),
        "another message": corrupt(b"\x08" + b"\xff" * 11),
        "40,000 empty inputs": (
            b"\x2a\x00" * 40_000,
            "the ModelInferRequest message has over 33792 fields and elements, must have at most",
        ),
        "1,000,000 integers": (
            field(5, field(5, field(2, b"\x01" * 10**6))),
            "the ModelInferRequest message has over 33792 fields and elements, must have at most",
        ),
    },
    request_id="",
)
PARAMETER = field(1, b"seed")
FIELDS = bad(
    {
        "of the request": (GOOD + UNKNOWN, f"the request {IS_UNKNOWN}"),
        "of the request, bytes": (GOOD + field(99, PROMPT.encode()), f"the request {IS_UNKNOWN}"),
        "of an input": (
            only() + field(5, TEXT.SerializeToString() + UNKNOWN),
            f"input 'text_input' {IS_UNKNOWN}",
        ),
        "of contents": (
            only() + field(5, TEXT.SerializeToString() + field(5, UNKNOWN)),
            f"input 'text_input' {IS_UNKNOWN}",
        ),
        "of an output": (
            GOOD + field(6, requested("text_output").SerializeToString() + UNKNOWN),
            f"output 'text_output' {IS_UNKNOWN}",
        ),
        "of a parameter": (
            GOOD + field(4, PARAMETER + field(2, b"\x10\x01" + UNKNOWN)),
            f"parameter 'seed' {IS_UNKNOWN}",
        ),
        "a parameter of a future type": (
            GOOD + field(4, PARAMETER + field(2, field(6, b"a"))),
            "parameter 'seed' has a field numbered 6, which is unknown",
        ),
        "a parameter of an input": (
            only() + field(5, TEXT.SerializeToString() + field(4, PARAMETER + field(2, UNKNOWN))),
            f"parameter 'seed' {IS_UNKNOWN}",
        ),
        "a number for the model's name": (
            GOOD + b"\x08\x01",
            "the request has a field numbered 1, which is unknown",
        ),
        "a parameter without a value": (
            GOOD + field(4, PARAMETER + field(2, b"")),
            "parameter 'seed' has no value, must have a bool, int64, uint64, double or string",
        ),
        "a parameter without a message": (
            GOOD + field(4, PARAMETER),
            "parameter 'seed' has no value, must have a bool, int64, uint64, double or string",
        ),
        "a parameter without a name": (
            GOOD + field(4, field(2, b"\x10\x01")),
            "unknown parameter '', known: max_tokens",
        ),
    }
)


def of(spelled: str, **fields: str) -> tuple[bytes, str]:
    return asking(**fields), f"{spelled} is not served here, only "


MODELS = bad(
    {
        "unknown": of("model 'r2'", model_name="r2"),
        "in capitals": of("model 'R1'", model_name="R1"),
        "empty": of("model ''", model_name=""),
        "a path": of("model '../r1'", model_name="../r1"),
        "of 1000 letters": of(f"model '{'x' * 27}...{'x' * 28}'", model_name="x" * 1000),
        "beyond ASCII": of("model 'м'", model_name="м"),
        "with a line feed": of(r"model 'r1\n'", model_name="r1\n"),
        "with a NUL": of(r"model 'r1\x00'", model_name="r1\0"),
        "version unknown": of("version '2' of r1", model_version="2"),
        "version padded": of("version '01' of r1", model_version="01"),
        "version latest": of("version 'latest' of r1", model_version="latest"),
        "version with a blank": of("version ' ' of r1", model_version=" "),
        "unknown before its inputs are": (
            only(tensor("a", [], "?", [9, 9]), model_name="r2"),
            "model 'r2' is not served here, only r1",
        ),
    },
    "NOT_FOUND",
)
MODELS |= bad(
    {"no message at all": (b"", "model '' is not served here, only r1")},
    "NOT_FOUND",
    request_id="",
)
IDS = bad(
    {
        "257 letters": (asking(id="x" * 257), "id has 257 characters, must have at most 256"),
        "257 umlauts": (asking(id="ä" * 257), "id has 257 characters, must have at most 256"),
        "1 MB": (asking(id="x" * 10**6), "id has 1000000 characters, must have at most 256"),
    },
    request_id="",
)
GROUPS = {"corrupt": CORRUPT, "fields": FIELDS, "models": MODELS, "ids": IDS}
