"""OpenAI's chat completions and completions, whole or as server-sent events."""

from typing import Final

import orjson

from loadtest.config import RunConfig
from loadtest.errors import AnswerError, UsageError
from loadtest.prompts.prompt import Prompt
from loadtest.wire.answers import (
    error_text,
    kind,
    parse_object,
    read_error,
    read_finish_reason,
    read_object,
    read_text,
    read_usage,
)
from loadtest.wire.options import chat, chat_members, completion_members, single_text
from loadtest.wire.part import Part
from loadtest.wire.paths import path_prefix
from loadtest.wire.quick import chat_reader
from loadtest.wire.v2 import JSON

_DONE: Final = b"[DONE]"
_LAST: Final = Part(is_last=True)


class ChatWire:
    """Chat completions; a stream asks for its usage."""

    content_type = JSON

    def __init__(self, config: RunConfig) -> None:
        self.is_stream = config.protocol.is_stream
        self.path = f"{path_prefix(config)}/v1/chat/completions"
        self.accept = _accept(config)
        self._members = _members(config)
        self._name = "delta" if self.is_stream else "message"
        self._read_quickly = chat_reader()

    def encode(self, prompt: Prompt, request_id: str) -> bytes:
        return orjson.dumps(
            {**self._members, "messages": chat(prompt), **chat_members(prompt.options)}
        )

    def decode(self, payload: bytes) -> Part:
        if self.is_stream:
            if part := self._read_quickly(payload):
                return part
            if payload == _DONE:
                return _LAST
        members = parse_object(payload)
        choice = _choice(members)
        if choice is None:
            return _without_choice(members, is_stream=self.is_stream)
        message = read_object(choice.get(self._name), self._name)
        reasoning = message.get("reasoning_content")
        if reasoning is None:
            # vLLM's name for it since 0.12.
            reasoning = message.get("reasoning")
        finish_reason, usage = choice.get("finish_reason"), members.get("usage")
        return Part(
            read_text(message.get("content"), "content"),
            read_text(reasoning, "reasoning_content"),
            # Most events have neither.
            None if finish_reason is None else read_finish_reason(finish_reason),
            None if usage is None else read_usage(usage),
            is_last=not self.is_stream,
        )

    def decode_error(self, payload: bytes) -> str:
        return error_text(payload)


class CompletionsWire:
    """Completions of one text; raises UsageError for a chat of several messages."""

    content_type = JSON

    def __init__(self, config: RunConfig) -> None:
        if config.turns > 1:
            raise UsageError(
                f"turns is {config.turns}, must be 1 with {config.protocol}: completions take one "
                "text and no chat"
            )
        self.is_stream = config.protocol.is_stream
        self.path = f"{path_prefix(config)}/v1/completions"
        self.accept = _accept(config)
        self._members = _members(config)

    def encode(self, prompt: Prompt, request_id: str) -> bytes:
        text = single_text(prompt)
        if text is None:
            raise UsageError(
                f"the prompt is a chat of {len(prompt.messages)} messages, must be one of the "
                "user's: completions take one text"
            )
        return orjson.dumps({**self._members, "prompt": text, **completion_members(prompt.options)})

    def decode(self, payload: bytes) -> Part:
        if payload == _DONE and self.is_stream:
            return _LAST
        members = parse_object(payload)
        choice = _choice(members)
        if choice is None:
            return _without_choice(members, is_stream=self.is_stream)
        return Part(
            read_text(choice.get("text"), "text"),
            "",
            read_finish_reason(choice.get("finish_reason")),
            read_usage(members.get("usage")),
            is_last=not self.is_stream,
        )

    def decode_error(self, payload: bytes) -> str:
        return error_text(payload)


def _accept(config: RunConfig) -> str:
    return "text/event-stream" if config.protocol.is_stream else JSON


def _members(config: RunConfig) -> dict[str, object]:
    members: dict[str, object] = {"model": config.model}
    if config.protocol.is_stream:
        members |= {"stream": True, "stream_options": {"include_usage": True}}
    return members


def _choice(members: dict[str, object]) -> dict[str, object] | None:
    """Return the only choice; None for an error, or for the chunk that has the usage alone."""
    choices = members.get("choices")
    if type(choices) is not list:
        if "error" in members:
            return None
        raise AnswerError(f"choices is {kind(choices)}, must be a list")
    if not choices:
        return None
    if len(choices) > 1:
        raise AnswerError(f"the answer has {len(choices)} choices, must have 1")
    return read_object(choices[0], "the choice")


def _without_choice(members: dict[str, object], *, is_stream: bool) -> Part:
    if "error" in members:
        return Part(error=read_error(members["error"]))
    if not is_stream:
        raise AnswerError("choices is empty, must hold one")
    return Part(usage=read_usage(members.get("usage")))
