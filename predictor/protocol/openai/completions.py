"""Completions: the body, and the choices of its answer."""

import codecs
from collections.abc import Mapping, Sequence
from typing import Final

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.generation import Completion, Delta, GenerationRequest, Message, TokenInfo
from predictor.protocol.openai.answers import finish_reason
from predictor.protocol.openai.body import (
    SHARED_OPTIONS,
    Body,
    Generations,
    read_fields,
    read_members,
    read_options,
    read_usage_chunk,
    require,
)
from predictor.protocol.wording import kind

# The reference's default, far below that of a chat.
DEFAULT_MAX_TOKENS: Final = 16

MEMBERS: Final = ("prompt", *Body.model_fields, *SHARED_OPTIONS, "logprobs", "stream_options")
UNSUPPORTED: Final[Mapping[str, object]] = {
    "echo": False,
    "logit_bias": {},
    **dict.fromkeys(("best_of", "suffix")),
}


def decode_completion(raw: bytes, limits: Limits) -> Generations:
    """Return what the body asks for; raises InvalidRequest, naming field, value and bounds.

    A prompt is sent as it is (the option ``raw``), so control tokens that it spells are control
    tokens; token ids are not taken.
    """
    members = read_members(raw, MEMBERS, UNSUPPORTED, limits)
    body = read_fields(Body, members)
    prompts = _read_prompts(require(members, "prompt"), limits)
    if len(prompts) * body.n > limits.max_rows:
        raise InvalidRequest(
            f"n is {body.n}, must be at most {limits.max_rows // len(prompts)} for "
            f"{len(prompts)} prompts"
        )
    options = read_options(
        members,
        body,
        raw=True,
        logprobs=members.get("logprobs"),
        max_tokens=members.get("max_tokens", DEFAULT_MAX_TOKENS),
    )
    return Generations(
        model=body.model,
        prompts=tuple(GenerationRequest((Message("user", text),), options) for text in prompts),
        n=body.n,
        is_stream=body.stream,
        has_usage_chunk=read_usage_chunk(members, body),
    )


class TextChoice:
    """One choice of an answer, either whole or in chunks.

    Log-probabilities are of the tokens as generated, those that leave no text left out, a stop
    string's among them. Offsets count characters from the start of the choice's text; a token
    that only ends a character has the offset of that character.
    """

    def __init__(self, index: int, *, has_logprobs: bool) -> None:
        self._index = index
        self._has_logprobs = has_logprobs
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def whole(self, completion: Completion) -> dict[str, object]:
        return self._choice(completion)

    def chunk(self, delta: Delta) -> dict[str, object]:
        """Return the delta's part; the last has the finish reason."""
        return self._choice(delta)

    def _choice(self, part: Completion | Delta) -> dict[str, object]:
        assert not part.reasoning
        return {
            "index": self._index,
            "text": part.answer,
            "logprobs": self._logprobs(part.tokens) if self._has_logprobs else None,
            "finish_reason": finish_reason(part),
        }

    def _logprobs(self, tokens: Sequence[TokenInfo]) -> dict[str, object]:
        visible = [token for token in tokens if not token.is_special]
        return {
            "tokens": [token.text for token in visible],
            "token_logprobs": [token.logprob for token in visible],
            "top_logprobs": [_top(token) for token in visible],
            "text_offset": [self._advance(token) for token in visible],
        }

    def _advance(self, token: TokenInfo) -> int:
        offset = self._offset
        self._offset += len(self._decoder.decode(token.data))
        return offset


def _read_prompts(value: object, limits: Limits) -> list[str]:
    if isinstance(value, str):
        return [_check_prompt(value, "prompt")]
    if not isinstance(value, list):
        raise InvalidRequest(f"prompt is {kind(value)}, must be a string or a list of strings")
    if not value:
        raise InvalidRequest("prompt is empty, must hold at least 1 string")
    if len(value) > limits.max_rows:
        raise InvalidRequest(
            f"prompt has {len(value)} entries, must have at most {limits.max_rows}"
        )
    return [_check_prompt(entry, f"prompt[{index}]") for index, entry in enumerate(value)]


def _check_prompt(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(
            f"{what} is {kind(value)}, must be a string: token ids are not supported"
        )
    if not value:
        raise InvalidRequest(f"{what} is empty, must be at least 1 character")
    return value


def _top(token: TokenInfo) -> dict[str, float]:
    """Return the most probable tokens by their text, the generated one always among them."""
    assert token.logprob is not None
    top: dict[str, float] = {}
    for other in token.top:
        # Tokens that are parts of characters share a text: the most probable keeps it.
        top.setdefault(other.text, other.logprob)
    top.setdefault(token.text, token.logprob)
    return top
