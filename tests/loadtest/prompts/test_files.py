"""Prompts of a file."""

import json
from pathlib import Path

import pytest

from loadtest.errors import UsageError
from loadtest.prompts.files import FileSource
from loadtest.prompts.prompt import Message, Prompt

USER = Message("user", "two?")


def write(folder: Path, *lines: object) -> Path:
    file = folder / "prompts.jsonl"
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return file


def test_a_line_is_a_text_or_messages(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "s"}, {"role": "user", "content": "two?"}]
    source = FileSource(
        write(
            tmp_path,
            {"text": "问题", "expected": "2", "options": {"temperature": 0, "stop": ["\n"]}},
            {"messages": chat},
        ),
        needs_expected=False,
    )
    assert source.prompt(0) == Prompt(
        (Message("user", "问题"),), {"temperature": 0, "stop": ["\n"]}, "2"
    )
    assert source.prompt(1) == Prompt((Message("system", "s"), USER))
    assert source.max_turns == 1


def test_prompts_come_round_again_after_the_last(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path, {"text": "a"}, {"text": "b"}), needs_expected=False)
    assert source.num_distinct == 2
    assert [source.prompt(index).messages[0].content for index in range(5)] == list("ababa")


def test_a_line_with_turns_is_a_conversation(tmp_path: Path) -> None:
    line = {
        "text": "one?",
        "expected": "1",
        "options": {"seed": 7},
        "turns": [{"text": "two?", "expected": "2"}, "three?"],
    }
    source = FileSource(write(tmp_path, {"text": "alone"}, line), needs_expected=False)
    assert source.max_turns == 3
    first = source.prompt(1)
    second = source.follow_up(1, first, "1.")
    assert second == Prompt(
        (Message("user", "one?"), Message("assistant", "1."), USER), {"seed": 7}, "2", turn=1
    )
    third = source.follow_up(1, second, "2.")
    assert third == Prompt(
        (*second.messages, Message("assistant", "2."), Message("user", "three?")),
        {"seed": 7},
        None,
        turn=2,
    )
    assert source.follow_up(1, third, "3.") is None
    assert source.follow_up(0, source.prompt(0), "") is None


TURN = {"role": "user", "content": "secret"}
WRONG = {
    "tokens-as-text": (
        {"text": "a", "options": {"max_tokens": "secret"}},
        "options.max_tokens is a string of 6 characters, must be a whole number of 1..2147483647",
    ),
    "no-object": (["secret"], "line is a list of 1, must be a JSON object"),
    "no-question": ({"options": {}}, "text is missing, must be given, or messages"),
    "empty-text": (
        {"text": ""},
        "text is a string of 0 characters, must be text of at least one character",
    ),
    "number-as-text": ({"text": 5}, "text is 5, must be text of at least one character"),
    "both": (
        {"text": "secret", "messages": [TURN]},
        "text is a string of 6 characters, must be left out where messages are given",
    ),
    "no-messages": (
        {"messages": []},
        "messages is a list of 0, must be a list with at least one entry",
    ),
    "no-message": (
        {"messages": ["secret"]},
        "messages[0] is a string of 6 characters, must be an object",
    ),
    "other-role": (
        {"messages": [{"role": "secret", "content": "a"}]},
        "messages[0].role is a string of 6 characters, must be one of system, user, assistant",
    ),
    "no-content": (
        {"messages": [TURN, {"role": "user"}]},
        "messages[1].content is missing, must be text",
    ),
    "more-in-message": (
        {"messages": [{**TURN, "name": "secret"}]},
        "messages[0].'name' is not a known field, known: role, content",
    ),
    "answer-last": (
        {"messages": [TURN, {"role": "assistant", "content": "secret"}]},
        "messages[1].role is a string of 9 characters, must be user",
    ),
    "other-field": (
        {"text": "secret", "prompt": "secret"},
        "'prompt' is not a known field, known: text, messages, options, expected, turns",
    ),
    "no-options": ({"text": "a", "options": 5}, "options is 5, must be an object"),
    "null-option": (
        {"text": "a", "options": {"seed": None}},
        "options.seed is missing, must be a string, a number, true, false or a list of strings or "
        "of whole numbers",
    ),
    "nested-option": (
        {"text": "a", "options": {"stop": [["secret"]]}},
        "options.stop is a list of 1, must be a string, a number, true, false or a list of strings "
        "or of whole numbers",
    ),
    "number-as-answer": (
        {"text": "a", "expected": 5},
        "expected is 5, must be text of at least one character",
    ),
    "no-turn": ({"text": "a", "turns": [5]}, "turns[0] is 5, must be an object"),
    "empty-turn": ({"text": "a", "turns": [{}]}, "turns[0].text is missing, must be text"),
    "more-in-turn": (
        {"text": "a", "turns": [{"text": "b", "when": 5}]},
        "turns[0].'when' is not a known field, known: text, expected",
    ),
}


@pytest.mark.parametrize(("line", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_line_is_named_before_any_prompt_without_its_text(
    tmp_path: Path, line: object, message: str
) -> None:
    file = write(tmp_path, {"text": "right"}, line)
    with pytest.raises(UsageError) as caught:
        FileSource(file, needs_expected=False)
    assert str(caught.value) == f"{file}:2: {message}"


@pytest.mark.parametrize("line", [b"{secret", b"{'a': 1}", b'{"text": "\xff"}'], ids=repr)
def test_a_line_that_is_no_json_is_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(b'{"text": "a"}\n' + line + b'\n{"text": "a"}\n')
    with pytest.raises(UsageError) as caught:
        FileSource(file, needs_expected=False)
    assert str(caught.value).startswith(f"{file}:2: line is not JSON: ")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [{"text": "a"}, {"text": "a", "expected": "1", "turns": ["b"]}],
    ids=["first", "turn"],
)
def test_answers_to_check_are_needed_with_each_turn(tmp_path: Path, line: object) -> None:
    file = write(tmp_path, {"text": "a", "expected": "1"}, line)
    with pytest.raises(UsageError) as caught:
        FileSource(file, needs_expected=True)
    assert str(caught.value) == (
        f"{file}:2: expected is missing, must be given with each turn for check_answers"
    )
