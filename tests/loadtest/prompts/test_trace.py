"""Traces: their formats, their times, their prompts."""

import json
from pathlib import Path

import numpy as np
import pytest

from loadtest.config import RunConfig
from loadtest.errors import UsageError
from loadtest.prompts.counting import LocalTokenizer
from loadtest.prompts.prompt import Message, Prompt
from loadtest.prompts.source import check_files
from loadtest.prompts.trace import Trace, TraceSource
from loadtest.prompts.words import Words
from loadtest.record import NEVER
from tests.loadtest.prompts.small_tokenizers import EMBEDDED

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def write(folder: Path, *lines: object) -> Path:
    file = folder / "trace.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def text_of(prompt: Prompt) -> str:
    (message,) = prompt.messages
    return message.content


@pytest.mark.parametrize(
    ("lines", "times"),
    [
        ([{"at_s": 5.25}, {"at_s": 5.25}, {"at_s": 7}], [0, 0, 1_750_000_000]),
        ([{"timestamp": 27482}, {"timestamp": 30535.5}], [0, 3_053_500_000]),
    ],
    ids=["seconds", "mooncake"],
)
def test_times_are_relative_to_the_first(
    tmp_path: Path, lines: list[object], times: list[int]
) -> None:
    trace = Trace(write(tmp_path, *lines))
    assert trace.times.tolist() == times
    assert trace.times.dtype == np.int64


def test_azures_traces_are_read_to_the_last_digit(tmp_path: Path) -> None:
    file = tmp_path / "azure.csv"
    file.write_text(
        AZURE
        + "2023-11-16 23:59:59.9999999,374,44\r\n2023-11-17 00:00:00.0000001,396,109\n"
        + "2023-11-17 00:00:01+00:00,2,16"
    )
    trace = Trace(file)
    assert trace.times.tolist() == [0, 200, 1_000_000_100]
    assert [(trace.entry(i).prompt_tokens, trace.entry(i).output_tokens) for i in range(3)] == [
        (374, 44),
        (396, 109),
        (2, 16),
    ]


def test_a_line_may_hold_its_own_question(tmp_path: Path) -> None:
    line = {"at_s": 0, "text": "one?", "options": {"seed": 1}, "output_tokens": 9, "expected": "1"}
    source = TraceSource(Trace(write(tmp_path, line)), Words(0), seed=0)
    assert source.prompt(0) == Prompt((Message("user", "one?"),), {"seed": 1, "max_tokens": 9}, "1")
    assert source.follow_up(0, source.prompt(0), "1") is None


@pytest.mark.parametrize("has_tokenizer", [True, False], ids=["tokens", "words"])
def test_prompts_have_the_lengths_of_their_lines(tmp_path: Path, has_tokenizer: bool) -> None:
    lengths = [1, 511, 512, 513, 1500, 1536]
    ids = [[1], [1], [1], [1, 2], [1, 2, 3], [4]]
    lines = [
        {"timestamp": 0, "input_length": length, "output_length": 7, "hash_ids": blocks}
        for length, blocks in zip(lengths, ids, strict=True)
    ]
    tokenizer = LocalTokenizer(EMBEDDED)
    words = Words(0, tokenizer if has_tokenizer else None)
    source = TraceSource(Trace(write(tmp_path, *lines)), words, seed=0)
    prompts = [source.prompt(index) for index in range(len(lines))]
    count = tokenizer.count if has_tokenizer else lambda text: len(text.split(" "))
    assert [count(text_of(prompt)) for prompt in prompts] == lengths
    assert [prompt.asked_prompt_tokens for prompt in prompts] == (
        lengths if has_tokenizer else [NEVER] * len(lines)
    )
    assert {prompt.options["max_tokens"] for prompt in prompts} == {7}


def test_equal_blocks_are_equal_text_and_the_rest_is_a_prompts_own(tmp_path: Path) -> None:
    lines = [
        {"at_s": 0, "prompt_tokens": 1100, "hash_ids": [5, 6]},
        {"at_s": 0, "prompt_tokens": 1100, "hash_ids": [5, 7]},
        {"at_s": 0, "prompt_tokens": 1100, "hash_ids": [5, 6]},
        {"at_s": 0, "prompt_tokens": 1100},
    ]
    source = TraceSource(Trace(write(tmp_path, *lines)), Words(0), seed=0)
    texts = [text_of(source.prompt(index)).split(" ") for index in range(4)]
    assert texts[0][:512] == texts[1][:512] == texts[2][:512]
    assert texts[0][512:1024] == texts[2][512:1024]
    assert texts[0][512:514] != texts[1][512:514]
    assert texts[0][1021:1024] != texts[1][1021:1024]
    assert texts[0][1024:1027] != texts[2][1024:1027]
    assert texts[3][:3] != texts[0][:3]


def test_a_prompt_depends_on_its_seed_and_index_alone(tmp_path: Path) -> None:
    trace = Trace(write(tmp_path, *[{"at_s": 0, "prompt_tokens": 20}] * 5))
    source = TraceSource(trace, Words(0), seed=0)
    backwards = [source.prompt(index) for index in reversed(range(5))]
    again = TraceSource(trace, Words(0), seed=0)
    assert backwards[::-1] == [again.prompt(index) for index in range(5)]
    assert TraceSource(trace, Words(1), seed=1).prompt(0) != source.prompt(0)


def test_lines_without_prompts_are_times_alone(tmp_path: Path) -> None:
    file = write(tmp_path, {"at_s": 0, "text": "a"}, {"at_s": 1})
    trace = Trace(file)
    with pytest.raises(UsageError) as caught:
        TraceSource(trace, Words(0), seed=0)
    assert str(caught.value) == (
        f"{file}:2: prompt_tokens is missing, must be given, or text or messages, for prompts=trace"
    )


@pytest.mark.parametrize(
    "line",
    [{"text": "secret"}, {"prompt_tokens": 5}, {"output_tokens": 5}],
    ids=["text", "prompt", "output"],
)
def test_prompts_of_a_trace_that_others_would_replace_are_refused(
    tmp_path: Path, line: dict[str, object]
) -> None:
    file = write(tmp_path, {"at_s": 0}, {"at_s": 1, **line})
    config = RunConfig(target="http://a", arrivals="trace", trace_file=file)
    with pytest.raises(UsageError) as caught:
        check_files(config)
    assert str(caught.value) == (
        f"{file}:2: line has a text or a length, must be a time alone, or be used by prompts=trace"
    )


def test_a_trace_of_times_alone_is_for_any_prompts(tmp_path: Path) -> None:
    file = write(tmp_path, {"at_s": 0}, {"at_s": 1})
    check_files(RunConfig(target="http://a", arrivals="trace", trace_file=file))


def test_a_trace_with_prompts_is_for_its_own(tmp_path: Path) -> None:
    file = write(tmp_path, {"at_s": 0, "text": "a"})
    settings = {"arrivals": "trace", "trace_file": file, "prompts": "trace"}
    check_files(RunConfig.model_validate({"target": "http://a", **settings}))


def test_a_tokenizer_is_read_before_the_load(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^tokenizer \S+/tokenizer.json cannot be read: No such"):
        check_files(RunConfig(target="http://a", rate=1, tokenizer=tmp_path))


LENGTH = {"at_s": 1, "prompt_tokens": 513}
WRONG = {
    "no-time": ({}, "at_s is missing, must be seconds, or timestamp in milliseconds"),
    "time-as-text": (
        {"at_s": "5"},
        "at_s is a string of 1 characters, must be a number of 0..9e+09",
    ),
    "time-below-zero": ({"timestamp": -1}, "timestamp is -1, must be a number of 0..9e+12"),
    "time-of-true": ({"at_s": True}, "at_s is true, must be a number of 0..9e+09"),
    "two-times": (
        {"at_s": 1, "timestamp": 1},
        "timestamp is 1, must be left out where at_s is given",
    ),
    "backwards": (
        {"at_s": 0.75},
        "time is 0.25 s before that of the line above, must not be before it",
    ),
    "no-length": (
        {"at_s": 1, "prompt_tokens": 0},
        "prompt_tokens is 0, must be a whole number of 1..1048576",
    ),
    "part-of-a-token": (
        {"at_s": 1, "output_length": 1.5},
        "output_length is 1.5, must be a whole number of 1..1048576",
    ),
    "two-lengths": (
        {**LENGTH, "input_length": 5},
        "input_length is 5, must be left out where prompt_tokens is given",
    ),
    "length-and-text": (
        {**LENGTH, "text": "secret"},
        "prompt_tokens is 513, must be left out where text or messages are given",
    ),
    "turns": (
        {"at_s": 1, "text": "secret", "turns": ["secret"]},
        "turns is a list of 1, must be left out: each line has a time of its own",
    ),
    "two-most-tokens": (
        {"at_s": 1, "text": "a", "options": {"max_tokens": 5}, "output_tokens": 6},
        "output_tokens is 6, must be left out where options.max_tokens is given",
    ),
    "block-as-text": (
        {**LENGTH, "hash_ids": ["secret"]},
        "hash_ids[0] is a string of 6 characters, must be a whole number of 0..2^63-1",
    ),
    "too-many-blocks": (
        {**LENGTH, "hash_ids": [1, 2, 3]},
        "hash_ids is a list of 3, must be a list of at most 2, one for each 512 tokens of the "
        "prompt",
    ),
    "blocks-without-length": (
        {"at_s": 1, "hash_ids": [1]},
        "hash_ids is a list of 1, must be left out where no length is given",
    ),
    "other-field": (
        {"at_s": 1, "chat_id": 5},
        "'chat_id' is not a known field, known: at_s, timestamp, text, messages, options, "
        "expected, turns, prompt_tokens, input_length, output_tokens, output_length, hash_ids",
    ),
}


@pytest.mark.parametrize(("line", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_line_is_named(tmp_path: Path, line: object, message: str) -> None:
    file = write(tmp_path, {"at_s": 1}, line)
    with pytest.raises(UsageError) as caught:
        Trace(file)
    assert str(caught.value) == f"{file}:2: {message}"


TIME = "2023-11-16 18:15:46.6805900"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("time\n", f":1: line is neither a JSON object nor {AZURE.strip()}"),
        (AZURE, ": has no request, must have at least one"),
        (f"{AZURE}{TIME},5\n", ":2: line has 2 columns, must have 3"),
        (f"{AZURE}5,5,5\n", f":2: TIMESTAMP is '5', must be such as {TIME}"),
        (
            f"{AZURE}2023-13-16 18:15:46,5,5\n",
            f":2: TIMESTAMP is '2023-13-16 18:15:46', must be such as {TIME}",
        ),
        (
            f"{AZURE}{TIME},x,5\n",
            ":2: ContextTokens is 'x', must be a whole number of 1..1048576",
        ),
        (
            f"{AZURE}{TIME},5,0\n",
            ":2: GeneratedTokens is '0', must be a whole number of 1..1048576",
        ),
    ],
    ids=["header", "empty", "columns", "time", "month", "context", "generated"],
)
def test_a_wrong_table_is_named(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(content)
    with pytest.raises(UsageError) as caught:
        Trace(file)
    assert str(caught.value) == f"{file}{message}"
