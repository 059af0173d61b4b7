"""Bodies of generate and generate_stream."""

from typing import Final

from predictor.protocol.generate import FINISH_REASONS
from predictor.protocol.openapi.json_schema import (
    BOOLEAN,
    COUNT,
    NON_EMPTY,
    NUMBER,
    STRING,
    Schema,
    array,
    closed,
    full,
    ref,
)
from predictor.protocol.openapi.options import parameters

_FINISH_REASON: Final[Schema] = {"enum": sorted(set(FINISH_REASONS.values()))}


def generate_schemas(model_name: str, model_version: str) -> dict[str, Schema]:
    """Return the components that the generate extension's bodies are made of."""
    options = parameters(details=BOOLEAN)
    texts = {
        "model_name": {"const": model_name},
        "model_version": {"const": model_version},
        "text_output": STRING,
        "reasoning_output": STRING,
    }
    ending: dict[str, Schema] = {"finish_reason": _FINISH_REASON, "usage": ref("Usage")}
    details = full({**ending, "tokens": array(ref("Token"))})
    return {
        "Usage": full(
            dict.fromkeys(("prompt_tokens", "reasoning_tokens", "completion_tokens"), COUNT)
        ),
        "Token": closed(
            {
                "id": COUNT,
                "text": STRING,
                "special": BOOLEAN,
                "logprob": NUMBER,
                "top": array(ref("TopLogprob")),
            },
            required=("id", "text", "special"),
            dependentRequired={"logprob": ["top"], "top": ["logprob"]},
        ),
        "GenerateParameters": options,
        "GenerateRequest": closed(
            {
                "text_input": NON_EMPTY,
                "messages": ref("Messages"),
                "parameters": ref("GenerateParameters"),
            },
            anyOf=[
                {"required": ["text_input"], "properties": {"messages": False}},
                {
                    "required": ["messages"],
                    # raw leaves out the chat template.
                    "properties": {
                        "text_input": False,
                        "parameters": {"properties": {"raw": {"const": False}}},
                    },
                },
            ],
        ),
        "GenerateResponse": closed({**texts, "details": details}, required=tuple(texts)),
        "GenerateEvent": {
            "anyOf": [
                closed(
                    {**texts, "details": closed({"token": ref("Token"), **ending})},
                    required=tuple(texts),
                ),
                ref("Error"),
            ]
        },
    }
