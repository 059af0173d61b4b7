"""Completions: what a body asks for, and the choices of its answer."""

import orjson
import pytest

from predictor.config import Limits
from predictor.engine.sequence import FinishReason
from predictor.generation import Completion, Delta, Message, TokenInfo, TopToken, Usage
from predictor.protocol.openai.completions import TextChoice, decode_completion

USAGE = Usage(prompt_tokens=4, reasoning_tokens=0, completion_tokens=3)
TOKENS = (
    TokenInfo(
        4,
        "12",
        False,
        False,
        b"12",
        -0.5,
        (TopToken("12", 4, -0.5, b"12"), TopToken("13", 8, -1.5, b"13")),
    ),
    TokenInfo(
        5,
        "\n",
        False,
        False,
        b"\n",
        -2.5,
        (
            TopToken("3", 7, -0.25, b"3"),
            TopToken("\ufffd", 9, -1.0, b"\xc3"),
            TopToken("\ufffd", 10, -4.0, b"\xc3"),
        ),
    ),
    TokenInfo(2, "<eos>", True, False, b"", -0.125),
)


def decoded(**members):
    body = {"model": "r1", "prompt": "2+2=", **members}
    return decode_completion(orjson.dumps(body), Limits())


def test_a_prompt_is_sent_as_it_is_for_at_most_16_tokens():
    asked = decoded()
    (request,) = asked.prompts
    assert request.messages == (Message("user", "2+2="),)
    assert request.options.model_dump(exclude_unset=True) == {"raw": True, "max_tokens": 16}
    assert (asked.model, asked.n, asked.is_stream, asked.has_logprobs) == ("r1", 1, False, False)


def test_each_prompt_of_a_list_is_a_request_with_the_same_options():
    asked = decoded(prompt=["a", "b"], n=2, max_tokens=5, seed=-1, stop="x")
    assert [request.messages[0].content for request in asked.prompts] == ["a", "b"]
    assert asked.n == 2
    for request in asked.prompts:
        options = request.options
        assert (options.max_tokens, options.seed, options.stop) == (5, 2**63 - 1, ("x",))


@pytest.mark.parametrize("members", [{"echo": False}, {"logit_bias": {}}, {"user": "u"}])
def test_what_asks_for_nothing_is_let_through(members):
    assert decoded(**members) == decoded()


@pytest.mark.parametrize("logprobs", [0, 5])
def test_logprobs_are_a_number_of_alternatives(logprobs):
    asked = decoded(logprobs=logprobs)
    assert asked.has_logprobs
    assert asked.prompts[0].options.logprobs == logprobs


def test_a_whole_choice_is_a_text():
    completion = Completion("12\n", "", TOKENS, FinishReason.LENGTH, USAGE)
    assert TextChoice(3, has_logprobs=False).whole(completion) == {
        "index": 3,
        "text": "12\n",
        "logprobs": None,
        "finish_reason": "length",
    }


def test_log_probabilities_stand_in_columns_and_the_generated_token_among_the_likeliest():
    completion = Completion("12\n", "", TOKENS, FinishReason.EOS_TOKEN, USAGE)
    assert TextChoice(0, has_logprobs=True).whole(completion)["logprobs"] == {
        "tokens": ["12", "\n"],
        "token_logprobs": [-0.5, -2.5],
        "top_logprobs": [
            {"12": -0.5, "13": -1.5},
            {"3": -0.25, "\ufffd": -1.0, "\n": -2.5},
        ],
        "text_offset": [0, 2],
    }


def test_offsets_go_on_from_chunk_to_chunk():
    choice = TextChoice(1, has_logprobs=True)
    chunks = [
        choice.chunk(Delta("12", tokens=TOKENS[:1])),
        choice.chunk(Delta("\n", "", TOKENS[1:], FinishReason.STOP_STRING, USAGE)),
    ]
    assert [chunk["logprobs"]["text_offset"] for chunk in chunks] == [[0], [2]]
    assert [chunk["text"] for chunk in chunks] == ["12", "\n"]
    assert [chunk["finish_reason"] for chunk in chunks] == [None, "stop"]


def test_offsets_count_characters_though_tokens_are_parts_of_them():
    pieces = [("\ufffd", b"\xc3"), ("\ufffd", b"\xa9"), ("12", b"12"), ("3", b"3")]
    tokens = tuple(TokenInfo(5, text, False, False, data, -1.0) for text, data in pieces)
    chunk = TextChoice(0, has_logprobs=True).chunk(Delta(answer="é123", tokens=tokens))
    assert chunk["logprobs"]["text_offset"] == [0, 0, 1, 3]
