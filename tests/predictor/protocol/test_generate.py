"""The generate extension."""

from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictor.config import Limits
from predictor.engine.sequence import FinishReason
from predictor.errors import InvalidRequest
from predictor.generation import (
    Completion,
    Delta,
    GenerationOptions,
    GenerationRequest,
    Message,
    TokenInfo,
    TopToken,
    Usage,
)
from predictor.protocol.generate import (
    decode_generate,
    encode_error_event,
    encode_event,
    encode_generate,
)

SECRET = "SECRET-PROMPT"
CHAT = [{"role": "user", "content": SECRET}]


def body(**members):
    return orjson.dumps(members)


def decode(raw):
    return decode_generate(raw, Limits())


def test_a_text_is_a_user_message():
    assert decode(body(text_input="2+2?")) == (
        GenerationRequest((Message("user", "2+2?"),), GenerationOptions()),
        False,
    )


def test_messages_are_a_chat():
    request, _ = decode(body(messages=CHAT))
    assert request.messages == (Message("user", SECRET),)


def test_every_option_is_a_parameter_beside_details():
    parameters = {"details": True, "max_tokens": 5, "stop": ["a"], "logprobs": 2}
    request, details = decode(body(text_input="hi", parameters=parameters))
    assert details is True
    assert request.options == GenerationOptions(max_tokens=5, stop=("a",), logprobs=2)


BAD = {
    "not JSON": (b"hi", "the body is not JSON"),
    "list": (b"[]", "the body is a list, must be an object"),
    "key twice": (b'{"text_input":"SECRET-PROMPT","text_input":"a"}', "the key 'text_input' twice"),
    "neither": (b"{}", "the body holds neither of text_input and messages"),
    "both": (body(text_input=SECRET, messages=CHAT), "the body holds both of"),
    "unknown member": (body(prompt=SECRET), "unknown member 'prompt', known: text_input"),
    "id": (body(text_input=SECRET, id="1"), "unknown member 'id'"),
    "null": (body(text_input=None), "text_input is null, leave it out instead"),
    "list text": (body(text_input=[SECRET]), "text_input is a list, must be a string"),
    "empty": (body(text_input=""), "text_input is empty"),
    "surrogate": (b'{"text_input":"SECRET-PROMPT\\ud800"}', "the body is not JSON"),
    "chat as text": (body(messages=SECRET), "messages is a string, must be a list"),
    "role": (body(messages=[{**CHAT[0], "role": "tool"}]), "messages[0]: role is unknown"),
    "raw chat": (body(messages=CHAT, parameters={"raw": True}), "raw is true, must be false"),
    "parameters": (body(text_input=SECRET, parameters=[]), "parameters is a list, must be an"),
    "null parameters": (body(text_input=SECRET, parameters=None), "parameters is null"),
    "unknown parameter": (
        body(text_input=SECRET, parameters={"best_of": 2}),
        "unknown parameter 'best_of', known: details, max_tokens",
    ),
    "details": (
        body(text_input=SECRET, parameters={"details": 1}),
        "details is 1, must be true or false",
    ),
    "range": (body(text_input=SECRET, parameters={"top_p": 2}), "top_p is 2, must be a number"),
}


@pytest.mark.parametrize(("bad", "expected"), BAD.values(), ids=BAD.keys())
def test_what_is_out_of_form_is_refused_without_the_prompt(bad, expected):
    with pytest.raises(InvalidRequest) as refusal:
        decode(bad)
    assert expected in str(refusal.value)
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("max_json_depth", "expected"), [(3, r"stop\[0\] is 5"), (2, "than 2 levels")]
)
def test_the_depth_is_limited(max_json_depth, expected):
    nested = body(text_input="a", parameters={"stop": [5]})
    with pytest.raises(InvalidRequest, match=expected):
        decode_generate(nested, Limits(max_json_depth=max_json_depth))


TOKENS = (
    TokenInfo(5, "4", False, False, b"4", -0.25, (TopToken("4", 5, -0.25, b"4"),)),
    TokenInfo(2, "<eos>", True, False, b""),
)
USAGE = Usage(prompt_tokens=10, reasoning_tokens=3, completion_tokens=6)
USAGE_JSON = {"prompt_tokens": 10, "reasoning_tokens": 3, "completion_tokens": 6}
TOKENS_JSON = [
    {
        "id": 5,
        "text": "4",
        "special": False,
        "logprob": -0.25,
        "top": [{"token": "4", "id": 5, "logprob": -0.25}],
    },
    {"id": 2, "text": "<eos>", "special": True},
]
MODEL = {"model_name": "r1", "model_version": "1"}


def test_a_whole_generation_is_two_texts():
    completion = Completion("4", "2 and 2", TOKENS, FinishReason.EOS_TOKEN, USAGE)
    assert orjson.loads(encode_generate(completion, "r1", "1", details=False)) == {
        **MODEL,
        "text_output": "4",
        "reasoning_output": "2 and 2",
    }


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (FinishReason.EOS_TOKEN, "eos_token"),
        (FinishReason.STOP_TOKEN, "stop_sequence"),
        (FinishReason.STOP_STRING, "stop_sequence"),
        (FinishReason.LENGTH, "length"),
    ],
)
def test_details_hold_the_extension_s_finish_reason_tokens_and_usage(reason, expected):
    completion = Completion("4", "", TOKENS, reason, USAGE)
    details = orjson.loads(encode_generate(completion, "r1", "1", details=True))["details"]
    assert details == {"finish_reason": expected, "tokens": TOKENS_JSON, "usage": USAGE_JSON}


def test_a_completion_that_failed_is_never_encoded():
    failed = Completion("", "", (), FinishReason.NUMERIC_ERROR, USAGE)
    with pytest.raises(AssertionError):
        encode_generate(failed, "r1", "1", details=True)


def events_of(delta, *, details):
    sent = encode_event(delta, "r1", "1", details=details)
    *events, rest = sent.split(b"\n\n")
    assert rest == b""
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events]


def test_an_event_s_texts_are_deltas():
    (event,) = events_of(Delta("4\n\n", "so", TOKENS[:1]), details=False)
    assert event == {**MODEL, "text_output": "4\n\n", "reasoning_output": "so"}


def test_the_last_event_has_finish_reason_and_usage_without_being_asked():
    last = Delta("", "", TOKENS[1:], FinishReason.EOS_TOKEN, USAGE)
    (event,) = events_of(last, details=False)
    assert event["details"] == {"finish_reason": "eos_token", "usage": USAGE_JSON}


def test_with_details_each_token_has_its_event_and_the_text_comes_with_the_last():
    last = Delta("4", "so", TOKENS, FinishReason.LENGTH, USAGE)
    first, second = events_of(last, details=True)
    assert first == {
        **MODEL,
        "text_output": "",
        "reasoning_output": "",
        "details": {"token": TOKENS_JSON[0]},
    }
    assert second == {
        **MODEL,
        "text_output": "4",
        "reasoning_output": "so",
        "details": {"token": TOKENS_JSON[1], "finish_reason": "length", "usage": USAGE_JSON},
    }


def test_with_details_a_delta_without_a_token_has_none():
    (event,) = events_of(Delta("4"), details=True)
    assert event == {**MODEL, "text_output": "4", "reasoning_output": ""}


def test_an_error_is_an_event_too():
    assert encode_error_event('a "b"') == b'data: {"error":"a \\"b\\""}\n\n'


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "text_input": st.text(max_size=8) | JSON_VALUES,
        "messages": st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": st.text()}))
        | JSON_VALUES,
        "parameters": st.dictionaries(st.sampled_from(["details", "seed", "stop"]), JSON_VALUES)
        | JSON_VALUES,
    },
)


@settings(max_examples=300)
@given(BODIES.map(orjson.dumps) | st.binary(max_size=64))
def test_any_body_is_decoded_or_refused(raw):
    with suppress(InvalidRequest):
        request, _ = decode(raw)
        assert request.messages
