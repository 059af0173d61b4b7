"""Drafts of what comes next, from where the same tokens stood before.

Prompt lookup decoding (Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding): text
that repeats itself, such as reasoning that quotes the question, is guessed without a second model.
A step computes the draft as if it were there already. What is sampled behind each of its tokens is
what would have been sampled anyway, since a draw depends on its seed and position alone: the draft
is kept as far as it is equal.
"""

from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from typing import Final

from predictor.engine.sequence import Sample, Sequence

# The longer first: it is more often right.
NGRAM_LENGTHS: Final = (3, 2)
# Six rows take a step no longer than four, which is what a step of one takes too.
MAX_ROWS: Final = 6
MAX_PAUSE: Final = 64


@dataclass(slots=True)
class _History:
    """Where each n-gram of a sequence stood last, and how its drafts have fared."""

    # N-gram -> the position after it.
    positions: dict[tuple[int, ...], int] = field(default_factory=dict)
    num_indexed: int = 0
    # Steps without a draft after one that was wrong from its first token on; each doubles it.
    pause: int = 0
    num_paused: int = 0


class PromptLookup:
    """Drafts for the sequences of small batches; remembers each until it is forgotten."""

    def __init__(self) -> None:
        self.num_draft_tokens = 0
        self.num_accepted_tokens = 0
        self._histories: dict[int, _History] = {}

    def propose(self, sequence: Sequence, num_tokens: int) -> tuple[int, ...]:
        """Return at most so many tokens that may come next; none where that has not paid."""
        num_tokens = min(num_tokens, _most_tokens(sequence))
        if num_tokens < 1:
            return ()
        history = self._histories.setdefault(sequence.id, _History())
        if history.num_paused < history.pause:
            history.num_paused += 1
            return ()
        _index(history, sequence.token_ids)
        return _look_up(history, sequence.token_ids, num_tokens)

    def note(self, sequence: Sequence, draft: Items[int], num_accepted: int) -> None:
        """Learn how many tokens of a draft were accepted."""
        self.num_draft_tokens += len(draft)
        self.num_accepted_tokens += num_accepted
        history = self._histories[sequence.id]
        history.num_paused = 0
        history.pause = 0 if num_accepted else min(2 * history.pause or 1, MAX_PAUSE)

    def forget(self, sequence: Sequence) -> None:
        self._histories.pop(sequence.id, None)


def keep_accepted(draft: Items[int], samples: list[Sample]) -> list[Sample]:
    """Return the samples up to the first that the draft did not foresee, and that one.

    ``samples`` holds the one after the sequence's last token, then one after each draft token.
    """
    num_accepted = 0
    while num_accepted < len(draft) and samples[num_accepted].token_id == draft[num_accepted]:
        num_accepted += 1
    return samples[: num_accepted + 1]


def _most_tokens(sequence: Sequence) -> int:
    """Return how far ahead tokens are sampled by the same rule as the next one."""
    params = sequence.params
    if params.has_penalty or sequence.banned_token_ids:
        return 0
    most = params.max_tokens
    thinking = params.thinking
    if thinking is not None and not sequence.output_counts[thinking.close_token_id]:
        most = min(most, thinking.max_tokens)
    return most - sequence.num_output_tokens - 1


def _index(history: _History, token_ids: list[int]) -> None:
    """Take in the n-grams that have a token behind them."""
    for end in range(max(history.num_indexed, min(NGRAM_LENGTHS)), len(token_ids)):
        for length in NGRAM_LENGTHS:
            history.positions[tuple(token_ids[max(0, end - length) : end])] = end
    history.num_indexed = len(token_ids)


def _look_up(history: _History, token_ids: list[int], num_tokens: int) -> tuple[int, ...]:
    for length in NGRAM_LENGTHS:
        position = history.positions.get(tuple(token_ids[-length:]))
        if position is not None:
            return tuple(token_ids[position : position + num_tokens])
    return ()
