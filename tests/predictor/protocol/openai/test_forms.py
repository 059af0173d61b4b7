"""Answers: whole, and as the events of a stream."""

import orjson
import pytest

from predictor.engine.sequence import FinishReason
from predictor.generation import (
    Completion,
    Delta,
    GenerationOptions,
    GenerationRequest,
    Message,
    TokenInfo,
    Usage,
)
from predictor.protocol.openai.answers import Head
from predictor.protocol.openai.body import Generations
from predictor.protocol.openai.forms import CHAT, COMPLETIONS, Answer

HEAD = Head(id="chatcmpl-1", model="r1", created_s=7)
LAST = Delta("4", "", (), FinishReason.EOS_TOKEN, Usage(10, 3, 6))
TOKEN = TokenInfo(5, "4", False, False, b"4", -0.25)


def answer(form=CHAT, *, n=1, has_usage_chunk=False, logprobs=None):
    options = GenerationOptions(logprobs=logprobs)
    asked = Generations(
        model="r1",
        prompts=(GenerationRequest((Message("user", "hi"),), options),),
        n=n,
        is_stream=True,
        has_usage_chunk=has_usage_chunk,
    )
    return Answer(form, HEAD, asked, 10)


def parsed(event):
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    return orjson.loads(event.removeprefix(b"data: "))


@pytest.mark.parametrize(
    ("form", "object_type", "details"),
    [
        (CHAT, "chat.completion", {"completion_tokens_details": {"reasoning_tokens": 7}}),
        (COMPLETIONS, "text_completion", {}),
    ],
    ids=["chat", "completion"],
)
def test_a_whole_answer_counts_its_prompt_once_and_every_choice(form, object_type, details):
    usages = [Usage(10, 3, 6), Usage(10, 4, 9)]
    generated = [Completion("4", "", (), FinishReason.EOS_TOKEN, usage) for usage in usages]
    encoded = answer(form, n=2).encode(generated)
    assert [choice["index"] for choice in encoded.pop("choices")] == [0, 1]
    assert encoded == {
        "id": "chatcmpl-1",
        "object": object_type,
        "created": 7,
        "model": "r1",
        "usage": {"prompt_tokens": 10, "completion_tokens": 15, "total_tokens": 25, **details},
    }


def test_a_stream_s_events_have_the_answer_s_head_and_one_choice():
    event = parsed(answer(n=2).encode_delta(1, Delta("4")))
    (choice,) = event.pop("choices")
    assert choice["index"] == 1
    assert event == {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "r1",
    }


def test_a_stream_without_usage_ends_with_done_alone():
    sent = answer()
    sent.encode_delta(0, LAST)
    assert sent.encode_end() == b"data: [DONE]\n\n"


def test_a_stream_with_usage_has_null_until_the_chunk_without_choices():
    sent = answer(has_usage_chunk=True, n=2)
    first = parsed(sent.encode_delta(0, LAST))
    sent.encode_delta(1, LAST)
    usage, done, rest = sent.encode_end().split(b"\n\n")
    assert first["usage"] is None
    last = parsed(usage + b"\n\n")
    assert last["choices"] == []
    assert last["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 12,
        "total_tokens": 22,
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    assert (done, rest) == (b"data: [DONE]", b"")


def test_a_delta_without_text_is_an_event_only_for_its_log_probabilities():
    silent = Delta(tokens=(TOKEN,))
    assert answer().encode_delta(0, silent) is None
    event = answer(logprobs=0).encode_delta(0, silent)
    assert event is not None
    (choice,) = parsed(event)["choices"]
    assert [entry["token"] for entry in choice["logprobs"]["content"]] == ["4"]
