"""Chats, asked by OpenAI's own client; raw HTTP only where that client hides something."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

QUESTION = "what is 128 + 367?"
ASK = {"model": "r1", "messages": [{"role": "user", "content": QUESTION}]}
# Hot, so that samples differ.
WANDER: dict[str, Any] = {
    "model": "r1",
    "messages": [{"role": "user", "content": "hello"}],
    "temperature": 2,
    "top_p": 1,
    "max_tokens": 30,
}


@pytest.fixture
def client(predictor: Any) -> Iterator[openai.OpenAI]:
    url = f"{predictor.url}/openai/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60) as client:
        yield client


def reasoning_of(message: Any) -> str:
    return str((message.model_extra or {}).get("reasoning_content", ""))


def streamed(client: openai.OpenAI, **members: Any) -> list[Any]:
    with client.chat.completions.create(**members, stream=True) as stream:
        return list(stream)


def joined(chunks: list[Any], index: int = 0) -> tuple[str, str]:
    """Return the reasoning and the content of one choice."""
    deltas = [c.delta for chunk in chunks for c in chunk.choices if c.index == index]
    return (
        "".join(reasoning_of(delta) for delta in deltas),
        "".join(delta.content or "" for delta in deltas),
    )


def test_the_model_is_listed_and_described(client: openai.OpenAI) -> None:
    (listed,) = client.models.list().data
    assert (listed.id, listed.object, listed.owned_by) == ("r1", "model", "kserve-r1")
    assert client.models.retrieve("r1") == listed
    assert abs(listed.created - time.time()) < 3600


def test_another_model_is_not_found(client: openai.OpenAI) -> None:
    calls: list[Callable[[], object]] = [
        lambda: client.models.retrieve("gpt-4"),
        lambda: client.chat.completions.create(**{**ASK, "model": "gpt-4"}),
        lambda: client.completions.create(model="gpt-4", prompt="2+2="),
    ]
    for call in calls:
        with pytest.raises(openai.NotFoundError, match="'gpt-4' is not served here") as caught:
            call()
        assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_a_chat_is_answered_with_its_reasoning_beside_the_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**ASK, temperature=0)

    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason, choice.index) == ("495", "stop", 0)
    assert reasoning_of(choice.message).endswith("So 495")
    assert choice.logprobs is None
    assert (answer.object, answer.model) == ("chat.completion", "r1")
    assert answer.id.startswith("chatcmpl-")
    assert abs(answer.created - time.time()) < 60
    usage = answer.usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    reasoning_tokens = usage.completion_tokens_details.reasoning_tokens
    assert reasoning_tokens is not None
    assert 10 < reasoning_tokens < usage.completion_tokens
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_a_stream_joins_to_the_whole_answer(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**ASK, temperature=0).choices[0].message
    chunks = streamed(client, **ASK, temperature=0)

    assert joined(chunks) == (reasoning_of(whole), "495")
    assert len(chunks) > 5
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    roles = [chunk.choices[0].delta.role for chunk in chunks]
    assert roles == ["assistant"] + [None] * (len(chunks) - 1)
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["stop"]
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_the_last_chunk_has_the_usage_where_asked_for(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**ASK, temperature=0, n=2)
    asked = {"stream_options": {"include_usage": True}, "temperature": 0, "n": 2}
    *chunks, last = streamed(client, **ASK, **asked)

    assert last.choices == []
    assert last.usage == whole.usage
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_choices_differ_and_follow_from_the_seed(client: openai.OpenAI) -> None:
    choices = client.chat.completions.create(**WANDER, n=3, seed=-5).choices
    again = client.chat.completions.create(**WANDER, n=3, seed=-5).choices
    second = client.chat.completions.create(**WANDER, seed=-4).choices[0].message

    assert [choice.index for choice in choices] == [0, 1, 2]
    assert len({choice.model_dump_json(exclude={"index"}) for choice in choices}) == 3
    assert choices == again
    assert choices[1].message == second


def test_choices_without_a_seed_differ(client: openai.OpenAI) -> None:
    long = {**WANDER, "max_tokens": 200, "extra_body": {"ignore_eos": True}}
    choices = client.chat.completions.create(**long, n=2).choices
    assert choices[0].message != choices[1].message


def test_a_stream_of_choices_joins_to_each_of_them(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**WANDER, n=3, seed=5)
    chunks = streamed(client, **WANDER, n=3, seed=5)

    for choice in whole.choices:
        expected = (reasoning_of(choice.message), choice.message.content)
        assert joined(chunks, choice.index) == expected
    order = [chunk.choices[0].index for chunk in chunks]
    assert order != sorted(order)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"max_tokens": 3}, "length"),
        ({"max_completion_tokens": 3}, "length"),
        ({"stop": "carry"}, "stop"),
        ({"stop": ["carry", "never"]}, "stop"),
        ({"extra_body": {"stop_token_ids": list(range(15, 30))}}, "stop"),
        ({"extra_body": {"ignore_eos": True, "min_tokens": 70}, "max_tokens": 70}, "length"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_an_answer_ends_where_it_is_told_to(
    client: openai.OpenAI, members: dict[str, Any], reason: str
) -> None:
    (choice,) = client.chat.completions.create(**ASK, **members, temperature=0).choices

    assert choice.finish_reason == reason
    assert "carry" not in reasoning_of(choice.message) or "max_tokens" in members
    assert choice.message.content != "495"


@pytest.mark.parametrize(
    "extra",
    [{"enable_thinking": False}, {"chat_template_kwargs": {"enable_thinking": False}}],
    ids=["own", "vllm"],
)
def test_without_thinking_there_is_no_reasoning(client: openai.OpenAI, extra: Any) -> None:
    messages = [{"role": "user", "content": "3*4="}]
    (choice,) = client.chat.completions.create(
        model="r1", messages=messages, temperature=0, extra_body=extra
    ).choices

    assert choice.message.content == "12"
    assert "reasoning_content" not in (choice.message.model_extra or {})


def test_a_thinking_budget_bounds_the_reasoning(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        **ASK, temperature=0, extra_body={"max_thinking_tokens": 5}
    )
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 5


def test_what_was_answered_can_be_sent_back(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(**ASK, temperature=0).choices[0].message
    turns = [
        {"role": "developer", "content": "You calculate."},
        *ASK["messages"],
        first.model_dump(),
        {"role": "user", "content": [{"type": "text", "text": "3*4="}]},
    ]
    second = client.chat.completions.create(model="r1", messages=turns, temperature=0)
    turns[2] = {"role": "assistant", "content": "495"}
    plain = client.chat.completions.create(model="r1", messages=turns, temperature=0)

    assert "reasoning_content" in first.model_dump()
    assert second.choices == plain.choices
    assert second.usage == plain.usage


def test_penalties_and_samplers_reach_the_engine(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(**WANDER, seed=5).choices
    samplers = [
        {"presence_penalty": 2},
        {"frequency_penalty": 2},
        {"top_p": 0.1},
        *({"extra_body": {name: 5}} for name in ("top_k", "repetition_penalty")),
        {"extra_body": {"min_p": 1}},
    ]
    for sampler in samplers:
        changed = client.chat.completions.create(**{**WANDER, "seed": 5, **sampler}).choices
        assert changed != plain, sampler


def test_log_probabilities_of_a_stream_are_those_of_the_whole(client: openai.OpenAI) -> None:
    asked = {**ASK, "temperature": 0, "logprobs": True, "top_logprobs": 2}
    whole = client.chat.completions.create(**asked).choices[0].logprobs
    parts = [chunk.choices[0].logprobs for chunk in streamed(client, **asked)]

    assert whole is not None
    assert whole.content is not None
    assert "".join(token.token for token in whole.content).strip() == "495"
    for token in whole.content:
        assert token.bytes == list(token.token.encode())
        assert len(token.top_logprobs) == 2
        assert token.top_logprobs[0].logprob >= token.logprob
    reasoning = whole.model_extra["reasoning_content"]
    assert reasoning[-1]["token"] == "</think>"
    assert [token for part in parts for token in part.content] == whole.content
    extras = [part.model_extra.get("reasoning_content", []) for part in parts]
    assert [token for tokens in extras for token in tokens] == reasoning


@pytest.mark.parametrize(
    ("members", "words", "param"),
    [
        ({"temperature": 5}, "temperature is 5, must be 0 or a number", "temperature"),
        ({"max_tokens": 5000}, "max_tokens is 5000, must be at most", "max_tokens"),
        (
            {"max_completion_tokens": 5000},
            "max_completion_tokens is 5000, must be at most",
            "max_completion_tokens",
        ),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "is not supported", "tools"),
        (
            {"response_format": {"type": "json_object"}},
            "json_object is not supported",
            "response_format",
        ),
        ({"extra_body": {"guided_json": {}}}, "unknown member 'guided_json'", None),
        ({"stream": True, "n": 99}, "n is 99, must be an integer from 1 to 16", "n"),
    ],
    ids=["high", "context", "newer-name", "tools", "json", "unknown", "stream"],
)
def test_a_bad_chat_is_an_error_object(
    client: openai.OpenAI, members: dict[str, Any], words: str, param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        client.chat.completions.create(**{**ASK, **members})

    assert caught.value.type == "invalid_request_error"
    assert (caught.value.param, caught.value.code) == (param, None)


def test_a_body_that_is_not_json_is_an_error_object(predictor: Any) -> None:
    for path in ("chat/completions", "completions"):
        response = httpx.post(f"{predictor.url}/openai/v1/{path}", content=b"{")
        assert response.status_code == 400
        assert response.json()["error"]["type"] == "invalid_request_error"
        assert "the body is not JSON" in response.json()["error"]["message"]


def test_every_chunk_waits_for_the_usage_and_the_stream_ends_with_done(predictor: Any) -> None:
    body = {**ASK, "stream": True, "stream_options": {"include_usage": True}, "temperature": 0}
    response = httpx.post(f"{predictor.url}/openai/v1/chat/completions", json=body, timeout=60)

    *events, usage, done, rest = response.text.split("\n\n")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert all('"usage":null' in event for event in events)
    assert '"choices":[]' in usage
    assert (done, rest) == ("data: [DONE]", "")
