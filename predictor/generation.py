"""What is asked for and what comes back, apart from any wire form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from predictor.engine.sequence import FinishReason, SamplingParams

MAX_STOP_STRINGS = 16
MAX_STOP_STRING_LENGTH = 256
MAX_STOP_TOKEN_IDS = 64
MAX_LOGPROBS = 20
# The engine holds counts and token ids as INT32.
MAX_COUNT = 2**31 - 1


def _check_temperature(value: float | None) -> float | None:
    if value is not None and 0 < value < 0.01:
        raise ValueError
    return value


StopString = Annotated[str, Field(min_length=1, max_length=MAX_STOP_STRING_LENGTH)]
TokenId = Annotated[int, Field(ge=0, le=MAX_COUNT)]


class GenerationOptions(BaseModel):
    """Every sampling field of a request; None stands for: not given.

    A field's description completes the sentence "must be ...".
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    max_tokens: Annotated[
        int | None,
        Field(ge=1, le=MAX_COUNT, description=f"an integer from 1 to {MAX_COUNT}"),
    ] = None
    min_tokens: Annotated[
        int | None,
        Field(ge=0, le=MAX_COUNT, description=f"an integer from 0 to {MAX_COUNT}"),
    ] = None
    # 0 is greedy; between 0 and 0.01 a softmax over logits leaves float range.
    temperature: Annotated[
        float | None,
        Field(ge=0, le=2, description="0 or a number from 0.01 to 2"),
        AfterValidator(_check_temperature),
    ] = None
    top_p: Annotated[
        float | None, Field(gt=0, le=1, description="a number above 0 and at most 1")
    ] = None
    top_k: Annotated[
        int | None,
        Field(ge=0, le=MAX_COUNT, description=f"an integer from 0 (off) to {MAX_COUNT}"),
    ] = None
    min_p: Annotated[float | None, Field(ge=0, le=1, description="a number from 0 to 1")] = None
    seed: Annotated[
        int | None, Field(ge=0, lt=2**63, description=f"an integer from 0 to {2**63 - 1}")
    ] = None
    # Logits are divided by it: near 0 they overflow.
    repetition_penalty: Annotated[
        float | None, Field(ge=0.01, le=10, description="a number from 0.01 to 10")
    ] = None
    presence_penalty: Annotated[
        float | None, Field(ge=-2, le=2, description="a number from -2 to 2")
    ] = None
    frequency_penalty: Annotated[
        float | None, Field(ge=-2, le=2, description="a number from -2 to 2")
    ] = None
    stop: Annotated[
        tuple[StopString, ...] | None,
        Field(
            max_length=MAX_STOP_STRINGS,
            fail_fast=True,
            description=f"a list of at most {MAX_STOP_STRINGS} strings of 1 to "
            f"{MAX_STOP_STRING_LENGTH} characters",
        ),
    ] = None
    stop_token_ids: Annotated[
        tuple[TokenId, ...] | None,
        Field(
            max_length=MAX_STOP_TOKEN_IDS,
            fail_fast=True,
            description=f"a list of at most {MAX_STOP_TOKEN_IDS} token ids from 0",
        ),
    ] = None
    ignore_eos: Annotated[bool | None, Field(description="true or false")] = None
    logprobs: Annotated[
        int | None,
        Field(ge=0, le=MAX_LOGPROBS, description=f"an integer from 0 to {MAX_LOGPROBS}"),
    ] = None
    raw: Annotated[bool | None, Field(description="true or false")] = None
    enable_thinking: Annotated[bool | None, Field(description="true or false")] = None
    max_thinking_tokens: Annotated[
        int | None,
        Field(ge=0, le=MAX_COUNT, description=f"an integer from 0 to {MAX_COUNT}"),
    ] = None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt, a chat or (``options.raw``) a single text sent as it is, and its options."""

    messages: tuple[Message, ...]
    options: GenerationOptions


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """A request checked against the model: what the engine takes, and how to read its tokens.

    ``starts_in_reasoning`` says that the prompt ends inside ``<think>``; ``may_reason`` that a
    ``<think>`` which the model itself opens counts as reasoning too. Deadline and first token count
    from ``arrived_at_s`` on the loop's clock.
    """

    prompt_ids: list[int]
    params: SamplingParams
    stop: tuple[str, ...]
    starts_in_reasoning: bool
    may_reason: bool
    arrived_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TopToken:
    """A token that might have come; its bytes tell what a text of U+FFFD does not."""

    text: str
    id: int
    logprob: float
    data: bytes


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """A generated token; ``logprob`` and ``top`` where asked for.

    ``data`` is what the token adds to the text, which may be a part of a character.
    """

    id: int
    text: str
    is_special: bool
    is_reasoning: bool
    data: bytes
    logprob: float | None = None
    top: tuple[TopToken, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts; the completion's include the reasoning, its markers and the stop token."""

    prompt_tokens: int
    reasoning_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Delta:
    """What one step added. The last delta, and only it, has a finish reason and the usage."""

    answer: str = ""
    reasoning: str = ""
    tokens: tuple[TokenInfo, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None

    @property
    def is_silent(self) -> bool:
        """Whether a reader of the texts alone would miss nothing without it."""
        return not self.answer and not self.reasoning and self.finish_reason is None


@dataclass(frozen=True, slots=True)
class Completion:
    """A finished generation: its deltas joined."""

    answer: str
    reasoning: str
    tokens: tuple[TokenInfo, ...]
    finish_reason: FinishReason
    usage: Usage

    @staticmethod
    def join(deltas: Sequence[Delta]) -> "Completion":
        last = deltas[-1]
        assert last.finish_reason is not None
        assert last.usage is not None
        return Completion(
            answer="".join(delta.answer for delta in deltas),
            reasoning="".join(delta.reasoning for delta in deltas),
            tokens=tuple(token for delta in deltas for token in delta.tokens),
            finish_reason=last.finish_reason,
            usage=last.usage,
        )
