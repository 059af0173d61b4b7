"""The prompts that settings ask for."""

import json
from pathlib import Path

import pytest

from loadtest.config import RunConfig
from loadtest.errors import UsageError
from loadtest.prompts.options import parse_options
from loadtest.prompts.source import Workload, make_source
from loadtest.record import NEVER
from tests.loadtest.prompts.small_tokenizers import EMBEDDED


def config_of(**settings: object) -> RunConfig:
    return RunConfig.model_validate({"target": "http://127.0.0.1:8080", "rate": 1, **settings})


def make(**settings: object) -> Workload:
    return make_source(config_of(**settings))


def write(folder: Path, *lines: object) -> Path:
    file = folder / "lines.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_options_are_json_values_by_name() -> None:
    texts = ("temperature=0", "top_p=0.5", 'stop=["\\n","="]', "raw=true", 'mode="a=b"')
    assert parse_options(config_of(option=texts, ignore_eos=True)) == {
        "temperature": 0,
        "top_p": 0.5,
        "stop": ["\n", "="],
        "raw": True,
        "mode": "a=b",
        "ignore_eos": True,
    }


KINDS = "must be a string, a number, true, false or a list of strings or of whole numbers"
WRONG_OPTIONS = {
    "no-name": ({"option": ("=5",)}, "option number 1 must be NAME=JSON such as temperature=0"),
    "unquoted": (
        {"option": ("stop=now",)},
        "option stop is 3 characters, must be JSON; "
        "a string is quoted for the shell too: 'stop=\"text\"'",
    ),
    "not-a-number": (
        {"option": ("top_p=NaN",)},
        "option top_p is 3 characters, must be JSON; "
        "a string is quoted for the shell too: 'top_p=\"text\"'",
    ),
    "null": ({"option": ("seed=null",)}, f"option seed is null, {KINDS}"),
    "object": ({"option": ('a={"b":1}',)}, f"option a is an object, {KINDS}"),
    "mixed": ({"option": ('a=[1,"b"]',)}, f"option a is a list of 2, {KINDS}"),
    "tokens-as-text": (
        {"option": ('max_tokens="private"',)},
        "option max_tokens is a string of 7 characters, must be a whole number of 1..2147483647",
    ),
    "part-of-a-token": (
        {"option": ("max_tokens=1.5",)},
        "option max_tokens is 1.5, must be a whole number of 1..2147483647",
    ),
    "no-token": (
        {"option": ("max_tokens=0",)},
        "option max_tokens is 0, must be a whole number of 1..2147483647",
    ),
    "more-than-a-record-holds": (
        {"option": ("max_tokens=2147483648",)},
        "option max_tokens is 2147483648, must be a whole number of 1..2147483647",
    ),
    "true-tokens": (
        {"option": ("min_tokens=true",)},
        "option min_tokens is true, must be a whole number of 0..2147483647",
    ),
    "twice": (
        {"option": ("seed=1", "seed=2")},
        "option seed is given twice, must be given once",
    ),
    "flag-ignore-eos": (
        {"option": ("ignore_eos=false",), "ignore_eos": True},
        "option ignore_eos is given, must be left out where ignore_eos is set",
    ),
    "flag-output-tokens": (
        {"option": ("max_tokens=5",), "output_tokens": "6"},
        "option max_tokens is given, must be left out where output_tokens is set",
    ),
}


@pytest.mark.parametrize(("settings", "message"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS)
def test_an_option_that_cannot_be_sent_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_options(config_of(**settings))
    assert str(caught.value) == message


def test_answers_lengths_are_drawn_for_each_prompt_and_turn() -> None:
    source = make(output_tokens="uniform:5..300", turns=2, option=("seed=1",))
    first = [source.prompt(index) for index in range(100)]
    second = [source.follow_up(index, prompt, "") for index, prompt in enumerate(first)]
    asked = [prompt.asked_output_tokens for prompt in [*first, *second] if prompt]
    assert [prompt.options for prompt in [*first, *second] if prompt] == [
        {"seed": 1, "max_tokens": length} for length in asked
    ]
    assert len(asked) == 200
    assert len(set(asked)) > 100
    assert asked == [
        prompt.asked_output_tokens
        for source in [make(output_tokens="uniform:5..300", turns=2)]
        for first in [[source.prompt(index) for index in range(100)]]
        for prompt in [
            *first,
            *(source.follow_up(index, prompt, "") for index, prompt in enumerate(first)),
        ]
        if prompt
    ]


def test_lengths_of_answers_leave_the_prompts_as_they_are() -> None:
    plain, long = make(), make(output_tokens="uniform:5..300")
    assert [plain.prompt(index).messages for index in range(20)] == [
        long.prompt(index).messages for index in range(20)
    ]


def test_no_length_asked_is_none_sent() -> None:
    prompt = make().prompt(0)
    assert prompt.options == {}
    assert prompt.asked_output_tokens == NEVER


def test_a_lines_options_hold_over_the_runs(tmp_path: Path) -> None:
    file = write(tmp_path, {"text": "a", "options": {"seed": 2, "max_tokens": 3}}, {"text": "b"})
    source = make(
        prompts="file", prompt_file=file, option=("seed=1", "top_p=0.5"), output_tokens="9"
    )
    assert source.num_distinct == 2
    assert source.prompt(0).options == {"seed": 2, "top_p": 0.5, "max_tokens": 3}
    assert source.prompt(0).asked_output_tokens == 3
    assert source.prompt(1).options == {"seed": 1, "top_p": 0.5, "max_tokens": 9}


def test_the_longest_conversation_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, {"text": "a"}, {"text": "b", "turns": ["c", "d"]})
    assert make().max_turns == 1
    assert make(turns=4).max_turns == 4
    assert make(prompts="file", prompt_file=file).max_turns == 3


def test_arithmetic_knows_its_answers_and_synthetic_its_lengths() -> None:
    assert make().prompt(0).expected
    source = make(
        prompts="synthetic",
        prompt_tokens="uniform:5..9",
        tokenizer=EMBEDDED,
        prefix_groups=1,
        prefix_tokens=100,
    )
    prompt = source.prompt(0)
    assert prompt.expected is None
    assert 105 <= prompt.asked_prompt_tokens <= 109


def test_a_trace_gives_times_prompts_and_lengths_of_answers(tmp_path: Path) -> None:
    lengths = {"at_s": 0, "prompt_tokens": 9, "output_tokens": 5}
    question = {"at_s": 0, "text": "a", "options": {"max_tokens": 6}}
    file = write(tmp_path, lengths, question)
    source = make(prompts="trace", arrivals="trace", rate=None, trace_file=file, ignore_eos=True)
    prompt = source.prompt(0)
    assert prompt.options == {"ignore_eos": True, "max_tokens": 5}
    assert prompt.asked_output_tokens == 5
    assert source.prompt(1).asked_output_tokens == 6


def test_a_trace_without_an_answers_length_cannot_ignore_its_end(tmp_path: Path) -> None:
    file = write(tmp_path, {"at_s": 0, "text": "a", "output_tokens": 5}, {"at_s": 0, "text": "b"})
    with pytest.raises(UsageError) as caught:
        make(prompts="trace", arrivals="trace", trace_file=file, ignore_eos=True)
    assert str(caught.value) == (
        f"{file}:2: output_tokens is missing, must be given here or for the run with ignore_eos"
    )


def test_answers_to_check_are_needed_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected is missing"):
        make(prompts="file", prompt_file=write(tmp_path, {"text": "a"}), check_answers=True)
