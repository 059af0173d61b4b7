"""GenerationRequest -> PreparedRequest: defaults filled in, tokens made, limits checked."""

import secrets
from dataclasses import dataclass
from typing import Final, TypeVar

from predictor.defaults import DEFAULT_MAX_TOKENS, GenerationDefaults
from predictor.engine.messages import Ready
from predictor.engine.sequence import SamplingParams, ThinkingBudget
from predictor.errors import InvalidRequest, ModelRefused
from predictor.generation import GenerationOptions, GenerationRequest, PreparedRequest
from predictor.tokenizer import Tokenizer

T = TypeVar("T")

# Unicode's NFC, which Qwen2's tokenizer applies, makes no text shorter than a third.
MAX_SHRINKING: Final = 3


@dataclass(frozen=True, slots=True)
class Preparer:
    """Everything about the loaded model that decides what a request becomes."""

    tokenizer: Tokenizer
    defaults: GenerationDefaults
    eos_token_ids: tuple[int, ...]
    max_model_len: int
    vocab_size: int

    def prepare(self, request: GenerationRequest) -> PreparedRequest:
        """Return what the engine takes; raises InvalidRequest, naming field, value and limit."""
        options = request.options
        prompt_ids = self._encode(request)
        max_tokens = self._max_tokens(options, len(prompt_ids))
        if options.min_tokens is not None and options.min_tokens > max_tokens:
            raise InvalidRequest(
                f"min_tokens is {options.min_tokens}, must be at most max_tokens, {max_tokens}"
            )
        starts_in_reasoning = self._ends_in_reasoning(prompt_ids)
        params = SamplingParams(
            max_tokens=max_tokens,
            seed=secrets.randbits(63) if options.seed is None else options.seed,
            eos_token_ids=self.eos_token_ids,
            stop_token_ids=self._stop_token_ids(options),
            thinking=self._thinking(options, starts_in_reasoning=starts_in_reasoning),
            num_logprobs=options.logprobs,
            ignore_eos=bool(options.ignore_eos),
            min_tokens=options.min_tokens or 0,
            presence_penalty=options.presence_penalty or 0.0,
            frequency_penalty=options.frequency_penalty or 0.0,
            temperature=_given(options.temperature, self.defaults.temperature),
            top_p=_given(options.top_p, self.defaults.top_p),
            top_k=_given(options.top_k, self.defaults.top_k),
            min_p=_given(options.min_p, self.defaults.min_p),
            repetition_penalty=_given(options.repetition_penalty, self.defaults.repetition_penalty),
        )
        return PreparedRequest(
            prompt_ids=prompt_ids,
            params=params,
            stop=options.stop or (),
            starts_in_reasoning=starts_in_reasoning,
            may_reason=not options.raw and options.enable_thinking is not False,
        )

    def prepare_rows(self, requests: list[GenerationRequest]) -> list[PreparedRequest]:
        """Return what the engine takes for each; raises InvalidRequest, naming the row too."""
        rows = []
        for index, request in enumerate(requests):
            try:
                rows.append(self.prepare(request))
            except InvalidRequest as error:
                raise InvalidRequest(f"row {index}: {error}") from None
        return rows

    def _encode(self, request: GenerationRequest) -> list[int]:
        # Before the tokenizer, which takes seconds and a hundred times the prompt's memory.
        num_bytes = sum(len(message.content.encode()) for message in request.messages)
        limit = self.max_model_len * self.tokenizer.max_token_bytes * MAX_SHRINKING
        if num_bytes > limit:
            raise InvalidRequest(
                f"the prompt is {num_bytes} bytes long, must be at most {limit} in a context of "
                f"{self.max_model_len}"
            )
        if request.options.raw:
            return self.tokenizer.encode_raw(request.messages[0].content)
        return self.tokenizer.encode_chat(
            request.messages, enable_thinking=request.options.enable_thinking is not False
        )

    def _max_tokens(self, options: GenerationOptions, num_prompt_tokens: int) -> int:
        room = self.max_model_len - num_prompt_tokens
        if room < 1:
            raise InvalidRequest(
                f"the prompt is {num_prompt_tokens} tokens long, must be at most "
                f"{self.max_model_len - 1} in a context of {self.max_model_len}"
            )
        if options.max_tokens is None:
            return min(DEFAULT_MAX_TOKENS, room)
        if options.max_tokens > room:
            raise InvalidRequest(
                f"max_tokens is {options.max_tokens}, must be at most {room}: the prompt takes "
                f"{num_prompt_tokens} of {self.max_model_len} tokens of context"
            )
        return options.max_tokens

    def _ends_in_reasoning(self, prompt_ids: list[int]) -> bool:
        open_id, close_id = self.tokenizer.think_open_id, self.tokenizer.think_close_id
        for token_id in reversed(prompt_ids):
            if token_id == close_id:
                return False
            if token_id == open_id:
                return True
        return False

    def _stop_token_ids(self, options: GenerationOptions) -> tuple[int, ...]:
        for token_id in options.stop_token_ids or ():
            if token_id >= self.vocab_size:
                raise InvalidRequest(
                    f"stop_token_ids holds {token_id}, must hold ids in 0..{self.vocab_size - 1}"
                )
        return options.stop_token_ids or ()

    def _thinking(
        self, options: GenerationOptions, *, starts_in_reasoning: bool
    ) -> ThinkingBudget | None:
        budget = options.max_thinking_tokens
        if budget is None:
            return None
        if not starts_in_reasoning or self.tokenizer.think_close_id is None:
            raise InvalidRequest(
                f"max_thinking_tokens is {budget}, but the prompt does not end inside <think>"
            )
        return ThinkingBudget(budget, self.tokenizer.think_close_id)


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def build_preparer(tokenizer: Tokenizer, defaults: GenerationDefaults, ready: Ready) -> Preparer:
    """Fit the tokenizer to the model; raises ModelRefused where they do not belong together."""
    if tokenizer.max_token_id >= ready.vocab_size:
        raise ModelRefused(
            f"tokenizer.json has token id {tokenizer.max_token_id}, but the model's vocabulary "
            f"ends at {ready.vocab_size - 1}"
        )
    eos_token_ids = defaults.eos_token_ids or ready.eos_token_ids
    if not eos_token_ids:
        raise ModelRefused("neither generation_config.json nor config.json has an eos_token_id")
    for token_id in eos_token_ids:
        if token_id >= ready.vocab_size:
            raise ModelRefused(
                f"generation_config.json: eos_token_id holds {token_id}, must hold ids in "
                f"0..{ready.vocab_size - 1}"
            )
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in eos_token_ids:
        raise ModelRefused(
            f"the tokenizer's eos token has id {tokenizer.eos_token_id}, but the model ends at "
            f"{list(eos_token_ids)}"
        )
    return Preparer(tokenizer, defaults, eos_token_ids, ready.max_model_len, ready.vocab_size)
