"""All wires: one for each protocol, and none that a payload can break."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.config import Protocol, RunConfig
from loadtest.errors import AnswerError
from loadtest.wire.make import make_wire
from loadtest.wire.part import Part

WIRES = {
    protocol: make_wire(
        RunConfig(target="http://h", protocol=protocol, model="a/b c%", path_prefix=None)
    )
    for protocol in Protocol
}
REST = [protocol for protocol in Protocol if not protocol.is_grpc]


@pytest.mark.parametrize("protocol", Protocol)
def test_a_wire_streams_as_its_protocol_does(protocol: Protocol) -> None:
    assert WIRES[protocol].is_stream is protocol.is_stream


@pytest.mark.parametrize(
    ("protocol", "path"),
    [
        ("v2-infer", "/v2/models/a%2Fb%20c%25/infer"),
        ("v2-generate", "/v2/models/a%2Fb%20c%25/generate"),
        ("v2-stream", "/v2/models/a%2Fb%20c%25/generate_stream"),
        ("openai-chat", "/openai/v1/chat/completions"),
        ("openai-completions-stream", "/openai/v1/completions"),
    ],
)
def test_a_path_spells_the_model_for_a_url(protocol: Protocol, path: str) -> None:
    assert WIRES[protocol].path == path


def test_a_prefix_goes_before_v2s_paths() -> None:
    config = RunConfig(target="http://h", protocol="v2-infer", path_prefix="/serving/r1/")
    assert make_wire(config).path == "/serving/r1/v2/models/r1/infer"


NAMES = st.sampled_from(
    [
        *("text_output", "reasoning_output", "details", "finish_reason", "usage", "error"),
        *("outputs", "name", "data", "choices", "delta", "message", "content", "text"),
        *("prompt_tokens", "completion_tokens_details", "reasoning_tokens", "reasoning_content"),
    ]
)
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | NAMES
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)


def decoded(protocol: Protocol, payload: bytes) -> Any:
    try:
        return WIRES[protocol].decode(payload)
    except AnswerError as refusal:
        return refusal


@pytest.mark.parametrize("protocol", REST)
@settings(max_examples=40)
@given(payload=st.binary(max_size=60) | VALUES.map(orjson.dumps))
def test_any_payload_is_a_part_or_refused(protocol: Protocol, payload: bytes) -> None:
    assert isinstance(decoded(protocol, payload), Part | AnswerError)


@pytest.mark.parametrize("protocol", REST)
def test_a_payload_nested_without_end_is_refused(protocol: Protocol) -> None:
    assert isinstance(decoded(protocol, b"[" * 200_000), AnswerError)


@given(payload=st.binary(max_size=60) | VALUES.map(orjson.dumps))
def test_any_error_body_has_a_bounded_word(payload: bytes) -> None:
    assert len(WIRES[Protocol.V2_STREAM].decode_error(payload)) <= 200


@pytest.mark.parametrize(
    ("body", "word"),
    [
        pytest.param(b'{"error": "no"}', "no", id="v2"),
        pytest.param(b'{"error": {"message": "no", "type": "x"}}', "no", id="openai"),
        pytest.param(b'{"detail": "Not Found"}', "Not Found", id="fastapi"),
        pytest.param(b'{"object": "error", "message": "no"}', "no", id="older-vllm"),
        pytest.param(b"no healthy upstream\n", "no healthy upstream", id="envoy"),
        pytest.param(b"<html><body>502</body></html>", "", id="a-page"),
        pytest.param(b'{"error": "cut sh', "", id="cut-short"),
        pytest.param(b"", "", id="empty"),
        pytest.param(b"\xff\xfe", "", id="not-text"),
        pytest.param(b"a\x07b", "", id="control-characters"),
        pytest.param(b"x" * 300, "x" * 200, id="long"),
        pytest.param(b"x" * 70_000, "", id="no-message"),
        pytest.param(b'{"detail": [{"loc": ["body"]}]}', "", id="a-list"),
    ],
)
def test_the_servers_word_is_found_in_an_error(body: bytes, word: str) -> None:
    assert WIRES[Protocol.V2_STREAM].decode_error(body) == word
