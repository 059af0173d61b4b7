"""GenerationRequest -> PreparedRequest: defaults filled in, tokens made, limits checked."""

import secrets
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from predictor.defaults import DEFAULT_MAX_TOKENS, GenerationDefaults, OperatorDefaults
from predictor.engine.messages import Ready
from predictor.engine.sequence import SamplingParams, ThinkingBudget
from predictor.errors import InvalidRequest, ModelRefused, SettingRefused
from predictor.generation import GenerationOptions, GenerationRequest, Message, PreparedRequest
from predictor.tokenizer import Tokenizer

T = TypeVar("T")

# Unicode's NFC, which Qwen2's tokenizer applies, makes no text shorter than a third.
MAX_SHRINKING: Final = 3

# The least that can be asked.
PROBE: Final = GenerationRequest((Message("user", "x"),), GenerationOptions())


@dataclass(frozen=True, slots=True)
class Preparer:
    """Everything about the loaded model that decides what a request becomes."""

    tokenizer: Tokenizer
    defaults: GenerationDefaults
    eos_token_ids: tuple[int, ...]
    max_model_len: int
    vocab_size: int
    operator: OperatorDefaults | None = None
    _in_force: GenerationDefaults = field(init=False)

    def __post_init__(self) -> None:
        operator, checkpoint = self.operator, self.defaults
        in_force = checkpoint if operator is None else operator.over(checkpoint)
        object.__setattr__(self, "_in_force", in_force)

    @property
    def num_added_characters(self) -> int:
        """How much longer than its messages a chat becomes."""
        return len(self._in_force.system_prompt or "")

    def prepare(self, request: GenerationRequest) -> PreparedRequest:
        """Return what the engine takes; raises InvalidRequest, naming field, value and limit."""
        options, defaults = request.options, self._in_force
        enable_thinking = self._enable_thinking(options)
        prompt_ids = self._encode(request, enable_thinking=enable_thinking)
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
            presence_penalty=_given(options.presence_penalty, defaults.presence_penalty),
            frequency_penalty=_given(options.frequency_penalty, defaults.frequency_penalty),
            temperature=_given(options.temperature, defaults.temperature),
            top_p=_given(options.top_p, defaults.top_p),
            top_k=_given(options.top_k, defaults.top_k),
            min_p=_given(options.min_p, defaults.min_p),
            repetition_penalty=_given(options.repetition_penalty, defaults.repetition_penalty),
        )
        return PreparedRequest(
            prompt_ids=prompt_ids,
            params=params,
            stop=options.stop or (),
            starts_in_reasoning=starts_in_reasoning,
            may_reason=not options.raw and enable_thinking,
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

    def with_operator(self, operator: OperatorDefaults) -> "Preparer":
        """Return one with these defaults.

        Raises SettingRefused for those that would refuse every chat or have no effect on any.
        """
        preparer = replace(self, operator=operator)
        directory = operator.snapshot.directory
        try:
            preparer._check_defaults()
        except InvalidRequest as error:
            raise SettingRefused(f"{directory} cannot be followed: {error}") from None
        except Exception as error:  # A template may raise anything at all.
            raise SettingRefused(
                f"{directory} cannot be followed: the chat template fails: {type(error).__name__}"
            ) from error
        return preparer

    def _check_defaults(self) -> None:
        """Raise InvalidRequest unless the least chat is served, and otherwise than without them."""
        in_force = self._in_force
        prompt_ids = self._encode(PROBE, enable_thinking=in_force.enable_thinking)
        self._max_tokens(PROBE.options, len(prompt_ids))
        without = replace(self, operator=None)
        bare_ids = without._encode(PROBE, enable_thinking=in_force.enable_thinking)
        if in_force.system_prompt is not None and prompt_ids == bare_ids:
            raise InvalidRequest("the model's chat template leaves the system prompt out")
        thinking_ids = without._encode(PROBE, enable_thinking=True)
        budget = in_force.max_thinking_tokens
        if budget is not None and not self._ends_in_reasoning(thinking_ids):
            raise InvalidRequest(
                f"max_thinking_tokens is {budget}, must be left out: prompts of this model do not "
                "end inside <think>"
            )

    def _enable_thinking(self, options: GenerationOptions) -> bool:
        # Who limits the reasoning wants one.
        is_wanted = self._in_force.enable_thinking or options.max_thinking_tokens is not None
        return _given(options.enable_thinking, is_wanted)

    def _encode(self, request: GenerationRequest, *, enable_thinking: bool) -> list[int]:
        messages = self._messages(request)
        # Before the tokenizer, which takes seconds and a hundred times the prompt's memory.
        num_bytes = sum(len(message.content.encode()) for message in messages)
        limit = self.max_model_len * self.tokenizer.max_token_bytes * MAX_SHRINKING
        if num_bytes > limit:
            raise InvalidRequest(
                f"the prompt is {num_bytes} bytes long, must be at most {limit} in a context of "
                f"{self.max_model_len}"
            )
        if request.options.raw:
            return self.tokenizer.encode_raw(messages[0].content)
        return self.tokenizer.encode_chat(messages, enable_thinking=enable_thinking)

    def _messages(self, request: GenerationRequest) -> tuple[Message, ...]:
        system_prompt = self._in_force.system_prompt
        has_own = any(message.role == "system" for message in request.messages)
        if system_prompt is None or has_own or request.options.raw:
            return request.messages
        return (Message("system", system_prompt), *request.messages)

    def _max_tokens(self, options: GenerationOptions, num_prompt_tokens: int) -> int:
        room = self.max_model_len - num_prompt_tokens
        if room < 1:
            raise InvalidRequest(
                f"the prompt is {num_prompt_tokens} tokens long, must be at most "
                f"{self.max_model_len - 1} in a context of {self.max_model_len}"
            )
        if options.max_tokens is None:
            return min(self._default_max_tokens(options), room)
        if options.max_tokens > room:
            raise InvalidRequest(
                f"max_tokens is {options.max_tokens}, must be at most {room}: the prompt takes "
                f"{num_prompt_tokens} of {self.max_model_len} tokens of context"
            )
        return options.max_tokens

    def _default_max_tokens(self, options: GenerationOptions) -> int:
        default = self._in_force.max_tokens
        if (options.min_tokens or 0) > default:
            # What was right without the operator's default stays right with it.
            return max(default, DEFAULT_MAX_TOKENS)
        return default

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
        asked, close_id = options.max_thinking_tokens, self.tokenizer.think_close_id
        budget = _given(asked, self._in_force.max_thinking_tokens)
        if budget is not None and starts_in_reasoning and close_id is not None:
            return ThinkingBudget(budget, close_id)
        if asked is not None:
            raise InvalidRequest(
                f"max_thinking_tokens is {asked}, but the prompt does not end inside <think>"
            )
        return None


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
