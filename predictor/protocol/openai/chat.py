"""Chat completions: the body, and the choices of its answer."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

from pydantic import Field

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.generation import (
    MAX_COUNT,
    MAX_LOGPROBS,
    Completion,
    Delta,
    GenerationRequest,
    TokenInfo,
)
from predictor.protocol.json_text import check_members, check_object
from predictor.protocol.openai.answers import finish_reason
from predictor.protocol.openai.body import (
    SHARED_OPTIONS,
    Body,
    Generations,
    present,
    read_fields,
    read_members,
    read_options,
    read_usage_chunk,
    rename_max_tokens,
    require,
)
from predictor.protocol.openai.turns import read_turns
from predictor.protocol.wording import kind, quote


class ChatBody(Body):
    """The members of plain types that only a chat has.

    ``store``, ``safety_identifier`` and ``prompt_cache_key`` have no effect on the output, as the
    reference says; nor has ``metadata``.
    """

    logprobs: Annotated[bool, Field(description="true or false")] = False
    top_logprobs: Annotated[
        int | None,
        Field(ge=0, le=MAX_LOGPROBS, description=f"an integer from 0 to {MAX_LOGPROBS}"),
    ] = None
    max_completion_tokens: Annotated[
        int | None, Field(ge=1, le=MAX_COUNT, description=f"an integer from 1 to {MAX_COUNT}")
    ] = None
    store: Annotated[bool, Field(description="true or false")] = False
    safety_identifier: Annotated[str | None, Field(description="a string")] = None
    prompt_cache_key: Annotated[str | None, Field(description="a string")] = None


MEMBERS: Final = (
    *("messages", *ChatBody.model_fields, *SHARED_OPTIONS),
    *("enable_thinking", "chat_template_kwargs", "stream_options", "response_format", "metadata"),
)
UNSUPPORTED: Final[Mapping[str, object]] = {
    "logit_bias": {},
    "modalities": ["text"],
    **dict.fromkeys(("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call")),
    **dict.fromkeys(("reasoning_effort", "verbosity", "prediction", "audio", "moderation")),
    **dict.fromkeys(("web_search_options", "service_tier")),
    **dict.fromkeys(("prompt_cache_options", "prompt_cache_retention")),
}
MAX_METADATA: Final = 16


def decode_chat(raw: bytes, limits: Limits) -> Generations:
    """Return what the body asks for; raises InvalidRequest, naming field, value and bounds."""
    members = read_members(raw, MEMBERS, UNSUPPORTED, limits)
    body = read_fields(ChatBody, members)
    chat = read_turns(require(members, "messages"))
    _check_response_format(members)
    _check_metadata(members)
    if body.top_logprobs is not None and not body.logprobs:
        raise InvalidRequest(
            f"top_logprobs is {body.top_logprobs}, must be left out unless logprobs is true"
        )
    by_newer_name = "max_tokens" not in members and body.max_completion_tokens is not None
    max_tokens_name = "max_completion_tokens" if by_newer_name else "max_tokens"
    try:
        options = read_options(
            members,
            body,
            max_tokens=_max_tokens(members, body),
            logprobs=(body.top_logprobs or 0) if body.logprobs else None,
            enable_thinking=_enable_thinking(members),
        )
    except InvalidRequest as error:
        raise rename_max_tokens(error, max_tokens_name) from None
    return Generations(
        model=body.model,
        prompts=(GenerationRequest(chat, options),),
        n=body.n,
        is_stream=body.stream,
        has_usage_chunk=read_usage_chunk(members, body),
        max_tokens_name=max_tokens_name,
    )


class ChatChoice:
    """One choice of an answer, either whole or in chunks.

    Log-probabilities are of the tokens as generated, those that leave no text left out: the
    answer's in ``content``, the reasoning's and its markers' in ``reasoning_content``, as
    DeepSeek's API has it. White space trimmed from a text and a stop string are among the tokens.
    """

    def __init__(self, index: int, *, has_logprobs: bool) -> None:
        self._index = index
        self._has_logprobs = has_logprobs
        self._has_begun = False

    def whole(self, completion: Completion) -> dict[str, object]:
        message: dict[str, object] = {
            "role": "assistant",
            "content": completion.answer,
            "refusal": None,
        }
        if completion.reasoning:
            message["reasoning_content"] = completion.reasoning
        return self._choice("message", message, completion)

    def chunk(self, delta: Delta) -> dict[str, object]:
        """Return the delta's part; the first has the role, the last the finish reason."""
        added: dict[str, object] = {} if self._has_begun else {"role": "assistant"}
        self._has_begun = True
        if delta.reasoning:
            added["reasoning_content"] = delta.reasoning
        if delta.answer:
            added["content"] = delta.answer
        return self._choice("delta", added, delta)

    def _choice(
        self, name: str, text: dict[str, object], part: Completion | Delta
    ) -> dict[str, object]:
        return {
            "index": self._index,
            name: text,
            "logprobs": _logprobs(part.tokens) if self._has_logprobs else None,
            "finish_reason": finish_reason(part),
        }


def _max_tokens(members: Mapping[str, object], body: ChatBody) -> object:
    older, newer = members.get("max_tokens"), body.max_completion_tokens
    if older is not None and newer is not None and older != newer:
        raise InvalidRequest(
            f"max_completion_tokens is {newer}, must equal max_tokens, {quote(older)}"
        )
    return newer if older is None else older


def _enable_thinking(members: Mapping[str, object]) -> object:
    """Return the option under either of its names: our own, or vLLM's."""
    what = "chat_template_kwargs"
    inner = present(check_object(members.get(what, {}), what))
    check_members(inner, what, optional=("enable_thinking",))
    given = [m["enable_thinking"] for m in (members, inner) if "enable_thinking" in m]
    if len(given) == 2 and given[0] != given[1]:
        raise InvalidRequest(
            f"enable_thinking is {quote(given[0])}, must equal that of {what}, {quote(given[1])}"
        )
    return given[0] if given else None


def _check_response_format(members: Mapping[str, object]) -> None:
    what = "response_format"
    wanted = present(check_object(members.get(what, {"type": "text"}), what))
    if wanted.get("type") in ("json_object", "json_schema"):
        raise InvalidRequest(f"{what}: {wanted['type']} is not supported, must be text")
    if wanted != {"type": "text"}:
        raise InvalidRequest(f"{what} is {quote(wanted)}, must be {{'type': 'text'}}")


def _check_metadata(members: Mapping[str, object]) -> None:
    metadata = check_object(members.get("metadata", {}), "metadata")
    if len(metadata) > MAX_METADATA:
        raise InvalidRequest(
            f"metadata has {len(metadata)} members, must have at most {MAX_METADATA}"
        )
    for value in metadata.values():
        if not isinstance(value, str):
            raise InvalidRequest(f"metadata holds {kind(value)}, must hold strings")


def _logprobs(tokens: Iterable[TokenInfo]) -> dict[str, object]:
    visible = [token for token in tokens if not token.is_special]
    members: dict[str, object] = {
        "content": [_token(token) for token in visible if not token.is_reasoning],
        "refusal": None,
    }
    reasoning = [_token(token) for token in visible if token.is_reasoning]
    return {**members, "reasoning_content": reasoning} if reasoning else members


def _token(token: TokenInfo) -> dict[str, object]:
    assert token.logprob is not None
    top = [_logprob(other.text, other.data, other.logprob) for other in token.top]
    return {**_logprob(token.text, token.data, token.logprob), "top_logprobs": top}


def _logprob(text: str, data: bytes, logprob: float) -> dict[str, object]:
    return {"token": text, "bytes": list(data), "logprob": logprob}
