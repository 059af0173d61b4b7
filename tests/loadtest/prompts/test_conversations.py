"""Conversations of several turns."""

from loadtest.lengths import parse_lengths
from loadtest.prompts.arithmetic import ArithmeticSource
from loadtest.prompts.conversations import Conversations
from loadtest.prompts.counting import LocalTokenizer
from loadtest.prompts.prompt import Message, Prompt
from loadtest.prompts.synthetic import SyntheticSource
from loadtest.prompts.words import Words
from loadtest.record import NEVER
from tests.loadtest.prompts.small_tokenizers import EMBEDDED


def follow(source: Conversations, index: int, before: Prompt, answer: str) -> Prompt:
    following = source.follow_up(index, before, answer)
    assert following is not None
    return following


def test_each_turn_holds_what_was_said_and_a_problem_of_its_own() -> None:
    problems = ArithmeticSource(0)
    source = Conversations(problems, 3)
    first = source.prompt(4)
    second = follow(source, 4, first, "one\n")
    third = follow(source, 4, second, "two")
    asked = [problems.draw(4, turn) for turn in range(3)]
    questions = [prompt.messages[0] for prompt in asked]
    assert third.messages == (
        questions[0],
        Message("assistant", "one\n"),
        questions[1],
        Message("assistant", "two"),
        questions[2],
    )
    assert [prompt.expected for prompt in (first, second, third)] == [
        prompt.expected for prompt in asked
    ]
    assert [prompt.turn for prompt in (first, second, third)] == [0, 1, 2]
    assert len(set(questions)) == 3


def test_a_conversation_ends_with_its_last_turn() -> None:
    source = Conversations(ArithmeticSource(0), 2)
    second = follow(source, 0, source.prompt(0), "")
    assert source.follow_up(0, second, "") is None
    assert Conversations(ArithmeticSource(0), 1).follow_up(0, source.prompt(0), "") is None


def test_a_later_turn_asks_no_number_of_tokens() -> None:
    words = Words(0, LocalTokenizer(EMBEDDED))
    source = Conversations(SyntheticSource(words, parse_lengths("9"), seed=0), 2)
    first = source.prompt(0)
    assert first.asked_prompt_tokens == 9
    assert follow(source, 0, first, "a").asked_prompt_tokens == NEVER
