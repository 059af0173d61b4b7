"""The tensors of a request, apart from any wire."""

import time

import orjson
import pytest
from kserve.protocol.infer_type import InferInput, InferRequest, RequestedOutput

from predictor.errors import InvalidRequest
from predictor.generation import GenerationOptions, GenerationRequest, Message
from predictor.protocol.v2 import INPUT_TENSORS, decode_infer

SECRET = "SECRET-PROMPT"


def tensor(name, datatype, data, shape=None, parameters=None):
    return InferInput(name, shape or [len(data)], datatype, data, parameters)


def texts(*data, **keywords):
    return tensor("text_input", "BYTES", list(data), **keywords)


def chats(*data):
    dumped = [chat if isinstance(chat, str) else orjson.dumps(chat).decode() for chat in data]
    return tensor("messages", "BYTES", dumped)


def request(*inputs, parameters=None, outputs=()):
    return InferRequest(
        "r1",
        list(inputs),
        request_id="id-1",
        parameters=parameters,
        request_outputs=[RequestedOutput(name) for name in outputs],
    )


USER = {"role": "user", "content": SECRET}


def test_each_row_of_text_input_is_a_user_message():
    assert decode_infer(request(texts("one", b"zw\xc3\xb6lf"))) == [
        GenerationRequest((Message("user", "one"),), GenerationOptions()),
        GenerationRequest((Message("user", "zwölf"),), GenerationOptions()),
    ]


def test_each_row_of_messages_is_a_chat():
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "2+2?"},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "And 3+3?"},
    ]
    (row,) = decode_infer(request(chats(chat)))
    assert row.messages == (
        Message("system", "Be brief."),
        Message("user", "2+2?"),
        Message("assistant", "4"),
        Message("user", "And 3+3?"),
    )


def test_a_parameter_applies_to_every_row():
    rows = decode_infer(request(texts("a", "b"), parameters={"max_tokens": 7}))
    assert [row.options.max_tokens for row in rows] == [7, 7]


OPTION_COLUMNS = [
    ("max_tokens", "UINT8", [3, 4], [3, 4]),
    ("min_tokens", "INT8", [0, 1], [0, 1]),
    ("temperature", "FP32", [0, 0.6], [0, 0.6]),
    ("top_p", "FP64", [0.5, 1], [0.5, 1]),
    ("top_k", "INT16", [0, 40], [0, 40]),
    ("min_p", "FP32", [0.0, 0.1], [0, 0.1]),
    ("seed", "UINT64", [0, 2**63 - 1], [0, 2**63 - 1]),
    ("repetition_penalty", "FP64", [1.0, 1.1], [1, 1.1]),
    ("presence_penalty", "FP32", [-2.0, 2.0], [-2, 2]),
    ("frequency_penalty", "FP32", [-2.0, 2.0], [-2, 2]),
    ("stop", "BYTES", ['["a"]', b"[]"], [("a",), ()]),
    ("stop_token_ids", "BYTES", ["[5]", "[]"], [(5,), ()]),
    ("ignore_eos", "BOOL", [True, False], [True, False]),
    ("logprobs", "INT32", [0, 5], [0, 5]),
    ("raw", "BOOL", [True, False], [True, False]),
    ("enable_thinking", "BOOL", [True, False], [True, False]),
    ("max_thinking_tokens", "UINT16", [0, 65535], [0, 65535]),
]


@pytest.mark.parametrize(("name", "datatype", "data", "expected"), OPTION_COLUMNS)
def test_an_option_tensor_has_a_value_for_each_row(name, datatype, data, expected):
    rows = decode_infer(request(texts("a", "b"), tensor(name, datatype, data, shape=[2, 1])))
    assert [getattr(row.options, name) for row in rows] == expected


def test_the_metadata_lists_every_input_that_is_taken():
    prompts = {"text_input", "messages"}
    expected = prompts | {name for name, *_ in OPTION_COLUMNS}
    assert {spec.name for spec in INPUT_TENSORS} == expected
    assert expected - prompts == set(GenerationOptions.model_fields)


def test_the_metadata_s_own_datatype_is_accepted_for_every_input():
    assert all(spec.datatype in spec.accepted for spec in INPUT_TENSORS)


BAD = {
    "no inputs": (request(), "inputs hold neither of text_input and messages"),
    "both prompts": (request(texts("a"), chats([USER])), "inputs hold both of"),
    "unknown input": (
        request(tensor("prompt", "BYTES", ["a"])),
        "unknown input 'prompt', known: text_input, messages, max_tokens",
    ),
    "duplicate": (request(texts("a"), texts("b")), "input text_input is given twice"),
    "wrong datatype": (
        request(tensor("text_input", "INT32", [1])),
        "input text_input has datatype 'INT32', must be BYTES",
    ),
    "integer as float": (
        request(texts("a"), tensor("seed", "FP32", [1.0])),
        "input seed has datatype 'FP32', must be one of INT8, INT16",
    ),
    "float as integer": (
        request(texts("a"), tensor("top_p", "INT32", [1])),
        "input top_p has datatype 'INT32', must be one of FP32, FP64",
    ),
    "half": (
        request(texts("a"), tensor("top_p", "FP16", [1.0])),
        "input top_p has datatype 'FP16', must be one of FP32, FP64",
    ),
    "rows differ": (
        request(texts("a", "b"), tensor("seed", "INT64", [1])),
        "input seed has 1 rows, must have 2 as text_input has",
    ),
    "tensor and parameter": (
        request(texts("a"), tensor("seed", "INT64", [1]), parameters={"seed": 1}),
        "seed is both an input and a parameter",
    ),
    "input parameters": (
        request(texts("a", parameters={"binary_data_size": 5})),
        "input text_input has unknown parameter 'binary_data_size', must be left out",
    ),
    "unknown parameter": (
        request(texts("a"), parameters={"text_input": SECRET}),
        "unknown parameter 'text_input', known: max_tokens",
    ),
    "bad parameter": (
        request(texts("a"), parameters={"top_p": 5}),
        "top_p is 5, must be a number above 0 and at most 1",
    ),
    "bad element": (
        request(texts("a", "b"), tensor("top_k", "INT32", [1, -7])),
        "row 1: top_k is -7, must be an integer from 0",
    ),
    "string element": (
        request(texts("a"), tensor("top_k", "INT32", ["7"])),
        "row 0: top_k is '7', must be INT32",
    ),
    "bool element": (
        request(texts("a"), tensor("top_k", "INT32", [True])),
        "row 0: top_k is true, must be INT32",
    ),
    "element overflow": (
        request(texts("a"), tensor("top_k", "INT8", [128])),
        "row 0: top_k is 128, must be INT8",
    ),
    "number as bool": (
        request(texts("a"), tensor("raw", "BOOL", [1])),
        "row 0: raw is 1, must be BOOL",
    ),
    "nested element": (
        request(texts("a"), tensor("min_p", "FP32", [[0.5]])),
        "row 0: min_p is [0.5], must be FP32",
    ),
    "not a number": (
        request(texts("a"), tensor("min_p", "FP32", [float("nan")])),
        "row 0: min_p is nan, must be a number from 0 to 1",
    ),
    "bad stop": (
        request(texts("a", "b"), tensor("stop", "BYTES", ['["x"]', "x"])),
        "row 1: stop is 'x', must be a list",
    ),
    "stop bytes": (
        request(texts("a"), tensor("stop", "BYTES", [b"\xff"])),
        "row 0: stop is not UTF-8 text",
    ),
    "number as text": (request(texts("a", 5)), "row 1: text_input is a number, must be a string"),
    "null as text": (request(texts(None)), "row 0: text_input is null, must be a string"),
    "list as text": (request(texts([SECRET])), "row 0: text_input is a list, must be a string"),
    "empty text": (request(texts("a", "")), "row 1: text_input is empty"),
    "empty bytes": (request(texts(b"")), "row 0: text_input is empty"),
    "bad bytes": (request(texts(b"\xff")), "row 0: text_input is not UTF-8 text"),
    "encoded surrogate": (request(texts(b"\xed\xa0\x80")), "row 0: text_input is not UTF-8 text"),
    "lone surrogate": (request(texts(SECRET + "\ud800")), "row 0: text_input is not UTF-8 text"),
    "rows contradict": (
        request(texts("a"), tensor("max_tokens", "INT8", [2]), parameters={"min_tokens": 3}),
        "row 0: min_tokens is 3, must be at most max_tokens, 2",
    ),
}


@pytest.mark.parametrize(("bad", "expected"), BAD.values(), ids=BAD.keys())
def test_what_breaks_the_contract_is_refused_by_name(bad, expected):
    with pytest.raises(InvalidRequest) as refusal:
        decode_infer(bad)
    assert expected in str(refusal.value)
    assert SECRET not in str(refusal.value)


BAD_CHATS = {
    "not JSON": (SECRET, "messages is not JSON"),
    "object": (USER, "messages is an object, must be a list"),
    "empty": ([], "messages is empty, must hold at least 1 message"),
    "text turn": ([SECRET], "messages[0] is a string, must be an object"),
    "no role": ([{"content": SECRET}], "messages[0] has no role"),
    "no content": ([{"role": "user"}], "messages[0] has no content"),
    "null content": ([{**USER, "content": None}], "messages[0]: content is null"),
    "parts": ([{**USER, "content": [{"text": SECRET}]}], "content is a list, must be a string"),
    "empty content": ([{**USER, "content": ""}], "messages[0]: content is empty"),
    "tool": ([{**USER, "role": "tool"}], "role is unknown, must be one of system, user, assistant"),
    "swapped": ([{"role": SECRET, "content": "user"}], "messages[0]: role is unknown"),
    "number role": ([{**USER, "role": 1}], "messages[0]: role is unknown"),
    "extra": ([{**USER, "name": "x"}], "messages[0] has unknown member 'name', known: role"),
    "assistant last": ([USER, {**USER, "role": "assistant"}], "role 'assistant', must be 'user'"),
    "deep": ("[" * 65 + "]" * 65, "messages is nested deeper than 64 levels"),
    "surrogate": ('[{"role":"user","content":"\\udfff"}]', "messages is not JSON"),
}


@pytest.mark.parametrize(("chat", "expected"), BAD_CHATS.values(), ids=BAD_CHATS.keys())
def test_a_chat_out_of_form_is_refused_with_its_row_and_without_its_text(chat, expected):
    with pytest.raises(InvalidRequest) as refusal:
        decode_infer(request(chats([USER], chat)))
    assert str(refusal.value).startswith("row 1: ")
    assert expected in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_raw_does_not_go_with_messages():
    with pytest.raises(InvalidRequest, match="row 0: raw is true, must be false with messages"):
        decode_infer(request(chats([USER]), parameters={"raw": True}))


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        (["text"], "unknown output 'text', known: text_output"),
        (["text_output", "text_output"], "output text_output is requested twice"),
        (["logprobs"], "output logprobs is requested without the parameter logprobs"),
    ],
    ids=["unknown", "duplicate", "logprobs not asked"],
)
def test_outputs_that_cannot_be_sent_are_refused(outputs, expected):
    with pytest.raises(InvalidRequest, match=expected):
        decode_infer(request(texts("a"), outputs=outputs))


def test_an_output_s_unknown_parameter_is_refused():
    asked = request(texts("a"))
    asked.request_outputs = [RequestedOutput("text_output", {"classification": 2})]
    with pytest.raises(InvalidRequest, match="output text_output has unknown parameter 'classif"):
        decode_infer(asked)


def test_a_long_list_for_all_rows_is_read_once_and_not_once_a_row():
    stop = "[" + " " * 1_000_000 + '"a"]'
    seeds = tensor("seed", "INT64", list(range(1024)))
    asked = request(texts(*["a"] * 1024), seeds, parameters={"stop": stop})
    started_s = time.process_time()

    rows = decode_infer(asked)

    assert {row.options.stop for row in rows} == {("a",)}
    # It took 3 s where every row read it.
    assert time.process_time() - started_s < 1
