"""OpenAI's protocols: what is sent, and what their bodies and chunks say."""

from typing import Any

import orjson
import pytest

from loadtest.config import RunConfig
from loadtest.errors import AnswerError, UsageError
from loadtest.prompts.prompt import Message, Option, Prompt
from loadtest.record import FinishReason
from loadtest.wire.openai import ChatWire, CompletionsWire
from loadtest.wire.part import Part, Usage

USER = Message("user", "1+1=")


def config(protocol: str, **settings: Any) -> RunConfig:
    return RunConfig(target="http://h", protocol=protocol, model="m/x", **settings)


CHAT = ChatWire(config("openai-chat"))
CHAT_STREAM = ChatWire(config("openai-chat-stream"))
TEXT = CompletionsWire(config("openai-completions"))
TEXT_STREAM = CompletionsWire(config("openai-completions-stream"))
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}


@pytest.mark.parametrize(
    ("wire", "more"), [(CHAT, {}), (CHAT_STREAM, STREAMED)], ids=["unary", "stream"]
)
def test_a_chat_names_the_model_and_asks_a_stream_for_its_usage(
    wire: ChatWire, more: dict[str, Any]
) -> None:
    body = orjson.loads(wire.encode(Prompt((USER,), {"max_tokens": 5}), "id"))
    messages = [{"role": "user", "content": "1+1="}]
    assert body == {"model": "m/x", "messages": messages, "max_tokens": 5} | more


@pytest.mark.parametrize(
    ("wire", "more"), [(TEXT, {}), (TEXT_STREAM, STREAMED)], ids=["unary", "stream"]
)
def test_a_completion_is_of_one_text(wire: CompletionsWire, more: dict[str, Any]) -> None:
    body = orjson.loads(wire.encode(Prompt((USER,), {"raw": True, "logprobs": 2}), "id"))
    assert body == {"model": "m/x", "prompt": "1+1=", "logprobs": 2} | more


@pytest.mark.parametrize(
    ("options", "members"),
    [
        pytest.param(
            {"top_k": 4, "stop": ["a"]}, {"top_k": 4, "stop": ["a"]}, id="same-or-unknown-name"
        ),
        pytest.param({"logprobs": 2}, {"logprobs": True, "top_logprobs": 2}, id="logprobs"),
        pytest.param(
            {"enable_thinking": False},
            {"chat_template_kwargs": {"enable_thinking": False}},
            id="enable_thinking",
        ),
        pytest.param({"raw": False}, {}, id="a-chat-is-not-raw"),
    ],
)
def test_a_chat_spells_options_its_own_way(
    options: dict[str, Option], members: dict[str, Any]
) -> None:
    body = orjson.loads(CHAT.encode(Prompt((USER,), options), "id"))
    assert {name: body[name] for name in body if name not in ("model", "messages")} == members


@pytest.mark.parametrize(
    ("wire", "option", "message"),
    [
        pytest.param(CHAT, {"raw": True}, "option raw is true, must be false", id="raw-chat"),
        pytest.param(TEXT, {"raw": False}, "option raw is false, must be true", id="cooked-text"),
        pytest.param(CHAT, {"stream": True}, "option stream is given", id="stream"),
        pytest.param(TEXT, {"n": 2}, "option n is given", id="n"),
    ],
)
def test_an_option_that_the_protocol_cannot_follow_is_refused(
    wire: ChatWire | CompletionsWire, option: dict[str, Option], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        wire.encode(Prompt((USER,), option), "id")


def test_a_completion_of_a_chat_is_refused() -> None:
    prompt = Prompt((Message("system", "Be brief."), USER))
    with pytest.raises(UsageError, match="a chat of 2 messages, must be one of the user's"):
        TEXT.encode(prompt, "id")


def test_completions_of_several_turns_are_refused_before_the_run() -> None:
    with pytest.raises(UsageError, match="turns is 3, must be 1 with openai-completions"):
        CompletionsWire(config("openai-completions", turns=3))


@pytest.mark.parametrize(
    ("settings", "path"),
    [({}, "/openai/v1/chat/completions"), ({"path_prefix": "/"}, "/v1/chat/completions")],
    ids=["kserves-prefix", "none"],
)
def test_the_path_has_kserves_prefix_unless_told_otherwise(
    settings: dict[str, Any], path: str
) -> None:
    assert ChatWire(config("openai-chat", **settings)).path == path


USAGE = {
    "prompt_tokens": 4,
    "completion_tokens": 9,
    "total_tokens": 13,
    "completion_tokens_details": {"reasoning_tokens": 7},
}


def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return orjson.dumps({"choices": [choice], "usage": None})


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        pytest.param(chunk({"role": "assistant", "content": ""}), Part(), id="role"),
        pytest.param(chunk({"reasoning_content": "a"}), Part("", "a"), id="reasoning"),
        pytest.param(chunk({"reasoning": "a"}), Part("", "a"), id="vllms-reasoning"),
        pytest.param(chunk({"content": "2"}), Part("2"), id="content"),
        pytest.param(
            chunk({"content": None}, "stop"), Part(finish_reason=FinishReason.STOP), id="reason"
        ),
        pytest.param(
            orjson.dumps({"choices": [], "usage": USAGE}), Part(usage=Usage(4, 9, 7)), id="usage"
        ),
        pytest.param(b"[DONE]", Part(is_last=True), id="done"),
        pytest.param(b'{"error": {"message": "no"}}', Part(error="no"), id="error"),
    ],
)
def test_a_chunk_of_a_chat_says(payload: bytes, part: Part) -> None:
    assert CHAT_STREAM.decode(payload) == part


def test_a_chunk_of_a_completion_says_its_text() -> None:
    payload = b'{"choices": [{"index": 0, "text": "2", "finish_reason": "length"}]}'
    assert TEXT_STREAM.decode(payload) == Part("2", finish_reason=FinishReason.LENGTH)


def test_a_whole_chat_is_read() -> None:
    message = {"role": "assistant", "content": "2", "reasoning_content": "a"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    part = CHAT.decode(orjson.dumps({"choices": [choice], "usage": USAGE}))
    assert part == Part("2", "a", FinishReason.STOP, Usage(4, 9, 7), is_last=True)


def test_a_whole_completion_is_read() -> None:
    choice = {"index": 0, "text": "2", "finish_reason": "stop"}
    part = TEXT.decode(orjson.dumps({"choices": [choice], "usage": USAGE}))
    assert part == Part("2", "", FinishReason.STOP, Usage(4, 9, 7), is_last=True)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        pytest.param(b"[DONE]", "not JSON", id="done-without-a-stream"),
        pytest.param(b"{}", "choices is null, must be a list", id="no-choices"),
        pytest.param(b'{"choices": []}', "choices is empty", id="empty"),
        pytest.param(b'{"choices": [{}, {}]}', "has 2 choices, must have 1", id="two"),
        pytest.param(b'{"choices": [5]}', "the choice is a number", id="number"),
        pytest.param(b'{"choices": [{"delta": {}}]}', "message is null", id="a-chunk"),
        pytest.param(
            b'{"choices": [{"message": {"content": 5}}]}', "content is a number", id="content"
        ),
    ],
)
def test_another_shape_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        CHAT.decode(payload)
