"""Conversations of a set number of turns, each turn a prompt of another source."""

from dataclasses import dataclass, replace
from typing import Protocol

from loadtest.prompts.prompt import Message, Prompt
from loadtest.record import NEVER


class TurnSource(Protocol):
    """A source that can ask again: equal seeds, indices and turns give equal prompts."""

    def draw(self, index: int, turn: int) -> Prompt: ...


@dataclass(slots=True)
class Conversations:
    """A PromptSource: each turn holds all said before, answers as they came, and a new prompt.

    A later turn's ``asked_prompt_tokens`` is NEVER: its length depends on the answers.
    """

    source: TurnSource
    max_turns: int

    def prompt(self, index: int) -> Prompt:
        return self.source.draw(index, 0)

    def follow_up(self, index: int, before: Prompt, answer: str) -> Prompt | None:
        turn = before.turn + 1
        if turn >= self.max_turns:
            return None
        return continue_with(before, answer, self.source.draw(index, turn))


def continue_with(before: Prompt, answer: str, following: Prompt) -> Prompt:
    """Return ``following`` as the next turn after that answer to the prompt before."""
    said = (*before.messages, Message("assistant", answer))
    return replace(
        following,
        messages=(*said, *following.messages),
        turn=before.turn + 1,
        asked_prompt_tokens=NEVER,
    )
