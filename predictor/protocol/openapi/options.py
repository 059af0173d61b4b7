"""The sampling options as schemas, their bounds those of GenerationOptions."""

from typing import Final

from predictor.generation import GenerationOptions
from predictor.protocol.openapi.json_schema import (
    Schema,
    closed,
    field_schemas,
    json_list_text,
    ref,
)
from predictor.protocol.parameters import LIST_OPTIONS, OPTION_NAMES

# Checked by a validator of GenerationOptions, so pydantic's schema does not have it.
_GAPS: Final[dict[str, Schema]] = {
    "temperature": {"not": {"exclusiveMinimum": 0, "exclusiveMaximum": 0.01}}
}
OPTIONS: Final[dict[str, Schema]] = {name: ref(f"Option_{name}") for name in OPTION_NAMES}
# Where a wire has no lists, text stands for them.
TEXT_OPTIONS: Final[dict[str, Schema]] = {
    name: json_list_text(schema) if name in LIST_OPTIONS else schema
    for name, schema in OPTIONS.items()
}

RULES: Final = (
    "An integer is written without a fraction. min_tokens is at most max_tokens. The prompt and "
    "max_tokens fit the context. stop_token_ids are ids of the vocabulary. max_thinking_tokens "
    "needs a prompt that ends inside <think>, as the chat template's does."
)


def option_schemas() -> dict[str, Schema]:
    """Return the components that OPTIONS refers to."""
    fields = field_schemas(GenerationOptions)
    return {f"Option_{name}": fields[name] | _GAPS.get(name, {}) for name in OPTION_NAMES}


def parameters(**others: Schema) -> Schema:
    """Return the schema of the options as parameters, beside parameters of other use."""
    options = {
        name: {"anyOf": [schema, TEXT_OPTIONS[name]]} if name in LIST_OPTIONS else schema
        for name, schema in OPTIONS.items()
    }
    return closed(
        {**options, **others},
        # Only the chat template opens <think>.
        **{"not": {"properties": {"raw": {"const": True}}, "required": ["raw", "enable_thinking"]}},
        description=RULES,
    )
