"""Tokens -> text, fed in every way of cutting them into steps."""

from dataclasses import dataclass

import pytest

from predictor.config import DEMO_MODEL_DIR
from predictor.engine.sequence import FinishReason, SamplingParams, TokenLogprobs, TokenOutput
from predictor.errors import GenerationFailed
from predictor.generation import Delta, PreparedRequest, TopToken
from predictor.output import OutputReader
from predictor.tokenizer import Tokenizer

TOKENIZER = Tokenizer(DEMO_MODEL_DIR)
EOS = "<｜end▁of▁sentence｜>"


def make_request(
    *, stop: tuple[str, ...] = (), starts_in_reasoning: bool = True, may_reason: bool = True
) -> PreparedRequest:
    params = SamplingParams(max_tokens=100, seed=0)
    return PreparedRequest([1, 2, 3], params, stop, starts_in_reasoning, may_reason)


def make_outputs(text: str, finish_reason: FinishReason | None) -> list[TokenOutput]:
    ids = TOKENIZER.encode_raw(text)
    return [
        TokenOutput(0, token_id, finish_reason if index == len(ids) - 1 else None)
        for index, token_id in enumerate(ids)
    ]


@dataclass
class Reading:
    reasoning: str
    answer: str
    deltas: list[Delta]


def read(request: PreparedRequest, outputs: list[TokenOutput], step: int = 1) -> Reading:
    """Read the outputs ``step`` at a time, up to the delta that finishes."""
    reader = OutputReader(TOKENIZER, request)
    deltas: list[Delta] = []
    for start in range(0, len(outputs), step):
        deltas.append(reader.read(outputs[start : start + step]))
        if deltas[-1].finish_reason is not None:
            break
    return Reading("".join(d.reasoning for d in deltas), "".join(d.answer for d in deltas), deltas)


def finish(reading: Reading) -> FinishReason | None:
    assert all(d.finish_reason is None and d.usage is None for d in reading.deltas[:-1])
    return reading.deltas[-1].finish_reason


CASES = [
    pytest.param(
        make_request(), f"one two\n</think>\n\n495{EOS}", "one two", "495", "eos_token", id="usual"
    ),
    pytest.param(make_request(), f"</think>\n\n7{EOS}", "", "7", "eos_token", id="no-reasoning"),
    pytest.param(make_request(), "one two \n", "one two", "", "length", id="cut-in-reasoning"),
    pytest.param(
        make_request(starts_in_reasoning=False),
        f"\n 12 \n{EOS}",
        "",
        "\n 12 \n",
        "eos_token",
        id="answer-alone-to-the-letter",
    ),
    pytest.param(
        make_request(starts_in_reasoning=False),
        f"<think>\na b\n</think>\n\nc{EOS}",
        "a b",
        "c",
        "eos_token",
        id="model-opens-reasoning",
    ),
    pytest.param(
        make_request(starts_in_reasoning=False, may_reason=False),
        f"<think>a{EOS}",
        "",
        "<think>a",
        "eos_token",
        id="raw-is-not-split",
    ),
    pytest.param(
        make_request(stop=("two",)),
        f"a\n</think>\n\none two three{EOS}",
        "a",
        "one ",
        "stop_string",
        id="stop-in-answer",
    ),
    pytest.param(
        make_request(stop=("wo thr", "zzz")),
        f"a\n</think>\n\none two three{EOS}",
        "a",
        "one t",
        "stop_string",
        id="stop-across-tokens",
    ),
    pytest.param(
        make_request(stop=("wo", "two", "o")),
        f"</think>12 two{EOS}",
        "",
        "12 ",
        "stop_string",
        id="the-first-of-several-stops",
    ),
    pytest.param(
        make_request(stop=("ones", "two")),
        f"one \n two</think>x{EOS}",
        "one",
        "",
        "stop_string",
        id="stop-in-reasoning",
    ),
    pytest.param(
        make_request(stop=("threefour",)),
        f"</think>one two three{EOS}",
        "",
        "one two three",
        "eos_token",
        id="half-a-stop-string-at-the-end",
    ),
    pytest.param(
        make_request(stop=("\n\n",)),
        f"a</think>\n\nb\n\nc{EOS}",
        "a",
        "b",
        "stop_string",
        id="the-seam-is-no-stop-string",
    ),
    pytest.param(
        make_request(stop=("three",)),
        "</think>one three",
        "",
        "one ",
        "stop_string",
        id="stop-string-at-the-length-limit",
    ),
    pytest.param(
        make_request(), f"é🙂</think>你好🙂{EOS}", "é🙂", "你好🙂", "eos_token", id="utf-8"
    ),
]


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(("request_", "text", "reasoning", "answer", "reason"), CASES)
def test_text_is_split_trimmed_and_cut_however_the_tokens_arrive(
    request_: PreparedRequest, text: str, reasoning: str, answer: str, reason: str, step: int
) -> None:
    engine_reason = FinishReason.EOS_TOKEN if text.endswith(EOS) else FinishReason.LENGTH

    reading = read(request_, make_outputs(text, engine_reason), step)

    assert (reading.reasoning, reading.answer) == (reasoning, answer)
    assert finish(reading) == reason


def test_counts_take_in_reasoning_markers_and_the_stop_token() -> None:
    outputs = make_outputs(f"12\n</think>\n\n3{EOS}", FinishReason.EOS_TOKEN)
    num_reasoning = len(TOKENIZER.encode_raw("12\n"))

    usage = read(make_request(), outputs).deltas[-1].usage

    assert usage is not None
    assert usage.prompt_tokens == 3
    assert usage.reasoning_tokens == num_reasoning
    assert usage.completion_tokens == len(outputs)


def test_counts_end_with_the_token_that_completes_the_stop_string() -> None:
    outputs = make_outputs("</think>1234567", FinishReason.LENGTH)

    reading = read(make_request(stop=("23",)), outputs, step=1000)

    assert reading.deltas[-1].usage is not None
    assert reading.deltas[-1].usage.completion_tokens == len(TOKENIZER.encode_raw("</think>123"))
    assert [t.text for t in reading.deltas[-1].tokens] == ["</think>", "1", "2", "3"]


def test_a_stop_token_leaves_no_text() -> None:
    outputs = make_outputs("</think>12x", FinishReason.STOP_TOKEN)

    assert read(make_request(), outputs).answer == "12"


def test_tokens_tell_reasoning_from_answer_and_carry_their_logprobs() -> None:
    outputs = make_outputs("1</think>2", FinishReason.LENGTH)
    one = TOKENIZER.encode_raw("1")[0]
    outputs[0] = TokenOutput(0, one, None, TokenLogprobs(-0.5, ((one, -0.5),)))

    tokens = [t for d in read(make_request(), outputs).deltas for t in d.tokens]

    assert [(t.text, t.is_reasoning) for t in tokens] == [
        ("1", True),
        ("</think>", True),
        ("2", False),
    ]
    assert (tokens[0].logprob, tokens[0].top) == (-0.5, (TopToken("1", one, -0.5, b"1"),))


def test_output_that_is_not_finite_fails_the_generation() -> None:
    reader = OutputReader(TOKENIZER, make_request())

    with pytest.raises(GenerationFailed, match="not finite"):
        reader.read([TokenOutput(0, None, FinishReason.NUMERIC_ERROR)])
