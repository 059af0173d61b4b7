"""V2's infer over REST: a prompt in one tensor, the answer in another."""

from typing import Final

import orjson

from loadtest.config import RunConfig
from loadtest.errors import AnswerError
from loadtest.prompts.prompt import Prompt
from loadtest.wire.answers import (
    error_text,
    kind,
    parse_object,
    read_count,
    read_error,
    read_finish_reason,
    read_object,
)
from loadtest.wire.options import chat, scalar_parameters, single_text
from loadtest.wire.part import Part, Usage
from loadtest.wire.paths import model_path

JSON: Final = "application/json"


class InferWire:
    """``text_input``, or ``messages`` for a chat, is BYTES of shape [1]; options are parameters."""

    is_stream = False
    content_type = JSON
    accept = JSON

    def __init__(self, config: RunConfig) -> None:
        self.path = model_path(config, "infer")

    def encode(self, prompt: Prompt, request_id: str) -> bytes:
        name, data = "text_input", single_text(prompt)
        if data is None:
            name, data = "messages", orjson.dumps(chat(prompt)).decode()
        tensor = {"name": name, "shape": [1], "datatype": "BYTES", "data": [data]}
        body: dict[str, object] = {"id": request_id, "inputs": [tensor]}
        if prompt.options:
            body["parameters"] = scalar_parameters(prompt.options)
        return orjson.dumps(body)

    def decode(self, payload: bytes) -> Part:
        members = parse_object(payload)
        if "error" in members:
            return Part(error=read_error(members["error"]))
        outputs = _read_outputs(members.get("outputs"))
        if "text_output" not in outputs:
            raise AnswerError("the answer has no output text_output")
        return Part(
            text=_read_bytes(outputs, "text_output"),
            reasoning=_read_bytes(outputs, "reasoning_output"),
            finish_reason=read_finish_reason(outputs.get("finish_reason")),
            usage=_read_usage(outputs),
            is_last=True,
        )

    def decode_error(self, payload: bytes) -> str:
        return error_text(payload)


def _read_outputs(value: object) -> dict[str, object]:
    """Return the first element of each output by name."""
    if type(value) is not list:
        raise AnswerError(f"outputs is {kind(value)}, must be a list")
    elements: dict[str, object] = {}
    for entry in value:
        tensor = read_object(entry, "an output")
        name = tensor.get("name")
        if type(name) is not str:
            raise AnswerError(f"an output's name is {kind(name)}, must be a string")
        elements[name] = _first(tensor.get("data"))
    return elements


def _first(data: object) -> object:
    # Data may be nested as the shape is, or flat.
    for _ in range(8):
        if type(data) is not list:
            return data
        data = data[0] if data else None
    raise AnswerError("an output's data is nested more than 8 deep")


def _read_bytes(outputs: dict[str, object], name: str) -> str:
    value = outputs.get(name, "")
    if type(value) is not str:
        raise AnswerError(f"{name} is {kind(value)}, must be a string")
    return value


def _read_usage(outputs: dict[str, object]) -> Usage | None:
    names = ("prompt_tokens", "completion_tokens", "reasoning_tokens")
    if not any(name in outputs for name in names):
        return None
    return Usage(*(read_count(outputs.get(name), name) for name in names))
