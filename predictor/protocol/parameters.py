"""A request's sampling options, from whichever wire they came."""

from collections.abc import Collection, Mapping
from typing import Final

from pydantic import ValidationError

from predictor.errors import InvalidRequest
from predictor.generation import GenerationOptions
from predictor.protocol.json_text import parse_json
from predictor.protocol.wording import listing, quote

OPTION_NAMES: Final = tuple(GenerationOptions.model_fields)

# gRPC parameters and BYTES tensors have no lists, so these also come as the text of a JSON list.
LIST_OPTIONS: Final = frozenset({"stop", "stop_token_ids"})


def parse_options(
    values: Mapping[str, object], *, others: Collection[str] = ()
) -> GenerationOptions:
    """Return the options; raises InvalidRequest naming the field, its value and what is allowed.

    ``others`` are the parameters that the caller reads itself: they are no options here.
    """
    for name in values:
        if name not in GenerationOptions.model_fields:
            known = listing((*others, *OPTION_NAMES))
            raise InvalidRequest(f"unknown parameter {quote(name)}, known: {known}")
    given = {name: _read(name, value) for name, value in values.items()}
    try:
        options = GenerationOptions.model_validate(given)
    except ValidationError as error:
        raise InvalidRequest(_explain(error)) from None
    _check_together(options)
    return options


def _read(name: str, value: object) -> object:
    if value is None:
        raise InvalidRequest(f"{name} is null, must be {_allowed(name)}, or left out")
    if name not in LIST_OPTIONS:
        return value
    if isinstance(value, str):
        value = _read_list(name, value)
    # Pydantic's strict mode takes a tuple for a tuple alone.
    return tuple(value) if isinstance(value, list) else value


def _read_list(name: str, text: str) -> object:
    if not text.lstrip().startswith("["):
        raise InvalidRequest(f"{name} is {quote(text)}, must be {_allowed(name)}, or that as JSON")
    return parse_json(text, name)


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    name, *indices = first["loc"]
    field = str(name)
    spot = field + "".join(f"[{index}]" for index in indices)
    subject = f"{field} must be" if indices else "must be"
    return f"{spot} is {quote(first['input'])}, {subject} {_allowed(field)}"


def _allowed(name: str) -> str:
    description = GenerationOptions.model_fields[name].description
    assert description
    return description


def _check_together(options: GenerationOptions) -> None:
    """Refuse options that contradict each other."""
    least, most = options.min_tokens, options.max_tokens
    if least is not None and most is not None and least > most:
        raise InvalidRequest(f"min_tokens is {least}, must be at most max_tokens, {most}")
    if options.raw and options.enable_thinking is not None:
        raise InvalidRequest(
            f"enable_thinking is {quote(options.enable_thinking)}, must be left out when raw is "
            "true: only the chat template opens <think>"
        )
