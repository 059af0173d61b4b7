"""Completions, asked by OpenAI's own client."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

QUESTION = "what is 128 + 367?"
# What the chat template makes of it.
RENDERED = f"<｜begin▁of▁sentence｜><｜User｜>{QUESTION}<｜Assistant｜><think>\n"


@pytest.fixture
def client(predictor: Any) -> Iterator[openai.OpenAI]:
    url = f"{predictor.url}/openai/v1"
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60) as client:
        yield client


def test_a_completion_goes_on_from_its_prompt(client: openai.OpenAI) -> None:
    turns: Any = [{"role": "user", "content": QUESTION}]
    chat = client.chat.completions.create(model="r1", messages=turns, temperature=0)
    answer = client.completions.create(model="r1", prompt=RENDERED, temperature=0, max_tokens=100)

    (choice,) = answer.choices
    reasoning = (chat.choices[0].message.model_extra or {})["reasoning_content"]
    assert choice.text == f"{reasoning}\n</think>\n\n495"
    assert (choice.finish_reason, choice.index, choice.logprobs) == ("stop", 0, None)
    assert (answer.object, answer.model) == ("text_completion", "r1")
    assert answer.id.startswith("cmpl-")
    assert answer.usage is not None
    assert chat.usage is not None
    assert answer.usage.total_tokens == chat.usage.total_tokens
    assert answer.usage.completion_tokens_details is None


def test_a_completion_ends_after_16_tokens_unless_told_otherwise(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="r1", prompt="hello", extra_body={"ignore_eos": True})
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 16
    assert answer.choices[0].finish_reason == "length"


def test_each_prompt_of_a_list_has_its_choices_in_order(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "r1", "n": 2, "seed": 3, "temperature": 2}
    alone = [client.completions.create(prompt=prompt, **asked) for prompt in ("hello", "bye")]
    answer = client.completions.create(prompt=["hello", "bye"], **asked)
    with client.completions.create(prompt=["hello", "bye"], stream=True, **asked) as stream:
        choices = [choice for chunk in stream for choice in chunk.choices]

    texts = [choice.text for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert texts == [choice.text for single in alone for choice in single.choices]
    joined_texts = ["".join(c.text for c in choices if c.index == i) for i in range(4)]
    assert joined_texts == texts
    usages = [single.usage for single in alone if single.usage is not None]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == sum(usage.prompt_tokens for usage in usages)
    assert answer.usage.completion_tokens == sum(usage.completion_tokens for usage in usages)


def test_a_completion_s_log_probabilities_stand_in_columns(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "r1", "prompt": RENDERED, "logprobs": 3, "temperature": 0}
    (choice,) = client.completions.create(**asked).choices
    with client.completions.create(**asked, stream=True) as stream:
        parts = [chunk.choices[0].logprobs for chunk in stream]

    columns = choice.logprobs
    assert columns is not None
    assert columns.tokens is not None
    assert columns.top_logprobs is not None
    assert columns.token_logprobs is not None
    assert columns.text_offset is not None
    assert "".join(columns.tokens) == choice.text
    for token, logprob, top, offset in zip(
        columns.tokens,
        columns.token_logprobs,
        columns.top_logprobs,
        columns.text_offset,
        strict=True,
    ):
        assert choice.text[offset:].startswith(token)
        assert top[token] == logprob == max(top.values())
        assert len(top) == 3
    for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
        joined_column = [entry for part in parts if part for entry in getattr(part, name)]
        assert joined_column == getattr(columns, name)


def test_a_prompt_of_a_list_that_is_too_long_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"^.*prompt\[1\]: the prompt is") as caught:
        client.completions.create(model="r1", prompt=["2+2=", "12 + " * 3000])
    assert caught.value.param == "prompt"
