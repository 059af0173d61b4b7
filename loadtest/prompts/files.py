"""Prompts of a file of JSON lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.prompts.conversations import continue_with
from loadtest.prompts.fields import Fields, parse_object
from loadtest.prompts.line_file import LineFile
from loadtest.prompts.prompt import Message, Option, Prompt

ROLES: Final = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Turn:
    """What the user says next, and the answer expected to it."""

    content: str
    expected: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """A line's chat, what is asked of the answer, and the turns that follow."""

    messages: tuple[Message, ...]
    options: Mapping[str, Option]
    expected: str | None
    turns: tuple[Turn, ...]


class FileSource:
    """A prompt a line: ``text`` or ``messages``, and at will ``options``, ``expected``, ``turns``.

    ``turns`` are the user's next messages: texts, or objects of ``text`` and ``expected``. The
    whole file is checked before the first prompt; errors are UsageError, FILE:LINE first. With
    ``needs_expected`` each line and turn must know its answer. The i-th request takes the line i
    modulo ``num_distinct``; about 8 us a short prompt.
    """

    def __init__(self, path: Path, *, needs_expected: bool) -> None:
        self._needs_expected = needs_expected
        self.max_turns = 1
        self._path = path
        self._lines = LineFile(path, self._check)
        self.num_distinct = len(self._lines)

    def prompt(self, index: int) -> Prompt:
        line = self._question(index)
        return Prompt(line.messages, line.options, line.expected)

    def follow_up(self, index: int, before: Prompt, answer: str) -> Prompt | None:
        line = self._question(index)
        if before.turn >= len(line.turns):
            return None
        turn = line.turns[before.turn]
        following = Prompt((Message("user", turn.content),), line.options, turn.expected)
        return continue_with(before, answer, following)

    def _question(self, index: int) -> Question:
        number = index % self.num_distinct
        return self._parse(number + 1, self._lines.read(number))

    def _parse(self, number: int, line: bytes) -> Question:
        fields = parse_object(f"{self._path}:{number}: ", line)
        question = take_question(fields)
        if question is None:
            raise fields.refuse("text", None, "given, or messages")
        fields.end()
        return question

    def _check(self, number: int, line: bytes) -> None:
        question = self._parse(number, line)
        self.max_turns = max(self.max_turns, 1 + len(question.turns))
        answers = (question.expected, *(turn.expected for turn in question.turns))
        if self._needs_expected and None in answers:
            where = Fields(f"{self._path}:{number}: ", {}, [])
            raise where.refuse("expected", None, "given with each turn for check_answers")


def take_question(fields: Fields) -> Question | None:
    """Take the fields of a chat; None where the line has neither ``text`` nor ``messages``."""
    text = fields.take_text("text")
    messages = tuple(
        _parse_message(fields, f"messages[{number}]", value)
        for number, value in enumerate(fields.take_list("messages"))
    )
    options = fields.take_options("options")
    expected = fields.take_text("expected")
    turns = tuple(
        _parse_turn(fields, f"turns[{number}]", value)
        for number, value in enumerate(fields.take_list("turns"))
    )
    if text is not None and messages:
        raise fields.refuse("text", text, "left out where messages are given")
    if messages and messages[-1].role != "user":
        raise fields.refuse(f"messages[{len(messages) - 1}].role", messages[-1].role, "user")
    if text is not None:
        messages = (Message("user", text),)
    if not messages:
        return None
    return Question(messages, options, expected, turns)


def _parse_message(fields: Fields, name: str, value: object) -> Message:
    message = fields.within(name, value)
    role, content = message.take_text("role"), message.take_text("content")
    message.end()
    if role not in ROLES:
        raise message.refuse("role", role, f"one of {', '.join(ROLES)}")
    if content is None:
        raise message.refuse("content", None, "text")
    return Message(role, content)


def _parse_turn(fields: Fields, name: str, value: object) -> Turn:
    if isinstance(value, str) and value:
        return Turn(value, None)
    turn = fields.within(name, value)
    content, expected = turn.take_text("text"), turn.take_text("expected")
    turn.end()
    if content is None:
        raise turn.refuse("text", None, "text")
    return Turn(content, expected)
