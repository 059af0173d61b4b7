"""V2's generate extension: what is sent, and what its bodies and events say."""

from typing import Any

import orjson
import pytest

from loadtest.config import RunConfig
from loadtest.errors import AnswerError
from loadtest.prompts.prompt import Message, Option, Prompt
from loadtest.record import FinishReason
from loadtest.wire.generate import GenerateStreamWire, GenerateWire
from loadtest.wire.part import Part, Usage

UNARY = GenerateWire(RunConfig(target="http://h", protocol="v2-generate"))
STREAM = GenerateStreamWire(RunConfig(target="http://h", protocol="v2-stream"))
USER = Message("user", "1+1=")


@pytest.mark.parametrize(
    ("wire", "options", "parameters"),
    [
        pytest.param(STREAM, {"stop": ["a"]}, {"stop": ["a"]}, id="stream"),
        pytest.param(UNARY, {"seed": 1}, {"details": True, "seed": 1}, id="unary-asks-for-details"),
        pytest.param(UNARY, {"details": False}, {"details": False}, id="unless-told-otherwise"),
    ],
)
def test_one_message_is_text_input(
    wire: GenerateWire | GenerateStreamWire,
    options: dict[str, Option],
    parameters: dict[str, Any],
) -> None:
    body = orjson.loads(wire.encode(Prompt((USER,), options), "id"))
    assert body == {"text_input": "1+1=", "parameters": parameters}


def test_no_options_are_no_parameters() -> None:
    assert orjson.loads(STREAM.encode(Prompt((USER,)), "id")) == {"text_input": "1+1="}


def test_a_chat_is_messages() -> None:
    prompt = Prompt((USER, Message("assistant", "2"), Message("user", "2+2=")))
    assert orjson.loads(STREAM.encode(prompt, "id")) == {
        "messages": [
            {"role": "user", "content": "1+1="},
            {"role": "assistant", "content": "2"},
            {"role": "user", "content": "2+2="},
        ]
    }


ENDING = {
    "finish_reason": "eos_token",
    "usage": {"prompt_tokens": 4, "completion_tokens": 9, "reasoning_tokens": 7},
}


@pytest.mark.parametrize(
    ("event", "part"),
    [
        pytest.param({"text_output": "2", "reasoning_output": ""}, Part("2"), id="within-a-stream"),
        pytest.param(
            {"text_output": "", "reasoning_output": "a"}, Part("", "a"), id="within-the-reasoning"
        ),
        pytest.param(
            {"text_output": "2", "reasoning_output": "", "details": ENDING},
            Part("2", "", FinishReason.STOP, Usage(4, 9, 7), is_last=True),
            id="the-last",
        ),
        pytest.param(
            {"text_output": "2", "details": {"token": {"id": 1}}},
            Part("2"),
            id="details-without-an-ending",
        ),
        pytest.param(
            {"text_output": "2", "details": {"finish_reason": "abort"}},
            Part("2", finish_reason=FinishReason.UNKNOWN, is_last=True),
            id="an-unknown-reason-ends-too",
        ),
        pytest.param({"text_output": "2"}, Part("2", is_last=True), id="tritons-may-be-the-last"),
        pytest.param({"error": "no"}, Part(error="no"), id="error"),
    ],
)
def test_an_event_says(event: dict[str, Any], part: Part) -> None:
    assert STREAM.decode(orjson.dumps(event)) == part


@pytest.mark.parametrize(
    ("body", "part"),
    [
        pytest.param(
            {"text_output": "2", "reasoning_output": "a", "details": ENDING},
            Part("2", "a", FinishReason.STOP, Usage(4, 9, 7), is_last=True),
            id="with-details",
        ),
        pytest.param(
            {"text_output": "2", "reasoning_output": "a"},
            Part("2", "a", is_last=True),
            id="without",
        ),
    ],
)
def test_a_body_is_whole(body: dict[str, Any], part: Part) -> None:
    assert UNARY.decode(orjson.dumps(body)) == part


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(b"[DONE]", "not JSON", id="not-of-this-protocol"),
        pytest.param(b"{}", "text_output is null, must be a string", id="no-text"),
        pytest.param(b'{"text_output": ["2"]}', "text_output is a list", id="list"),
        pytest.param(
            b'{"text_output": "", "details": 5}', "details is a number, must be", id="details"
        ),
        pytest.param(
            b'{"text_output": "", "details": {"finish_reason": 1}}', "finish_reason", id="reason"
        ),
        pytest.param(
            b'{"text_output": "", "details": {"usage": {"prompt_tokens": 4294967296}}}',
            "prompt_tokens is not a number of tokens",
            id="count",
        ),
    ],
)
def test_another_shape_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        STREAM.decode(payload)
