"""How each route reads its body and writes its answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from predictor.config import Limits
from predictor.generation import Completion, Delta, Usage
from predictor.protocol.openai import chat, completions
from predictor.protocol.openai.answers import DONE, Head, encode_event, encode_usage
from predictor.protocol.openai.body import Generations

# Every member that an error may be about.
FIELDS: Final = frozenset(
    {*chat.MEMBERS, *chat.UNSUPPORTED, *completions.MEMBERS, *completions.UNSUPPORTED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the two routes do differently."""

    decode: Callable[[bytes, Limits], Generations]
    choice: type[chat.ChatChoice] | type[completions.TextChoice]
    id_prefix: str
    object_type: str
    chunk_type: str
    has_reasoning: bool


CHAT: Final = Form(
    decode=chat.decode_chat,
    choice=chat.ChatChoice,
    id_prefix="chatcmpl-",
    object_type="chat.completion",
    chunk_type="chat.completion.chunk",
    has_reasoning=True,
)
COMPLETIONS: Final = Form(
    decode=completions.decode_completion,
    choice=completions.TextChoice,
    id_prefix="cmpl-",
    object_type="text_completion",
    chunk_type="text_completion",
    has_reasoning=False,
)


class Answer:
    """Writes one answer, either whole or as the events of a stream."""

    def __init__(self, form: Form, head: Head, asked: Generations, num_prompt_tokens: int) -> None:
        self.form = form
        self._head = head
        self._asked = asked
        self._num_prompt_tokens = num_prompt_tokens
        self._choices = [
            form.choice(index, has_logprobs=asked.has_logprobs)
            for index in range(len(asked.prompts) * asked.n)
        ]
        self._usages: list[Usage] = []

    def encode(self, generated: Sequence[Completion]) -> dict[str, object]:
        """Return the whole answer, of one completion for each choice."""
        pairs = zip(self._choices, generated, strict=True)
        choices = [choice.whole(completion) for choice, completion in pairs]
        self._usages = [completion.usage for completion in generated]
        return self._head.encode(self.form.object_type, choices, usage=self._usage())

    def encode_delta(self, index: int, delta: Delta) -> bytes | None:
        """Return the event of a choice's delta; None where a client would miss nothing."""
        if delta.usage is not None:
            self._usages.append(delta.usage)
        if delta.is_silent and not self._asked.has_logprobs:
            return None
        # The reference has every chunk say that the usage is yet to come.
        usage: dict[str, object] = {"usage": None} if self._asked.has_usage_chunk else {}
        choice = self._choices[index].chunk(delta)
        return encode_event(self._head.encode(self.form.chunk_type, [choice], **usage))

    def encode_end(self) -> bytes:
        """Return what follows the last delta of the last choice."""
        if not self._asked.has_usage_chunk:
            return DONE
        return encode_event(self._head.encode(self.form.chunk_type, [], usage=self._usage())) + DONE

    def _usage(self) -> dict[str, object]:
        return encode_usage(
            self._num_prompt_tokens, self._usages, has_reasoning=self.form.has_reasoning
        )
