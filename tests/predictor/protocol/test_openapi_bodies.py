"""A body fits its schema just where the server takes it."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.generate import decode_generate
from predictor.protocol.openai.chat import decode_chat
from predictor.protocol.openai.completions import decode_completion
from predictor.protocol.openapi.document import openapi_document
from predictor.protocol.rest import parse_infer_body
from predictor.protocol.v2 import decode_infer

LIMITS = Limits()
DOCUMENT: dict[str, Any] = openapi_document("r1", "1", "2.3.4", LIMITS)


def check(name: str, body: object, decode: Callable[[bytes], object], *, is_taken: bool) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}

    assert jsonschema_rs.Draft202012Validator(schema).is_valid(body) is is_taken
    try:
        decode(json.dumps(body).encode())
    except InvalidRequest:
        assert not is_taken
    else:
        assert is_taken


def tensor(name: str, datatype: str, *data: object, shape: object = None) -> dict[str, object]:
    shape = [len(data)] if shape is None else shape
    return {"name": name, "datatype": datatype, "shape": shape, "data": list(data)}


COLUMN = tensor("text_input", "BYTES", ["a"], shape=[1, 1])
BINARY_OUTPUT = {"name": "text_output", "parameters": {"binary_data": True}}
TEXT = tensor("text_input", "BYTES", "a")
CHAT = tensor("messages", "BYTES", '[{"role":"user","content":"a"}]')


def decode_infer_body(body: bytes) -> None:
    decode_infer(parse_infer_body(body, "r1", LIMITS).request)


INFER_BODIES = [
    pytest.param({"inputs": [TEXT]}, True, id="text"),
    pytest.param({"inputs": [CHAT]}, True, id="chat"),
    pytest.param({"inputs": [TEXT, CHAT]}, False, id="both-prompts"),
    pytest.param({"inputs": []}, False, id="no-prompt"),
    pytest.param({}, False, id="no-inputs"),
    pytest.param({"inputs": [tensor("text_input", "BYTES", "")]}, False, id="empty-prompt"),
    pytest.param(
        {"inputs": [tensor("text_input", "BYTES", ["a"], shape=[1, 1])]}, True, id="column"
    ),
    pytest.param({"inputs": [tensor("text_input", "BYTES", ["a"])]}, False, id="column-flat"),
    pytest.param({"inputs": [tensor("text_input", "BYTES", "a", shape=[1, 1])]}, True, id="n-1"),
    pytest.param({"inputs": [tensor("text_input", "BYTES", "a", shape=[1, 2])]}, False, id="n-2"),
    pytest.param({"inputs": [tensor("text_input", "BYTES", "a", shape=[])]}, False, id="scalar"),
    pytest.param({"inputs": [tensor("text_input", "BYTES", shape=[0])]}, False, id="no-rows"),
    pytest.param({"inputs": [{**TEXT, "parameters": {}}]}, True, id="no-parameters"),
    pytest.param({"inputs": [{**TEXT, "parameters": {"a": 1}}]}, False, id="tensor-parameter"),
    pytest.param({"inputs": [TEXT], "id": "a" * 256}, True, id="id"),
    pytest.param({"inputs": [TEXT], "id": "a" * 257}, False, id="long-id"),
    pytest.param({"inputs": [TEXT], "model_name": "r1"}, True, id="model-name"),
    pytest.param({"inputs": [TEXT], "model_name": "r2"}, False, id="other-model-name"),
    pytest.param({"inputs": [TEXT], "outputs": []}, True, id="all-outputs"),
    pytest.param({"inputs": [TEXT], "outputs": [{"name": "finish_reason"}]}, True, id="output"),
    pytest.param({"inputs": [TEXT], "outputs": [{"name": "text"}]}, False, id="unknown-output"),
    pytest.param(
        {
            "inputs": [TEXT],
            "outputs": [{"name": "text_output", "parameters": {"binary_data": True}}],
        },
        True,
        id="binary-output",
    ),
    pytest.param({"inputs": [TEXT], "parameters": {"binary_data_output": 1}}, False, id="not-bool"),
    pytest.param({"inputs": [TEXT], "parameters": {"details": True}}, False, id="generates-own"),
    pytest.param({"inputs": [TEXT], "parameters": None}, False, id="null"),
    pytest.param({"inputs": [TEXT, tensor("top_k", "UINT8", 255)]}, True, id="in-datatype"),
    pytest.param({"inputs": [TEXT, tensor("top_k", "UINT8", 256)]}, False, id="beyond-datatype"),
    pytest.param(
        {"inputs": [TEXT, tensor("top_k", "INT8", [128], shape=[1, 1])]},
        False,
        id="beyond-datatype-column",
    ),
    pytest.param(
        {"inputs": [TEXT, tensor("seed", "INT32", 2**31)]}, False, id="seed-beyond-datatype"
    ),
    pytest.param({"inputs": [TEXT, tensor("top_p", "FP64", 1.5)]}, False, id="beyond-option"),
    pytest.param(
        {"inputs": [TEXT, tensor("top_p", "FP64", 0.5), tensor("top_p", "FP32", 0.5)]},
        False,
        id="input-twice",
    ),
]
MESSAGES = [{"role": "user", "content": "a"}]
GENERATE_BODIES = [
    pytest.param({"text_input": "a"}, True, id="text"),
    pytest.param({"messages": MESSAGES}, True, id="chat"),
    pytest.param({"text_input": "a", "messages": MESSAGES}, False, id="both"),
    pytest.param(
        {"text_input": "a", "messages": MESSAGES, "parameters": {"raw": True}},
        False,
        id="both-and-raw",
    ),
    pytest.param({}, False, id="neither"),
    pytest.param({"text_input": "a", "id": "1"}, False, id="unknown"),
    pytest.param({"messages": MESSAGES, "parameters": {"raw": True}}, False, id="raw-chat"),
    pytest.param({"messages": MESSAGES, "parameters": {"raw": False}}, True, id="not-raw-chat"),
    pytest.param(
        {"text_input": "a", "parameters": {"raw": True, "enable_thinking": False}},
        False,
        id="raw-without-thinking",
    ),
    pytest.param({"messages": []}, False, id="no-messages"),
    pytest.param({"messages": [{"role": "tool", "content": "a"}]}, False, id="role"),
    pytest.param({"text_input": "a", "parameters": {"details": "yes"}}, False, id="details"),
]
OPENAI = {"model": "r1", "messages": MESSAGES}
CHAT_BODIES = [
    pytest.param(OPENAI, True, id="least"),
    pytest.param({"model": "r1"}, False, id="no-messages"),
    pytest.param({"messages": MESSAGES}, False, id="no-model"),
    pytest.param({**OPENAI, "n": None, "unheard_of": None}, True, id="null"),
    pytest.param({**OPENAI, "unheard_of": 1}, False, id="unknown"),
    pytest.param({**OPENAI, "n": 17}, False, id="n"),
    pytest.param({**OPENAI, "seed": -(2**63)}, True, id="negative-seed"),
    pytest.param({**OPENAI, "stop": "a"}, True, id="stop"),
    pytest.param({**OPENAI, "stop": ""}, False, id="empty-stop"),
    pytest.param({**OPENAI, "stop_token_ids": "[1]"}, False, id="ids-as-text"),
    pytest.param({**OPENAI, "raw": True}, False, id="raw"),
    pytest.param({**OPENAI, "tools": []}, False, id="tools"),
    pytest.param({**OPENAI, "logit_bias": {}}, True, id="no-bias"),
    pytest.param({**OPENAI, "logit_bias": {"1": 1}}, False, id="bias"),
    pytest.param({**OPENAI, "top_logprobs": 2}, False, id="top-without-logprobs"),
    pytest.param({**OPENAI, "top_logprobs": 2, "logprobs": True}, True, id="top-logprobs"),
    pytest.param({**OPENAI, "stream_options": {}}, False, id="options-without-stream"),
    pytest.param({**OPENAI, "stream_options": {}, "stream": True}, True, id="stream-options"),
    pytest.param({**OPENAI, "response_format": {"type": "text"}}, True, id="text-format"),
    pytest.param({**OPENAI, "response_format": {"type": "json_object"}}, False, id="json-format"),
    pytest.param({**OPENAI, "metadata": {"a": "b"}}, True, id="metadata"),
    pytest.param({**OPENAI, "metadata": {"a": None}}, False, id="null-metadata"),
]
TURNS = [
    pytest.param([{"role": "developer", "content": "a"}, *MESSAGES], True, id="developer"),
    pytest.param([{"role": "assistant", "content": ""}, *MESSAGES], True, id="empty-answer"),
    pytest.param([{"role": "system", "content": ""}, *MESSAGES], False, id="empty-system"),
    pytest.param(
        [{"role": "assistant", "content": "a", "reasoning_content": "b"}, *MESSAGES],
        True,
        id="reasoning",
    ),
    pytest.param([{**MESSAGES[0], "reasoning_content": "b"}], False, id="users-reasoning"),
    pytest.param([{**MESSAGES[0], "reasoning_content": None}], True, id="null-reasoning"),
    pytest.param([{**MESSAGES[0], "tool_calls": []}], True, id="no-tool-calls"),
    pytest.param([{**MESSAGES[0], "tool_calls": [1]}], False, id="tool-calls"),
    pytest.param([{"role": "user", "content": []}], False, id="no-parts"),
    pytest.param([{"role": "user", "content": [{"type": "text", "text": "a"}]}], True, id="part"),
    pytest.param([{"role": "user", "content": [{"type": "text", "text": ""}]}], False, id="empty"),
    pytest.param([{"role": "user", "content": [{"type": "file", "text": "a"}]}], False, id="file"),
]
COMPLETION_BODIES = [
    pytest.param({"model": "r1", "prompt": "a"}, True, id="prompt"),
    pytest.param({"model": "r1", "prompt": ["a", "b"]}, True, id="prompts"),
    pytest.param({"model": "r1", "prompt": []}, False, id="no-prompts"),
    pytest.param({"model": "r1", "prompt": ""}, False, id="empty-prompt"),
    pytest.param({"model": "r1", "prompt": [1, 2]}, False, id="token-ids"),
    pytest.param({"model": "r1", "prompt": ["a"] * 1025}, False, id="too-many"),
    pytest.param({"model": "r1", "prompt": "a", "logprobs": 20}, True, id="logprobs"),
    pytest.param({"model": "r1", "prompt": "a", "logprobs": 21}, False, id="many-logprobs"),
    pytest.param({"model": "r1", "prompt": "a", "echo": False}, True, id="no-echo"),
    pytest.param({"model": "r1", "prompt": "a", "echo": 0}, False, id="zero-echo"),
    pytest.param({"model": "r1", "prompt": "a", "suffix": "b"}, False, id="suffix"),
]


@pytest.mark.parametrize(("body", "is_taken"), INFER_BODIES)
def test_a_body_of_infer_fits_where_it_is_taken(body: object, is_taken: bool) -> None:
    check("InferRequest", body, decode_infer_body, is_taken=is_taken)


@pytest.mark.parametrize(("body", "is_taken"), GENERATE_BODIES)
def test_a_body_of_generate_fits_where_it_is_taken(body: object, is_taken: bool) -> None:
    check("GenerateRequest", body, lambda raw: decode_generate(raw, LIMITS), is_taken=is_taken)


@pytest.mark.parametrize(("body", "is_taken"), CHAT_BODIES)
def test_a_body_of_a_chat_fits_where_it_is_taken(body: object, is_taken: bool) -> None:
    check("ChatCompletionRequest", body, lambda raw: decode_chat(raw, LIMITS), is_taken=is_taken)


@pytest.mark.parametrize(("turns", "is_taken"), TURNS)
def test_messages_of_a_chat_fit_where_they_are_taken(turns: object, is_taken: bool) -> None:
    body = {**OPENAI, "messages": turns}

    check("ChatCompletionRequest", body, lambda raw: decode_chat(raw, LIMITS), is_taken=is_taken)


@pytest.mark.parametrize(("body", "is_taken"), COMPLETION_BODIES)
def test_a_body_of_a_completion_fits_where_it_is_taken(body: object, is_taken: bool) -> None:
    check("CompletionRequest", body, lambda raw: decode_completion(raw, LIMITS), is_taken=is_taken)
