"""What the protocols' JSON answers have in common."""

from typing import Final

import orjson

from loadtest.errors import AnswerError
from loadtest.record import NEVER, FinishReason
from loadtest.wire.part import Usage

# Of the server's word for an error.
_MAX_CHARACTERS: Final = 200
# Of a body that is looked at for it.
_MAX_ERROR_BYTES: Final = 65_536
# The record holds counts in 32 bits.
_MAX_COUNT: Final = 2**31 - 1

_FINISH_REASONS: Final = {
    "stop": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "length": FinishReason.LENGTH,
}


def parse_object(payload: bytes) -> dict[str, object]:
    """Return a JSON object; raises AnswerError."""
    try:
        members = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise AnswerError("the answer is not JSON") from None
    if type(members) is not dict:
        raise AnswerError(f"the answer is {kind(members)}, must be an object")
    return members


def read_object(value: object, name: str) -> dict[str, object]:
    if type(value) is not dict:
        raise AnswerError(f"{name} is {kind(value)}, must be an object")
    return value


def read_text(value: object, name: str) -> str:
    """Return a string, or '' for null, which OpenAI says where there is none."""
    if value is None:
        return ""
    if type(value) is not str:
        raise AnswerError(f"{name} is {kind(value)}, must be a string")
    return value


def read_finish_reason(value: object) -> FinishReason | None:
    """Return why the model stopped; None where it goes on."""
    if value is None:
        return None
    if type(value) is not str:
        raise AnswerError(f"finish_reason is {kind(value)}, must be a string")
    return _FINISH_REASONS.get(value, FinishReason.UNKNOWN)


def read_usage(value: object) -> Usage | None:
    """Return the counts of a usage object, OpenAI's or V2's; None where there is none."""
    if value is None:
        return None
    members = read_object(value, "usage")
    reasoning = members.get("reasoning_tokens")
    if reasoning is None:
        details = members.get("completion_tokens_details")
        if details is not None:
            reasoning = read_object(details, "completion_tokens_details").get("reasoning_tokens")
    return Usage(
        read_count(members.get("prompt_tokens"), "prompt_tokens"),
        read_count(members.get("completion_tokens"), "completion_tokens"),
        read_count(reasoning, "reasoning_tokens"),
    )


def read_count(value: object, name: str) -> int:
    """Return a number of tokens, NEVER for null."""
    if value is None:
        return NEVER
    if type(value) is not int or not 0 <= value <= _MAX_COUNT:
        raise AnswerError(f"{name} is not a number of tokens")
    return value


def read_error(value: object) -> str:
    """Return the server's word from an ``error`` member: a string, or OpenAI's object."""
    if type(value) is dict:
        value = value.get("message")
    return value[:_MAX_CHARACTERS] if type(value) is str else ""


def error_text(body: bytes) -> str:
    """Return the server's word from the body of a failure, '' where it has none.

    V2 and OpenAI have ``error``, FastAPI ``detail``, some ``message``; a gateway such as Envoy
    writes a plain line.
    """
    if len(body) > _MAX_ERROR_BYTES:
        return ""
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _plain_line(body)
    if type(members) is not dict:
        return ""
    for name in ("error", "detail", "message"):
        if word := read_error(members.get(name)):
            return word
    return ""


def _plain_line(body: bytes) -> str:
    try:
        text = body.decode().strip()
    except UnicodeDecodeError:
        return ""
    # A page of HTML, or JSON cut short, says nothing in its first line.
    if not text or text[0] in "<{[":
        return ""
    line = text.splitlines()[0][:_MAX_CHARACTERS]
    return line if line.isprintable() else ""


def kind(value: object) -> str:
    """Name a JSON value's type, without the value."""
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")
