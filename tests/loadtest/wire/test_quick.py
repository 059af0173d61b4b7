"""What the quick readers take and leave; what they leave is read with care."""

from collections.abc import Callable

import pytest

from loadtest.wire.part import Part
from loadtest.wire.quick import chat_reader, generate_reader

CHAT, GENERATE = chat_reader(), generate_reader()
DEEP = b"[" * 5000


@pytest.mark.parametrize(
    ("read", "payload", "part"),
    [
        pytest.param(
            CHAT,
            b'{"id": "c", "choices": [{"index": 0, "delta": {"content": "2"}}], "usage": null}',
            Part("2"),
            id="chat",
        ),
        pytest.param(
            CHAT,
            '{"choices": [{"delta": {"content": "二"}, "finish_reason": null}]}'.encode(),
            Part("二"),
            id="chat-not-ascii",
        ),
        pytest.param(
            CHAT,
            b'{"choices": [{"delta": {"reasoning_content": "", "reasoning": "a"}}]}',
            Part(),
            id="chat-the-first-name-of-a-reasoning-counts-though-it-is-empty",
        ),
        pytest.param(
            GENERATE,
            b'{"model_name": "m", "text_output": "2", "reasoning_output": "a", "details": null}',
            Part("2", "a"),
            id="generate",
        ),
    ],
)
def test_text_alone_is_taken(
    read: Callable[[bytes], Part | None], payload: bytes, part: Part
) -> None:
    assert read(payload) == part


@pytest.mark.parametrize(
    ("read", "payload"),
    [
        pytest.param(CHAT, b'{"choices": [{"delta": {}, "finish_reason": "stop"}]}', id="reason"),
        pytest.param(CHAT, b'{"choices": [{"delta": {}}], "usage": {}}', id="usage"),
        pytest.param(CHAT, b'{"choices": []}', id="no-choice"),
        pytest.param(CHAT, b'{"choices": [{"delta": {}}, {"delta": {}}]}', id="two-choices"),
        pytest.param(CHAT, b'{"choices": [{"delta": {"content": 5}}]}', id="number"),
        pytest.param(CHAT, b'{"error": "no"}', id="error"),
        pytest.param(CHAT, b"[DONE]", id="done"),
        pytest.param(CHAT, b'{"id": "\xff", "choices": [{"delta": {}}]}', id="not-utf-8"),
        pytest.param(CHAT, b'{"id": ' + DEEP, id="deep"),
        pytest.param(GENERATE, b'{"text_output": "2"}', id="tritons"),
        pytest.param(
            GENERATE,
            b'{"text_output": "2", "reasoning_output": "", "details": {}}',
            id="details",
        ),
        pytest.param(
            GENERATE,
            b'{"id": "\xff", "text_output": "2", "reasoning_output": ""}',
            id="generate-not-utf-8",
        ),
        pytest.param(GENERATE, b'{"id": ' + DEEP, id="generate-deep"),
    ],
)
def test_everything_else_is_left(read: Callable[[bytes], Part | None], payload: bytes) -> None:
    assert read(payload) is None
