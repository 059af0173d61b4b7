"""Prompts of drawn length, each of its own, or in groups that share a prefix."""

from functools import lru_cache
from typing import Final

from loadtest.lengths import Lengths
from loadtest.prompts.draws import Stream, rng_of
from loadtest.prompts.prompt import Message, Prompt
from loadtest.prompts.words import Words
from loadtest.record import NEVER

MAX_PREFIXES_KEPT: Final = 1024


class SyntheticSource:
    """Prompts of common words; about 20 us for one of 128 words.

    ``lengths`` are tokens where ``words`` has a tokenizer, and words otherwise. With groups, each
    prompt begins with the prefix of a group drawn for it, of ``prefix_tokens``, and its own part of
    the drawn length follows; ``asked_prompt_tokens`` is the sum, or NEVER without a tokenizer.
    """

    def __init__(
        self,
        words: Words,
        lengths: Lengths,
        *,
        seed: int,
        prefix_groups: int = 0,
        prefix_tokens: int = 0,
    ) -> None:
        self._words = words
        self._lengths = lengths
        self._seed = seed
        self._prefix_groups = prefix_groups
        self._prefix_tokens = prefix_tokens
        self._prefix = lru_cache(MAX_PREFIXES_KEPT)(self._write_prefix)

    def draw(self, index: int, turn: int) -> Prompt:
        """Return the prompt of that turn of the conversation; only the first has a prefix."""
        rng = rng_of(self._seed, Stream.TEXT, index, turn)
        length = self._lengths.draw(rng)
        text = self._words.write(rng, length, serial=index)
        if turn == 0 and self._prefix_groups:
            text = f"{self._prefix(rng.randrange(self._prefix_groups))} {text}"
            length += self._prefix_tokens
        text = self._words.fit(rng, text, length)
        return Prompt(
            (Message("user", text),),
            turn=turn,
            asked_prompt_tokens=length if self._words.counts_tokens else NEVER,
        )

    def _write_prefix(self, group: int) -> str:
        rng = rng_of(self._seed, Stream.PREFIX, group)
        return self._words.write(rng, self._prefix_tokens, serial=group)
