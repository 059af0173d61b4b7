"""Chats: what a body asks for, and the choices of its answer."""

import orjson
import pytest

from predictor.config import Limits
from predictor.engine.sequence import FinishReason
from predictor.generation import (
    Completion,
    Delta,
    GenerationOptions,
    Message,
    TokenInfo,
    TopToken,
    Usage,
)
from predictor.protocol.openai.chat import ChatChoice, decode_chat

USER = {"role": "user", "content": "hi"}
USAGE = Usage(prompt_tokens=10, reasoning_tokens=3, completion_tokens=6)
TOKENS = (
    TokenInfo(4, "so", False, True, b"so", -0.5, (TopToken("so", 4, -0.5, b"so"),)),
    TokenInfo(9, "</think>", False, True, b"</think>", -0.75),
    TokenInfo(
        5,
        "4",
        False,
        False,
        b"4",
        -0.25,
        (TopToken("4", 5, -0.25, b"4"), TopToken("é", 7, -2.5, "é".encode())),
    ),
    TokenInfo(6, "\ufffd", False, False, b"\xc3", -1.5),
    TokenInfo(2, "<eos>", True, False, b"", -0.125),
)


def decoded(**members):
    body = {"model": "r1", "messages": [USER], **members}
    return decode_chat(orjson.dumps(body), Limits())


def options_of(**members):
    return decoded(**members).prompts[0].options


def test_a_chat_with_nothing_else_has_one_choice_and_no_option():
    asked = decoded()
    assert asked.prompts[0].messages == (Message("user", "hi"),)
    assert asked.prompts[0].options == GenerationOptions()
    assert (asked.model, asked.n, asked.is_stream, asked.has_usage_chunk) == ("r1", 1, False, False)
    assert not asked.has_logprobs


def test_null_stands_for_not_given():
    names = ("temperature", "stop", "seed", "n", "stream", "stream_options", "tools", "user")
    assert decoded(**dict.fromkeys(names)) == decoded()


@pytest.mark.parametrize(
    "members",
    [
        {"user": "u", "metadata": {"a": "b"}, "store": True},
        {"safety_identifier": "u", "prompt_cache_key": "k"},
        {"response_format": {"type": "text"}},
        {"logit_bias": {}, "modalities": ["text"]},
        {"chat_template_kwargs": {}},
        {"stream": False},
    ],
    ids=lambda members: next(iter(members)),
)
def test_what_has_no_effect_on_the_output_has_none(members):
    assert decoded(**members) == decoded()


@pytest.mark.parametrize(
    ("members", "name", "value"),
    [
        ({"temperature": 0}, "temperature", 0),
        ({"top_k": 5}, "top_k", 5),
        ({"min_p": 0.5}, "min_p", 0.5),
        ({"ignore_eos": True}, "ignore_eos", True),
        ({"min_tokens": 3}, "min_tokens", 3),
        ({"max_thinking_tokens": 3}, "max_thinking_tokens", 3),
        ({"stop": "END"}, "stop", ("END",)),
        ({"stop": '["END"]'}, "stop", ('["END"]',)),
        ({"stop": ["a", "b"]}, "stop", ("a", "b")),
        ({"stop_token_ids": [1, 2]}, "stop_token_ids", (1, 2)),
        ({"seed": 7}, "seed", 7),
        ({"seed": -1}, "seed", 2**63 - 1),
        ({"seed": -(2**63)}, "seed", 0),
        ({"max_tokens": 5}, "max_tokens", 5),
        ({"max_completion_tokens": 5}, "max_tokens", 5),
        ({"max_completion_tokens": 5, "max_tokens": 5}, "max_tokens", 5),
        ({"logprobs": True}, "logprobs", 0),
        ({"logprobs": True, "top_logprobs": 20}, "logprobs", 20),
        ({"logprobs": False}, "logprobs", None),
        ({"enable_thinking": False}, "enable_thinking", False),
        ({"chat_template_kwargs": {"enable_thinking": False}}, "enable_thinking", False),
    ],
)
def test_a_member_becomes_its_option(members, name, value):
    assert options_of(**members).model_dump(exclude_unset=True).get(name) == value


def test_logprobs_are_written_only_where_asked_for():
    assert decoded(logprobs=True).has_logprobs
    assert not decoded(logprobs=False).has_logprobs


def test_a_stream_may_ask_for_its_usage():
    asked = decoded(stream=True, stream_options={"include_usage": True}, n=3)
    assert (asked.is_stream, asked.has_usage_chunk, asked.n) == (True, True, 3)
    assert not decoded(stream=True, stream_options={"include_usage": None}).has_usage_chunk


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        ({"role": "system", "content": "a"}, Message("system", "a")),
        ({"role": "developer", "content": "a"}, Message("system", "a")),
        (
            {"role": "user", "content": [{"type": "text", "text": "a"}] * 2},
            Message("user", "a\na"),
        ),
        ({"role": "assistant", "content": ""}, Message("assistant", "")),
        (
            {"role": "assistant", "content": "4", "reasoning_content": "so"},
            Message("assistant", "4"),
        ),
        (
            {"role": "assistant", "content": "4", "refusal": None, "annotations": []},
            Message("assistant", "4"),
        ),
    ],
    ids=["system", "developer", "parts", "empty-answer", "reasoning", "sent-back"],
)
def test_a_turn_becomes_a_message(turn, message):
    (request,) = decoded(messages=[turn, USER]).prompts
    assert request.messages == (message, Message("user", "hi"))


def test_a_whole_choice_has_the_reasoning_beside_the_content():
    completion = Completion("4", "so", TOKENS, FinishReason.EOS_TOKEN, USAGE)
    assert ChatChoice(2, has_logprobs=False).whole(completion) == {
        "index": 2,
        "message": {
            "role": "assistant",
            "content": "4",
            "refusal": None,
            "reasoning_content": "so",
        },
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_a_choice_without_reasoning_has_no_member_for_it():
    completion = Completion("4", "", (), FinishReason.LENGTH, USAGE)
    choice = ChatChoice(0, has_logprobs=False).whole(completion)
    assert choice["message"] == {"role": "assistant", "content": "4", "refusal": None}
    assert choice["finish_reason"] == "length"


def test_chunks_add_up_and_only_the_first_has_the_role():
    choice = ChatChoice(1, has_logprobs=False)
    deltas = [
        Delta(reasoning="s"),
        Delta(reasoning="o", answer="4"),
        Delta(finish_reason=FinishReason.EOS_TOKEN, usage=USAGE),
    ]
    chunks = [choice.chunk(delta) for delta in deltas]
    assert [chunk["delta"] for chunk in chunks] == [
        {"role": "assistant", "reasoning_content": "s"},
        {"reasoning_content": "o", "content": "4"},
        {},
    ]
    assert [chunk["finish_reason"] for chunk in chunks] == [None, None, "stop"]
    assert {chunk["index"] for chunk in chunks} == {1}


def test_log_probabilities_of_reasoning_and_answer_stand_apart():
    delta = Delta("4", "so", TOKENS)
    assert ChatChoice(0, has_logprobs=True).chunk(delta)["logprobs"] == {
        "content": [
            {
                "token": "4",
                "bytes": [52],
                "logprob": -0.25,
                "top_logprobs": [
                    {"token": "4", "bytes": [52], "logprob": -0.25},
                    {"token": "é", "bytes": [195, 169], "logprob": -2.5},
                ],
            },
            {"token": "\ufffd", "bytes": [195], "logprob": -1.5, "top_logprobs": []},
        ],
        "refusal": None,
        "reasoning_content": [
            {
                "token": "so",
                "bytes": [115, 111],
                "logprob": -0.5,
                "top_logprobs": [{"token": "so", "bytes": [115, 111], "logprob": -0.5}],
            },
            {
                "token": "</think>",
                "bytes": list(b"</think>"),
                "logprob": -0.75,
                "top_logprobs": [],
            },
        ],
    }


def test_a_choice_that_failed_is_never_encoded():
    failed = Completion("", "", (), FinishReason.NUMERIC_ERROR, USAGE)
    with pytest.raises(AssertionError):
        ChatChoice(0, has_logprobs=False).whole(failed)
