"""A sequence, how it is sampled and how it ends."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class FinishReason(StrEnum):
    """Why a sequence ended."""

    EOS_TOKEN = "eos_token"  # noqa: S105
    STOP_TOKEN = "stop_token"  # noqa: S105
    STOP_STRING = "stop_string"
    LENGTH = "length"
    NUMERIC_ERROR = "numeric_error"


@dataclass(frozen=True, slots=True)
class ThinkingBudget:
    """At most ``max_tokens`` reasoning tokens, then ``close_token_id`` is forced.

    The budget runs from the first generated token: only a prompt that ends inside the reasoning
    carries one.
    """

    max_tokens: int
    close_token_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """How one sequence is sampled; every value already validated.

    temperature 0 is greedy; top_k 0 and num_logprobs None are off. ``eos_token_ids`` and
    ``stop_token_ids`` end the sequence once ``min_tokens`` are generated (``ignore_eos`` turns the
    former off); until then they are never sampled.
    """

    max_tokens: int
    seed: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    min_tokens: int = 0
    ignore_eos: bool = False
    eos_token_ids: tuple[int, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    num_logprobs: int | None = None
    thinking: ThinkingBudget | None = None

    @property
    def ending_token_ids(self) -> tuple[int, ...]:
        """The ids that end the sequence."""
        return self.stop_token_ids if self.ignore_eos else self.eos_token_ids + self.stop_token_ids

    @property
    def has_penalty(self) -> bool:
        """Whether logits depend on the tokens already there."""
        return (
            self.repetition_penalty != 1.0
            or self.presence_penalty != 0.0
            or self.frequency_penalty != 0.0
        )


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """Natural-log probabilities under the model's own distribution, before temperature and filters.

    ``top`` holds the (token id, logprob) pairs asked for, most probable first.
    """

    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A sampled token; its id is None where the model's logits are not finite."""

    token_id: int | None
    logprobs: TokenLogprobs | None = None


@dataclass(frozen=True, slots=True)
class TokenOutput:
    """One sampled token of one sequence; the last output carries the finish reason.

    The token id is None only with ``FinishReason.NUMERIC_ERROR``. The first output, and only it,
    has the time from the sequence's arrival to the batch that first held it.
    """

    sequence_id: int
    token_id: int | None
    finish_reason: FinishReason | None = None
    logprobs: TokenLogprobs | None = None
    queue_time_s: float | None = None


@dataclass(slots=True, eq=False)
class Sequence:
    """A prompt and what has been generated after it; grows until it is finished.

    The KV cache holds the first ``num_computed_tokens`` of ``token_ids`` in the blocks of
    ``block_table``; ``block_keys`` name the texts up to the ends of its first full blocks, as far
    as they were asked for. ``queue_time_s`` is None until a batch has held it.
    """

    id: int
    prompt_ids: list[int]
    params: SamplingParams
    token_ids: list[int] = field(init=False)
    block_table: list[int] = field(default_factory=list)
    block_keys: list[bytes] = field(default_factory=list)
    num_computed_tokens: int = 0
    output_counts: Counter[int] = field(default_factory=Counter)
    arrived_s: float = 0.0
    queue_time_s: float | None = None

    def __post_init__(self) -> None:
        assert self.prompt_ids
        self.token_ids = list(self.prompt_ids)

    @property
    def num_tokens(self) -> int:
        return len(self.token_ids)

    @property
    def num_output_tokens(self) -> int:
        return len(self.token_ids) - len(self.prompt_ids)

    @property
    def num_uncomputed_tokens(self) -> int:
        return len(self.token_ids) - self.num_computed_tokens

    @property
    def forced_token_id(self) -> int | None:
        """The token that must come next: the end of the reasoning once its budget is spent."""
        thinking = self.params.thinking
        if thinking is None or self.num_output_tokens < thinking.max_tokens:
            return None
        if self.output_counts[thinking.close_token_id]:
            return None
        return thinking.close_token_id

    @property
    def banned_token_ids(self) -> tuple[int, ...]:
        """The ids that must not come next: the ending ones until ``min_tokens`` are there."""
        if self.num_output_tokens >= self.params.min_tokens:
            return ()
        return self.params.ending_token_ids

    def append(self, token_id: int) -> FinishReason | None:
        """Add a sampled token and return why the sequence ends with it, if it does."""
        self.token_ids.append(token_id)
        self.output_counts[token_id] += 1
        if self.num_output_tokens >= self.params.min_tokens:
            if token_id in self.params.eos_token_ids and not self.params.ignore_eos:
                return FinishReason.EOS_TOKEN
            if token_id in self.params.stop_token_ids:
                return FinishReason.STOP_TOKEN
        if self.num_output_tokens >= self.params.max_tokens:
            return FinishReason.LENGTH
        return None

    def forget(self) -> None:
        """Drop what is computed; the tokens stay, so running again continues the same text."""
        self.num_computed_tokens = 0
        self.block_table.clear()
