"""Bodies of the OpenAI API. A member that is null counts as not given, an unknown one too."""

from collections.abc import Collection, Mapping
from typing import Final

from predictor.config import Limits
from predictor.generation import MAX_STOP_STRING_LENGTH
from predictor.protocol.openai import chat, completions, turns
from predictor.protocol.openai.body import SHARED_OPTIONS, Body
from predictor.protocol.openapi.json_schema import (
    BOOLEAN,
    NON_EMPTY,
    NULL,
    STRING,
    Schema,
    array,
    field_schemas,
    nullable,
    ref,
)
from predictor.protocol.openapi.options import OPTIONS, RULES

_STOP_STRING: Final[Schema] = {**NON_EMPTY, "maxLength": MAX_STOP_STRING_LENGTH}
_OPTIONS: Final[dict[str, Schema]] = {
    name: {"anyOf": [_STOP_STRING, OPTIONS[name]]} if name == "stop" else OPTIONS[name]
    for name in SHARED_OPTIONS
}


def request_schemas(model_name: str, limits: Limits) -> dict[str, Schema]:
    """Return the components that the requests are made of."""
    model: Schema = {"const": model_name}
    return {
        "ChatTextPart": _members({"type": {"const": "text"}, "text": STRING}, ("type", "text")),
        "ChatMessage": {"anyOf": [_message(role) for role in turns.ROLES]},
        "ChatCompletionRequest": _chat_request(model),
        "CompletionRequest": _completion_request(model, limits),
    }


def _chat_request(model: Schema) -> Schema:
    thinking = _members({"enable_thinking": BOOLEAN})
    metadata = {
        "type": "object",
        "maxProperties": chat.MAX_METADATA,
        "additionalProperties": STRING,
    }
    return _members(
        {
            **_OPTIONS,
            **field_schemas(chat.ChatBody),
            "model": model,
            "messages": array(
                ref("ChatMessage"), minItems=1, description="The last message is the user's."
            ),
            "enable_thinking": BOOLEAN,
            "chat_template_kwargs": thinking,
            "stream_options": _STREAM_OPTIONS,
            "response_format": _members({"type": {"const": "text"}}, ("type",)),
            "metadata": metadata,
            **_unsupported(chat.UNSUPPORTED),
        },
        ("model", "messages"),
        allOf=[_needs_true("stream_options", "stream"), _needs_true("top_logprobs", "logprobs")],
        description=f"{RULES} max_tokens and max_completion_tokens are the same, and so is "
        "enable_thinking in either place.",
    )


def _completion_request(model: Schema, limits: Limits) -> Schema:
    prompts = array(NON_EMPTY, minItems=1, maxItems=limits.max_rows)
    return _members(
        {
            **_OPTIONS,
            **field_schemas(Body),
            "model": model,
            "prompt": {"anyOf": [NON_EMPTY, prompts]},
            "logprobs": OPTIONS["logprobs"],
            "stream_options": _STREAM_OPTIONS,
            **_unsupported(completions.UNSUPPORTED),
        },
        ("model", "prompt"),
        allOf=[_needs_true("stream_options", "stream")],
        description=f"{RULES} max_tokens is {completions.DEFAULT_MAX_TOKENS} where not given. "
        f"There are at most {limits.max_rows} choices, n for each prompt.",
    )


def _members(
    properties: Mapping[str, Schema], required: Collection[str] = (), **more: object
) -> Schema:
    """Return the schema of an object of which each member that is not required may be null."""
    schema: Schema = {
        "type": "object",
        "properties": {
            name: value if name in required else nullable(value)
            for name, value in properties.items()
        },
        "additionalProperties": NULL,
    }
    return {**schema, **({"required": list(required)} if required else {}), **more}


_STREAM_OPTIONS: Final = _members({"include_usage": BOOLEAN})


def _unsupported(values: Mapping[str, object]) -> dict[str, Schema]:
    """Return the schemas of members that may only ask for nothing."""
    return {name: {"const": value} for name, value in values.items() if value is not None}


def _needs_true(name: str, other: str) -> Schema:
    given = {"properties": {name: {"not": NULL}}, "required": [name]}
    return {"if": given, "then": {"properties": {other: {"const": True}}, "required": [other]}}


def _message(role: str) -> Schema:
    part = ref("ChatTextPart")
    spoken = {"properties": {"text": {"minLength": 1}}}
    content: Schema = {
        "anyOf": [
            NON_EMPTY,
            array(part, minItems=2),
            array({"allOf": [part, spoken]}, minItems=1, maxItems=1),
        ]
    }
    if role == "assistant":
        # Its reasoning may have taken all of max_tokens.
        content = {"anyOf": [STRING, array(part)]}
    return _members(
        {
            "role": {"const": role},
            "content": content,
            **({"reasoning_content": STRING} if role == "assistant" else {}),
            # What clients send back of an answer without tool calls.
            **{name: {"const": []} for name in turns.UNSUPPORTED},
        },
        ("role", "content"),
    )
