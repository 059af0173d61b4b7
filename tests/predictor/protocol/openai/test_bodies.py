"""Bodies of both routes: what is refused, and in exactly which words."""

from dataclasses import replace

import orjson
import pytest

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.openai import chat, completions

USER = {"role": "user", "content": "hi"}
CHAT = {"model": "r1", "messages": [USER]}
TEXT = {"model": "r1", "prompt": "2+2="}
CHAT_KNOWN = ", ".join(chat.MEMBERS)
TEXT_KNOWN = ", ".join(completions.MEMBERS)
INT32 = "2147483647"
INT64 = "from -9223372036854775808 to 9223372036854775807"
ROLES = "role is unknown, must be one of system, developer, user, assistant"
STOPS = "a list of at most 16 strings of 1 to 256 characters"


def refusal_of(decode, body, limits=None):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    with pytest.raises(InvalidRequest) as refusal:
        decode(raw, limits or Limits())
    return str(refusal.value)


# Members beside a good body's -> the whole message; null stands for: not given.
BAD_IN_BOTH = [
    ({"model": None}, "model is missing"),
    ({"model": 5}, "model is 5, must be the name of the model"),
    ({"n": 0}, "n is 0, must be an integer from 1 to 16"),
    ({"n": 17}, "n is 17, must be an integer from 1 to 16"),
    ({"n": True}, "n is true, must be an integer from 1 to 16"),
    ({"n": 2.0}, "n is 2.0, must be an integer from 1 to 16"),
    ({"n": "2"}, "n is '2', must be an integer from 1 to 16"),
    ({"seed": 2**63}, f"seed is {2**63}, must be an integer {INT64}"),
    ({"seed": 0.5}, f"seed is 0.5, must be an integer {INT64}"),
    ({"stream": "yes"}, "stream is 'yes', must be true or false"),
    ({"stream": 1}, "stream is 1, must be true or false"),
    ({"user": 5}, "user is 5, must be a string"),
    ({"stream_options": {}}, "stream_options is given, must be left out unless stream is true"),
    ({"stream": True, "stream_options": []}, "stream_options is a list, must be an object"),
    (
        {"stream": True, "stream_options": {"include_usage": "y"}},
        "stream_options: include_usage is 'y', must be true or false",
    ),
    (
        {"stream": True, "stream_options": {"include_obfuscation": True}},
        "stream_options has unknown member 'include_obfuscation', known: include_usage",
    ),
    ({"temperature": 2.5}, "temperature is 2.5, must be 0 or a number from 0.01 to 2"),
    ({"temperature": True}, "temperature is true, must be 0 or a number from 0.01 to 2"),
    ({"top_p": 0}, "top_p is 0, must be a number above 0 and at most 1"),
    ({"top_k": -1}, f"top_k is -1, must be an integer from 0 (off) to {INT32}"),
    ({"min_p": 2}, "min_p is 2, must be a number from 0 to 1"),
    ({"presence_penalty": 3}, "presence_penalty is 3, must be a number from -2 to 2"),
    ({"frequency_penalty": "x"}, "frequency_penalty is 'x', must be a number from -2 to 2"),
    ({"repetition_penalty": 0}, "repetition_penalty is 0, must be a number from 0.01 to 10"),
    ({"max_tokens": 0}, f"max_tokens is 0, must be an integer from 1 to {INT32}"),
    ({"max_tokens": "5"}, f"max_tokens is '5', must be an integer from 1 to {INT32}"),
    ({"min_tokens": -1}, f"min_tokens is -1, must be an integer from 0 to {INT32}"),
    ({"min_tokens": 6, "max_tokens": 5}, "min_tokens is 6, must be at most max_tokens, 5"),
    ({"stop": 5}, f"stop is 5, must be {STOPS}"),
    ({"stop": ""}, f"stop[0] is '', stop must be {STOPS}"),
    ({"stop": ["a", 5]}, f"stop[1] is 5, stop must be {STOPS}"),
    ({"stop": ["s"] * 17}, f"stop is {['s'] * 6!r}"[:-1] + f", ...], must be {STOPS}"),
    ({"stop_token_ids": "[1]"}, "stop_token_ids is '[1]', must be a list of token ids"),
    (
        {"stop_token_ids": [-1]},
        "stop_token_ids[0] is -1, stop_token_ids must be a list of at most 64 token ids from 0",
    ),
    ({"ignore_eos": 1}, "ignore_eos is 1, must be true or false"),
    (
        {"max_thinking_tokens": -1},
        f"max_thinking_tokens is -1, must be an integer from 0 to {INT32}",
    ),
    ({"logit_bias": {"5": 1}}, "logit_bias is not supported, leave it out"),
]

BAD_CHATS = [
    ({"messages": None}, "messages is missing"),
    ({"messages": "hi"}, "messages is a string, must be a list"),
    ({"messages": []}, "messages is empty, must hold at least 1 message"),
    ({"messages": ["hi"]}, "messages[0] is a string, must be an object"),
    ({"messages": [USER, {}]}, "messages[1] has no role"),
    ({"messages": [{"role": "user"}]}, "messages[0] has no content"),
    ({"messages": [{**USER, "content": None}]}, "messages[0] has no content"),
    ({"messages": [{**USER, "role": "tool"}]}, f"messages[0]: {ROLES}"),
    ({"messages": [{**USER, "role": ["user"]}]}, f"messages[0]: {ROLES}"),
    (
        {"messages": [{**USER, "content": ""}]},
        "messages[0]: content is empty, must be at least 1 character",
    ),
    (
        {"messages": [{**USER, "content": []}]},
        "messages[0]: content is empty, must be at least 1 character",
    ),
    (
        {"messages": [{**USER, "content": 5}]},
        "messages[0]: content is a number, must be a string or a list of text parts",
    ),
    (
        {"messages": [{**USER, "content": ["hi"]}]},
        "messages[0]: content[0] is a string, must be an object",
    ),
    (
        {"messages": [{**USER, "content": [{"type": "image_url", "image_url": {}}]}]},
        "messages[0]: content[0] has type image_url, must have type text",
    ),
    (
        {"messages": [{**USER, "content": [{"text": "hi"}]}]},
        "messages[0]: content[0] has no type that is known, must have type text",
    ),
    (
        {"messages": [{**USER, "content": [{"type": "text", "text": 5}]}]},
        "messages[0]: content[0]: text is a number, must be a string",
    ),
    (
        {"messages": [{**USER, "content": [{"type": "text"}]}]},
        "messages[0]: content[0] has no text",
    ),
    (
        {"messages": [{**USER, "content": [{"type": "text", "text": "a", "cache": 1}]}]},
        "messages[0]: content[0] has unknown member 'cache', known: type, text",
    ),
    ({"messages": [{**USER, "name": "Al"}]}, "messages[0]: name is not supported, leave it out"),
    ({"messages": [{**USER, "name": ""}]}, "messages[0]: name is not supported, leave it out"),
    (
        {"messages": [{**USER, "tool_calls": [{}]}]},
        "messages[0]: tool_calls is not supported, leave it out",
    ),
    (
        {"messages": [{**USER, "reasoning_content": "so"}]},
        "messages[0] has unknown member 'reasoning_content', known: role, content",
    ),
    (
        {"messages": [{"role": "assistant", "content": "4", "reasoning_content": 5}, USER]},
        "messages[0]: reasoning_content is a number, must be a string",
    ),
    (
        {"messages": [USER, {"role": "assistant", "content": "4"}]},
        "messages ends with role assistant, must end with role user",
    ),
    (
        {"messages": [{"role": "developer", "content": "4"}]},
        "messages ends with role system, must end with role user",
    ),
    ({"temprature": 1}, f"the body has unknown member 'temprature', known: {CHAT_KNOWN}"),
    ({"raw": True}, f"the body has unknown member 'raw', known: {CHAT_KNOWN}"),
    ({"prompt": "hi"}, f"the body has unknown member 'prompt', known: {CHAT_KNOWN}"),
    (
        {"max_completion_tokens": 0},
        f"max_completion_tokens is 0, must be an integer from 1 to {INT32}",
    ),
    (
        {"max_completion_tokens": 5, "max_tokens": 6},
        "max_completion_tokens is 5, must equal max_tokens, 6",
    ),
    (
        {"max_completion_tokens": 5, "min_tokens": 6},
        "min_tokens is 6, must be at most max_completion_tokens, 5",
    ),
    ({"logprobs": 5}, "logprobs is 5, must be true or false"),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs is 21, must be an integer from 0 to 20"),
    ({"top_logprobs": 5}, "top_logprobs is 5, must be left out unless logprobs is true"),
    (
        {"logprobs": False, "top_logprobs": 0},
        "top_logprobs is 0, must be left out unless logprobs is true",
    ),
    ({"store": 1}, "store is 1, must be true or false"),
    ({"safety_identifier": 1}, "safety_identifier is 1, must be a string"),
    ({"prompt_cache_key": []}, "prompt_cache_key is [], must be a string"),
    ({"metadata": "x"}, "metadata is a string, must be an object"),
    ({"metadata": {"a": 1}}, "metadata holds a number, must hold strings"),
    (
        {"metadata": {str(i): "" for i in range(17)}},
        "metadata has 17 members, must have at most 16",
    ),
    ({"response_format": "text"}, "response_format is a string, must be an object"),
    ({"response_format": {}}, "response_format is {}, must be {'type': 'text'}"),
    (
        {"response_format": {"type": "xml"}},
        "response_format is {'type': 'xml'}, must be {'type': 'text'}",
    ),
    (
        {"response_format": {"type": "json_object"}},
        "response_format: json_object is not supported, must be text",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        "response_format: json_schema is not supported, must be text",
    ),
    ({"enable_thinking": "no"}, "enable_thinking is 'no', must be true or false"),
    ({"chat_template_kwargs": []}, "chat_template_kwargs is a list, must be an object"),
    (
        {"chat_template_kwargs": {"thinking": True}},
        "chat_template_kwargs has unknown member 'thinking', known: enable_thinking",
    ),
    (
        {"chat_template_kwargs": {"enable_thinking": 0}},
        "enable_thinking is 0, must be true or false",
    ),
    (
        {"chat_template_kwargs": {"enable_thinking": True}, "enable_thinking": False},
        "enable_thinking is false, must equal that of chat_template_kwargs, true",
    ),
    ({"modalities": ["text", "audio"]}, "modalities is not supported, leave it out"),
]

BAD_COMPLETIONS = [
    ({"prompt": None}, "prompt is missing"),
    ({"prompt": ""}, "prompt is empty, must be at least 1 character"),
    ({"prompt": 5}, "prompt is a number, must be a string or a list of strings"),
    ({"prompt": []}, "prompt is empty, must hold at least 1 string"),
    ({"prompt": ["a", ""]}, "prompt[1] is empty, must be at least 1 character"),
    (
        {"prompt": [5, 6]},
        "prompt[0] is a number, must be a string: token ids are not supported",
    ),
    (
        {"prompt": [[5, 6]]},
        "prompt[0] is a list, must be a string: token ids are not supported",
    ),
    ({"prompt": ["a"] * 1025}, "prompt has 1025 entries, must have at most 1024"),
    ({"prompt": ["a"] * 500, "n": 3}, "n is 3, must be at most 2 for 500 prompts"),
    ({"messages": [USER]}, f"the body has unknown member 'messages', known: {TEXT_KNOWN}"),
    (
        {"enable_thinking": False},
        f"the body has unknown member 'enable_thinking', known: {TEXT_KNOWN}",
    ),
    ({"store": True}, f"the body has unknown member 'store', known: {TEXT_KNOWN}"),
    ({"logprobs": 21}, "logprobs is 21, must be an integer from 0 to 20"),
    ({"logprobs": True}, "logprobs is true, must be an integer from 0 to 20"),
    ({"min_tokens": 17}, "min_tokens is 17, must be at most max_tokens, 16"),
    ({"echo": True}, "echo is not supported, leave it out"),
    ({"echo": 0}, "echo is not supported, leave it out"),
    ({"suffix": "!"}, "suffix is not supported, leave it out"),
    ({"best_of": 1}, "best_of is not supported, leave it out"),
]

NOT_SUPPORTED_IN_CHATS = [
    *("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "logit_bias"),
    *("modalities", "audio", "prediction", "reasoning_effort", "verbosity", "service_tier"),
    *("web_search_options", "moderation", "prompt_cache_options", "prompt_cache_retention"),
]


def named(cases):
    return [pytest.param(*case, id=orjson.dumps(case[0]).decode()[:60]) for case in cases]


@pytest.mark.parametrize(("members", "message"), named(BAD_IN_BOTH + BAD_CHATS))
def test_a_bad_chat_is_refused_in_these_words(members, message):
    assert refusal_of(chat.decode_chat, {**CHAT, **members}) == message


@pytest.mark.parametrize(("members", "message"), named(BAD_IN_BOTH + BAD_COMPLETIONS))
def test_a_bad_completion_is_refused_in_these_words(members, message):
    assert refusal_of(completions.decode_completion, {**TEXT, **members}) == message


@pytest.mark.parametrize("name", NOT_SUPPORTED_IN_CHATS)
def test_what_a_chat_does_not_support_is_refused_by_name(name):
    message = refusal_of(chat.decode_chat, {**CHAT, name: [{"type": "function"}]})
    assert message == f"{name} is not supported, leave it out"


@pytest.mark.parametrize("decode", [chat.decode_chat, completions.decode_completion])
@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{", "the body is not JSON: "),
        (b"", "the body is not JSON: "),
        (b"[]", "the body is a list, must be an object"),
        (b"null", "the body is null, must be an object"),
        (b'{"n":1,"n":2}', "the body has the key 'n' twice"),
        (b'{"seed":' + b"[" * 65 + b"]" * 65 + b"}", "the body is nested deeper than 64 levels"),
    ],
    ids=["half", "empty", "list", "null", "twice", "deep"],
)
def test_what_is_no_object_is_refused(decode, raw, message):
    assert refusal_of(decode, raw).startswith(message)


def test_the_limits_are_those_given():
    limits = replace(Limits(), max_json_depth=3, max_rows=2)
    deep = {**CHAT, "metadata": {"a": {"b": {}}}}
    assert "deeper than 3 levels" in refusal_of(chat.decode_chat, deep, limits)
    rows = {**TEXT, "prompt": ["a", "b", "c"]}
    assert "at most 2" in refusal_of(completions.decode_completion, rows, limits)
