"""One request's question and what is expected of its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from loadtest.record import NEVER

Option = str | int | float | bool | list[str] | list[int]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat; ``role`` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat whose last message is the user's; a single one is sent as a plain text.

    ``options`` are generation parameters by the names of the V2 contract (max_tokens,
    temperature, ignore_eos ...). ``expected`` is the right answer where one is known.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, Option] = field(default_factory=dict)
    expected: str | None = None
    turn: int = 0
    asked_prompt_tokens: int = NEVER
    asked_output_tokens: int = NEVER


class PromptSource(Protocol):
    """Prompts by index: equal seeds and indices give equal prompts, whichever worker asks."""

    @property
    def max_turns(self) -> int:
        """Of the longest conversation."""
        ...

    def prompt(self, index: int) -> Prompt:
        """Return the prompt of the request, or of the conversation's first turn."""
        ...

    def follow_up(self, index: int, before: Prompt, answer: str) -> Prompt | None:
        """Return the conversation's next turn after that answer; None where it is over.

        ``index`` is that of the conversation's first request.
        """
        ...
