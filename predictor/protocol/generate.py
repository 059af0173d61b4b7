"""The generate extension: one prompt in, one text out, whole or as server-sent events.

Beyond the extension: ``messages`` instead of ``text_input``, ``reasoning_output``, every sampling
option, and usage. Errors are 400 or 503 and defaults the model's own, not the extension's.
"""

from typing import Final

import orjson

from predictor.config import Limits
from predictor.engine.sequence import FinishReason
from predictor.errors import InvalidRequest
from predictor.generation import Completion, Delta, GenerationRequest, TokenInfo, Usage
from predictor.protocol.json_text import check_members, check_object, parse_object
from predictor.protocol.parameters import parse_options
from predictor.protocol.prompts import chat_request, text_request
from predictor.protocol.v2 import token_logprob
from predictor.protocol.wording import kind, quote

BODY: Final = "the body"

FINISH_REASONS: Final = {
    FinishReason.EOS_TOKEN: "eos_token",
    FinishReason.STOP_TOKEN: "stop_sequence",
    FinishReason.STOP_STRING: "stop_sequence",
    FinishReason.LENGTH: "length",
}


def decode_generate(body: bytes, limits: Limits) -> tuple[GenerationRequest, bool]:
    """Return the request and whether it asks for details; raises InvalidRequest."""
    members = parse_object(body, BODY, max_depth=limits.max_json_depth)
    check_members(members, BODY, optional=("text_input", "messages", "parameters"))
    if ("text_input" in members) == ("messages" in members):
        given = "both" if "messages" in members else "neither"
        raise InvalidRequest(f"{BODY} holds {given} of text_input and messages, must hold one")
    values = dict(check_object(members.get("parameters", {}), "parameters"))
    details = values.pop("details", False)
    if not isinstance(details, bool):
        raise InvalidRequest(f"details is {quote(details)}, must be true or false")
    options = parse_options(values, others=("details",))
    if "messages" in members:
        return chat_request(members["messages"], options), details
    text = members["text_input"]
    if not isinstance(text, str):
        raise InvalidRequest(f"text_input is {kind(text)}, must be a string")
    return text_request(text, options), details


def encode_generate(
    completion: Completion, model_name: str, model_version: str, *, details: bool
) -> bytes:
    """Return the JSON of a whole generation."""
    members = _texts(completion, model_name, model_version)
    if details:
        members["details"] = {
            **_ending(completion.finish_reason, completion.usage),
            "tokens": [_token(token) for token in completion.tokens],
        }
    return orjson.dumps(members)


def encode_event(delta: Delta, model_name: str, model_version: str, *, details: bool) -> bytes:
    """Return the events of one delta: one, or with details one for each of its tokens.

    The extension's ``details.token`` is a single token; the delta's text comes with its last.
    The last delta has the finish reason and the usage in any case.
    """
    members = _texts(delta, model_name, model_version)
    last: dict[str, object] = {}
    if delta.finish_reason is not None:
        last = _ending(delta.finish_reason, delta.usage)
    if not details or not delta.tokens:
        return _event({**members, "details": last} if last else members)
    *earlier, final = [_token(token) for token in delta.tokens]
    textless = {**members, "text_output": "", "reasoning_output": ""}
    events = [{**textless, "details": {"token": token}} for token in earlier]
    events.append({**members, "details": {"token": final, **last}})
    return b"".join(map(_event, events))


def encode_error_event(message: str) -> bytes:
    """Return the event that ends a stream which failed."""
    return _event({"error": message})


def _texts(part: Completion | Delta, model_name: str, model_version: str) -> dict[str, object]:
    return {
        "model_name": model_name,
        "model_version": model_version,
        "text_output": part.answer,
        "reasoning_output": part.reasoning,
    }


def _ending(finish_reason: FinishReason, usage: Usage | None) -> dict[str, object]:
    assert finish_reason in FINISH_REASONS
    assert usage is not None
    return {
        "finish_reason": FINISH_REASONS[finish_reason],
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "completion_tokens": usage.completion_tokens,
        },
    }


def _token(token: TokenInfo) -> dict[str, object]:
    members: dict[str, object] = {
        "id": token.id,
        "text": token.text,
        "special": token.is_special,
    }
    if token.logprob is not None:
        described = token_logprob(token)
        members["logprob"], members["top"] = described["logprob"], described["top"]
    return members


def _event(members: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(members) + b"\n\n"
