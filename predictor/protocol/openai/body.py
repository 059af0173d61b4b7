"""What the bodies of both routes share; a member that is null counts as not given."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.generation import GenerationOptions, GenerationRequest
from predictor.protocol.json_text import check_members, check_object, parse_object
from predictor.protocol.parameters import OPTION_NAMES, parse_options
from predictor.protocol.wording import listing, quote

MAX_CHOICES: Final = 16
# Seeds are OpenAI's INT64; the engine takes what is left without the sign.
SEED_MASK: Final = 2**63 - 1

# The options that both bodies hold under the names that GenerationOptions gives them.
SHARED_OPTIONS: Final = tuple(
    name for name in OPTION_NAMES if name not in ("raw", "seed", "logprobs", "enable_thinking")
)


class Body(BaseModel):
    """The members of plain types around the sampling options.

    A field's description completes the sentence "must be ...".
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: Annotated[str, Field(description="the name of the model")]
    n: Annotated[
        int, Field(ge=1, le=MAX_CHOICES, description=f"an integer from 1 to {MAX_CHOICES}")
    ] = 1
    seed: Annotated[
        int | None,
        Field(ge=-(2**63), lt=2**63, description=f"an integer from {-(2**63)} to {2**63 - 1}"),
    ] = None
    stream: Annotated[bool, Field(description="true or false")] = False
    # Has no effect on the output, as the reference says.
    user: Annotated[str | None, Field(description="a string")] = None


B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generations:
    """What a body asks for: ``n`` choices for each prompt, of the model of that name.

    ``max_tokens_name`` is the member by which the client knows the option max_tokens.
    """

    model: str
    prompts: tuple[GenerationRequest, ...]
    n: int
    is_stream: bool
    has_usage_chunk: bool
    max_tokens_name: str = "max_tokens"

    @property
    def has_logprobs(self) -> bool:
        return self.prompts[0].options.logprobs is not None


def read_members(
    raw: bytes, known: Collection[str], unsupported: Mapping[str, object], limits: Limits
) -> dict[str, object]:
    """Return the members that are not null; raises InvalidRequest, naming one that is not taken.

    ``unsupported`` has for each name the value that asks for nothing, which is let through, or
    None.
    """
    members = present(parse_object(raw, "the body", max_depth=limits.max_json_depth))
    for name, value in members.items():
        if name in unsupported:
            harmless = unsupported[name]
            if type(value) is not type(harmless) or value != harmless:
                raise InvalidRequest(f"{name} is not supported, leave it out")
        elif name not in known:
            raise InvalidRequest(
                f"the body has unknown member {quote(name)}, known: {listing(known)}"
            )
    return members


def present(members: Mapping[str, object]) -> dict[str, object]:
    """Return the members that are not null: OpenAI's clients send null for: not given."""
    return {name: value for name, value in members.items() if value is not None}


def require(members: Mapping[str, object], name: str) -> object:
    if name not in members:
        raise InvalidRequest(f"{name} is missing")
    return members[name]


def read_fields(body_type: type[B], members: Mapping[str, object]) -> B:
    """Return the body's own fields; raises InvalidRequest, naming field, value and bounds."""
    require(members, "model")
    given = {name: members[name] for name in body_type.model_fields if name in members}
    try:
        return body_type.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        name = str(first["loc"][0])
        description = body_type.model_fields[name].description
        raise InvalidRequest(f"{name} is {quote(first['input'])}, must be {description}") from None


def read_options(members: Mapping[str, object], body: Body, **others: object) -> GenerationOptions:
    """Return the shared options and those of ``others`` that are not None."""
    values = {name: members[name] for name in SHARED_OPTIONS if name in members}
    if isinstance(stop := values.get("stop"), str):
        values["stop"] = [stop]
    # Only a protocol without lists spells one as text, which parse_options would take.
    if isinstance(ids := values.get("stop_token_ids"), str):
        raise InvalidRequest(f"stop_token_ids is {quote(ids)}, must be a list of token ids")
    if body.seed is not None:
        values["seed"] = body.seed & SEED_MASK
    return parse_options({**values, **present(others)})


def read_usage_chunk(members: Mapping[str, object], body: Body) -> bool:
    """Return ``stream_options.include_usage``; raises InvalidRequest for one without a stream."""
    if "stream_options" not in members:
        return False
    if not body.stream:
        raise InvalidRequest("stream_options is given, must be left out unless stream is true")
    options = present(check_object(members["stream_options"], "stream_options"))
    check_members(options, "stream_options", optional=("include_usage",))
    include_usage = options.get("include_usage", False)
    if not isinstance(include_usage, bool):
        raise InvalidRequest(
            f"stream_options: include_usage is {quote(include_usage)}, must be true or false"
        )
    return include_usage


def rename_max_tokens(error: InvalidRequest, name: str) -> InvalidRequest:
    """Return the error with max_tokens called as the client called it."""
    return InvalidRequest(re.sub(r"\bmax_tokens\b", name, str(error)))
