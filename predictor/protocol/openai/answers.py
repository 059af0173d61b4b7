"""What lies around the choices of an answer, and the answers that have none."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import orjson

from predictor.engine.sequence import FinishReason
from predictor.generation import Completion, Delta, Usage

DONE: Final = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The members that an answer's chunks have in common; ``created_s`` is Unix time."""

    id: str
    model: str
    created_s: int

    def encode(
        self, object_type: str, choices: list[dict[str, object]], **more: object
    ) -> dict[str, object]:
        return {
            "id": self.id,
            "object": object_type,
            "created": self.created_s,
            "model": self.model,
            "choices": choices,
            **more,
        }


def finish_reason(part: Completion | Delta) -> str | None:
    """Return OpenAI's name for why the generation ended; None where it goes on."""
    assert part.finish_reason is not FinishReason.NUMERIC_ERROR
    if part.finish_reason is None:
        return None
    return "length" if part.finish_reason is FinishReason.LENGTH else "stop"


def encode_usage(
    num_prompt_tokens: int, usages: Iterable[Usage], *, has_reasoning: bool
) -> dict[str, object]:
    """Return the sums over all choices; a prompt's tokens count once, however many its choices."""
    counted = list(usages)
    num_completion_tokens = sum(usage.completion_tokens for usage in counted)
    members: dict[str, object] = {
        "prompt_tokens": num_prompt_tokens,
        "completion_tokens": num_completion_tokens,
        "total_tokens": num_prompt_tokens + num_completion_tokens,
    }
    if has_reasoning:
        num_reasoning_tokens = sum(usage.reasoning_tokens for usage in counted)
        members["completion_tokens_details"] = {"reasoning_tokens": num_reasoning_tokens}
    return members


def encode_event(value: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def encode_model(name: str, created_s: int, owner: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": created_s, "owned_by": owner}


def encode_error(status: int, message: str, fields: Collection[str]) -> dict[str, object]:
    """Return OpenAI's error; its ``param`` is the field that the sentence begins with, if any."""
    param = None
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
        words = re.match(r"\w+", message)
        param = words.group() if words and words.group() in fields else None
    is_model = status == HTTPStatus.NOT_FOUND and param == "model"
    is_clients = status < HTTPStatus.INTERNAL_SERVER_ERROR
    return {
        "error": {
            "message": message,
            "type": "invalid_request_error" if is_clients else "server_error",
            "param": param,
            "code": "model_not_found" if is_model else None,
        }
    }
