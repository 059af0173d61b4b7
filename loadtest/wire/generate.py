"""V2's generate extension: a text in, a text out, whole or as server-sent events.

How a stream's end is known: the extension says ``details.finish_reason`` in its last event, and
its servers say ``details`` or ``reasoning_output`` in the others. Triton says neither, and its
stream is over when the transport says so: there any event may be the last, and only a connection
that breaks shows that the stream was cut.
"""

import orjson

from loadtest.config import RunConfig
from loadtest.errors import AnswerError
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
from loadtest.wire.options import chat, single_text
from loadtest.wire.part import Part
from loadtest.wire.paths import model_path
from loadtest.wire.quick import generate_reader
from loadtest.wire.v2 import JSON


class GenerateWire:
    """Asks for ``details``, without which the extension has no usage; an option may say false."""

    is_stream = False
    content_type = JSON
    accept = JSON

    def __init__(self, config: RunConfig) -> None:
        self.path = model_path(config, "generate")

    def encode(self, prompt: Prompt, request_id: str) -> bytes:
        return _encode(prompt, {"details": True, **prompt.options})

    def decode(self, payload: bytes) -> Part:
        return _decode(payload, is_unary=True)

    def decode_error(self, payload: bytes) -> str:
        return error_text(payload)


class GenerateStreamWire:
    """Usage and finish reason come with the last event, unasked."""

    is_stream = True
    content_type = JSON
    accept = "text/event-stream"

    def __init__(self, config: RunConfig) -> None:
        self.path = model_path(config, "generate_stream")
        self._read_quickly = generate_reader()

    def encode(self, prompt: Prompt, request_id: str) -> bytes:
        return _encode(prompt, dict(prompt.options))

    def decode(self, payload: bytes) -> Part:
        return self._read_quickly(payload) or _decode(payload, is_unary=False)

    def decode_error(self, payload: bytes) -> str:
        return error_text(payload)


def _encode(prompt: Prompt, parameters: dict[str, object]) -> bytes:
    text = single_text(prompt)
    body: dict[str, object] = {"messages": chat(prompt)} if text is None else {"text_input": text}
    if parameters:
        body["parameters"] = parameters
    return orjson.dumps(body)


def _decode(payload: bytes, *, is_unary: bool) -> Part:
    members = parse_object(payload)
    text = members.get("text_output")
    if type(text) is not str:
        if "error" in members:
            return Part(error=read_error(members["error"]))
        raise AnswerError(f"text_output is {kind(text)}, must be a string")
    reasoning = read_text(members.get("reasoning_output"), "reasoning_output")
    details = members.get("details")
    if details is None:
        return Part(text, reasoning, is_last=is_unary or "reasoning_output" not in members)
    ending = read_object(details, "details")
    reason = read_finish_reason(ending.get("finish_reason"))
    usage = read_usage(ending.get("usage"))
    return Part(text, reasoning, reason, usage, is_last=is_unary or reason is not None)
