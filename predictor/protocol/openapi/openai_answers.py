"""Answers of the OpenAI API, whole and in chunks."""

from typing import Final

from predictor.protocol.openai.forms import CHAT, COMPLETIONS, Form
from predictor.protocol.openapi.json_schema import (
    COUNT,
    NULL,
    NUMBER,
    STRING,
    Schema,
    array,
    closed,
    full,
    nullable,
    ref,
)

_FINISH_REASON: Final[Schema] = {"enum": ["stop", "length"]}
_BYTES: Final = nullable(array({"type": "integer", "minimum": 0, "maximum": 255}))


def answer_schemas(model_name: str) -> dict[str, Schema]:
    """Return the components that the answers are made of."""
    token = {"token": STRING, "bytes": _BYTES, "logprob": NUMBER}
    tokens = array(full({**token, "top_logprobs": array(full(token))}))
    model = full(
        {
            "id": {"const": model_name},
            "object": {"const": "model"},
            "created": COUNT,
            "owned_by": STRING,
        }
    )
    return {
        "Model": model,
        "OpenAIError": full({"error": _ERROR}),
        "ChatLogprobs": closed(
            {"content": tokens, "refusal": NULL, "reasoning_content": tokens},
            required=("content", "refusal"),
        ),
        "CompletionLogprobs": full(
            {
                "tokens": array(STRING),
                "token_logprobs": array(NUMBER),
                "top_logprobs": array({"type": "object", "additionalProperties": NUMBER}),
                "text_offset": array(COUNT),
            }
        ),
        **_forms("ChatCompletion", CHAT, model_name, {"message": _MESSAGE}, {"delta": _DELTA}),
        **_forms("Completion", COMPLETIONS, model_name, {"text": STRING}, {"text": STRING}),
    }


_ERROR: Final = full(
    {
        "message": STRING,
        "type": {"enum": ["invalid_request_error", "server_error"]},
        "param": nullable(STRING),
        "code": {"enum": ["model_not_found", None]},
    }
)
_MESSAGE: Final = closed(
    {
        "role": {"const": "assistant"},
        "content": STRING,
        "refusal": NULL,
        "reasoning_content": STRING,
    },
    required=("role", "content", "refusal"),
)
_DELTA: Final = closed(
    {"role": {"const": "assistant"}, "content": STRING, "reasoning_content": STRING}
)


def _forms(
    name: str, form: Form, model_name: str, whole: dict[str, Schema], part: dict[str, Schema]
) -> dict[str, Schema]:
    """Return a route's answer as a whole, its chunk, and what an event of its stream holds."""
    head: dict[str, Schema] = {
        "id": {"type": "string", "pattern": f"^{form.id_prefix}[0-9a-f]{{24}}$"},
        "created": COUNT,
        "model": {"const": model_name},
    }
    usage = _usage(form)
    chunk = closed(
        {
            **head,
            "object": {"const": form.chunk_type},
            "choices": array(_choice(name, part, nullable(_FINISH_REASON)), maxItems=1),
            "usage": nullable(usage),
        },
        required=(*head, "object", "choices"),
        description="With include_usage a last chunk has the usage and no choices.",
    )
    choices = array(_choice(name, whole, _FINISH_REASON), minItems=1)
    return {
        f"{name}Response": full(
            {**head, "object": {"const": form.object_type}, "choices": choices, "usage": usage}
        ),
        f"{name}Chunk": chunk,
        f"{name}Event": {"anyOf": [ref(f"{name}Chunk"), ref("OpenAIError")]},
    }


def _choice(name: str, content: dict[str, Schema], finish_reason: Schema) -> Schema:
    logprobs = ref("ChatLogprobs" if name == "ChatCompletion" else "CompletionLogprobs")
    return full(
        {
            "index": COUNT,
            **content,
            "logprobs": nullable(logprobs),
            "finish_reason": finish_reason,
        }
    )


def _usage(form: Form) -> Schema:
    counts: dict[str, Schema] = dict.fromkeys(
        ("prompt_tokens", "completion_tokens", "total_tokens"), COUNT
    )
    details = {"completion_tokens_details": full({"reasoning_tokens": COUNT})}
    return full({**counts, **(details if form.has_reasoning else {})})
