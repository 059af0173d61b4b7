"""One corpus, four spellings: REST in JSON and binary and gRPC typed and raw judge alike."""

import orjson
import pytest

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.grpc import CONTENTS, decode_grpc
from predictor.protocol.messages import ModelInferRequest
from predictor.protocol.raw import pack
from predictor.protocol.rest import parse_infer_body
from predictor.protocol.v2 import decode_infer

LIMITS = Limits(max_rows=8, max_id_length=16)


def case(*inputs, parameters=None, outputs=(), request_id="id-1", of_inputs=None, of_outputs=None):
    """A request: inputs (name, datatype, shape, data), and parameters of it and of its tensors."""
    return {
        "inputs": inputs,
        "parameters": parameters or {},
        "outputs": outputs,
        "request_id": request_id,
        "of_inputs": of_inputs or {},
        "of_outputs": of_outputs or {},
    }


T = ("text_input", "BYTES", [1], ["hi"])
TWO = ("text_input", "BYTES", [2], ["a", "b"])
CHAT = '[{"role":"user","content":"a"}]'


def with_option(name, datatype, data, shape=None):
    return case(T, (name, datatype, shape or [len(data)], data))


def with_parameter(**parameters):
    return case(T, parameters=parameters)


def with_chat(text):
    return case(("messages", "BYTES", [1], [text]))


# What the refusal says; nothing for a request that is taken.
CORPUS = {
    "plain": (case(T), ""),
    "column": (case(("text_input", "BYTES", [2, 1], ["a", "b"])), ""),
    "parameters": (
        with_parameter(temperature=0.6, seed=7, raw=True, stop='["a"]', stop_token_ids="[1]"),
        "",
    ),
    "tensors": (
        case(
            TWO,
            ("temperature", "FP32", [2], [0.01, 0.7]),
            ("seed", "UINT8", [2], [7, 255]),
            ("top_k", "INT16", [2, 1], [0, 40]),
            ("ignore_eos", "BOOL", [2], [True, False]),
            ("min_p", "FP64", [2], [0.1, 1.0]),
            ("stop", "BYTES", [2], ['["x"]', "[]"]),
        ),
        "",
    ),
    "prompt after its options": (case(("seed", "INT64", [1], [1]), T), ""),
    "letters beyond ASCII": (case(("text_input", "BYTES", [1], ["zwölf 😀 \x00"])), ""),
    "integer for a float": (with_parameter(top_p=1), ""),
    "outputs": (case(T, outputs=["finish_reason", "text_output"]), ""),
    "logprobs": (case(T, parameters={"logprobs": 2}, outputs=["logprobs"]), ""),
    "as many rows as the limit": (case(("text_input", "BYTES", [8], ["a"] * 8)), ""),
    "as long an id as the limit": (case(T, request_id="ä" * 16), ""),
    "largest seed": (with_option("seed", "UINT64", [2**63 - 1]), ""),
    "chat": (with_chat(CHAT), ""),
    "empty chat": (with_chat("[]"), "row 0: messages is empty"),
    "chat is an object": (with_chat("{}"), "row 0: messages is an object, must be a list"),
    "chat is no JSON": (with_chat("[{]"), "row 0: messages is not JSON"),
    "chat with a key twice": (
        with_chat('[{"role":"user","role":"user","content":"a"}]'),
        "row 0: messages has the key 'role' twice",
    ),
    "chat of a tool": (with_chat('[{"role":"tool","content":"a"}]'), "role is unknown"),
    "deep chat": (with_chat("[" * 65 + "]" * 65), "messages is nested deeper than 64 levels"),
    "raw chat": (
        case(("messages", "BYTES", [1], [CHAT]), parameters={"raw": True}),
        "raw is true, must be false with messages",
    ),
    "no prompt": (case(), "inputs hold neither of text_input and messages"),
    "options alone": (case(("seed", "INT64", [1], [1])), "inputs hold neither of"),
    "both prompts": (case(T, ("messages", "BYTES", [1], [CHAT])), "inputs hold both of"),
    "unknown input": (case(("prompt", "BYTES", [1], ["a"])), "unknown input 'prompt', known:"),
    "nameless input": (case(("", "BYTES", [1], ["a"])), "unknown input '', known:"),
    "same input twice": (case(T, T), "input text_input is given twice"),
    "empty text": (case(("text_input", "BYTES", [1], [""])), "row 0: text_input is empty"),
    "empty second text": (case(("text_input", "BYTES", [2], ["a", ""])), "row 1: text_input is"),
    "prompt of integers": (
        case(("text_input", "INT32", [1], [1])),
        "input text_input has datatype 'INT32', must be BYTES",
    ),
    "float for an integer tensor": (
        with_option("seed", "FP32", [1.0]),
        "input seed has datatype 'FP32', must be one of INT8",
    ),
    "integer for a float tensor": (
        with_option("top_p", "INT8", [1]),
        "input top_p has datatype 'INT8', must be one of FP32, FP64",
    ),
    "bool for an integer tensor": (with_option("seed", "BOOL", [True]), "has datatype 'BOOL'"),
    "half": (
        case(("text_input", "FP16", [1], [])),
        "input 'text_input' has datatype 'FP16', must be one of BOOL, INT8",
    ),
    "no datatype": (case(("text_input", "", [1], [])), "has datatype '', must be one of"),
    "lower case": (case(("text_input", "bytes", [1], [])), "has datatype 'bytes', must be one"),
    "no shape": (
        case(("text_input", "BYTES", [], ["a"])),
        "input 'text_input' has shape [], must be [n] or [n,1] with n from 1 to 8",
    ),
    "no rows": (case(("text_input", "BYTES", [0], [])), "has shape [0], must be [n] or [n,1]"),
    "negative rows": (case(("text_input", "BYTES", [-1], ["a"])), "has shape [-1], must be"),
    "huge shape": (case(("text_input", "BYTES", [2**62], ["a"])), "has shape [46116860184273879"),
    "wide": (case(("text_input", "BYTES", [1, 2], ["a", "b"])), "has shape [1, 2], must be"),
    "square": (case(("text_input", "BYTES", [2, 2], ["a"] * 4)), "has shape [2, 2], must be"),
    "three dimensions": (case(("text_input", "BYTES", [1, 1, 1], ["a"])), "has shape [1, 1, 1]"),
    "nine dimensions": (case(("text_input", "BYTES", [1] * 9, ["a"])), "has shape [1, 1, 1, 1"),
    "one row too many": (
        case(("text_input", "BYTES", [9], ["a"] * 9)),
        "input 'text_input' has shape [9], must be [n] or [n,1] with n from 1 to 8",
    ),
    "no element": (
        case(("text_input", "BYTES", [1], [])),
        "input 'text_input' has shape [1], so 1 elements, but holds 0",
    ),
    "few texts": (
        case(("text_input", "BYTES", [3], ["a", "b"])),
        "input 'text_input' has shape [3], so 3 elements, but holds 2",
    ),
    "many texts": (
        case(("text_input", "BYTES", [1], ["a"] * 5)),
        "input 'text_input' has shape [1], so 1 elements, but holds more",
    ),
    "few integers": (with_option("seed", "INT64", [1], [2]), "so 2 elements, but holds 1"),
    "many integers": (
        with_option("seed", "INT64", [1, 2, 3], [1]),
        "so 1 elements, but holds more",
    ),
    "many floats": (with_option("top_p", "FP32", [0.5] * 3, [1]), "so 1 elements, but holds more"),
    "rows differ": (
        with_option("seed", "INT64", [1, 2]),
        "input seed has 2 rows, must have 1 as text_input has",
    ),
    "temperature gap": (
        with_option("temperature", "FP64", [0.005]),
        "row 0: temperature is 0.005, must be 0 or a number from 0.01 to 2",
    ),
    "temperature gap in FP32": (
        with_option("temperature", "FP32", [0.005]),
        "row 0: temperature is 0.005, must be",
    ),
    "negative tensor": (with_option("top_k", "INT32", [-7]), "row 0: top_k is -7, must be"),
    "tensor beyond INT64": (with_option("seed", "UINT64", [2**64 - 1]), "row 0: seed is 18446744"),
    "stop tensor is no list": (with_option("stop", "BYTES", ["END"]), "row 0: stop is 'END'"),
    "stop tensor is no JSON": (with_option("stop", "BYTES", ["["]), "row 0: stop is not JSON"),
    "rows contradict": (
        case(
            TWO,
            ("min_tokens", "INT64", [2], [1, 9]),
            ("max_tokens", "INT64", [2], [5, 5]),
        ),
        "row 1: min_tokens is 9, must be at most max_tokens, 5",
    ),
    "unknown parameter": (with_parameter(n=2), "unknown parameter 'n', known: max_tokens"),
    "shared memory": (with_parameter(shared_memory_region="a"), "unknown parameter 'shared_mem"),
    "classification": (
        case(T, outputs=["text_output"], of_outputs={"classification": 2}),
        "output text_output has unknown parameter 'classification', must be left out",
    ),
    "shared memory input": (
        case(T, of_inputs={"shared_memory_region": "a"}),
        "input text_input has unknown parameter 'shared_memory_region', must be left out",
    ),
    "float for an integer": (with_parameter(seed=1.0), "seed is 1.0, must be an integer"),
    "bool for an integer": (with_parameter(seed=True), "seed is true, must be an integer"),
    "integer for a bool": (with_parameter(raw=1), "raw is 1, must be true or false"),
    "beyond INT64": (with_parameter(seed=2**64 - 1), "seed is 18446744073709551615, must be"),
    "string for a number": (with_parameter(temperature="0.6"), "temperature is '0.6', must be"),
    "out of range": (with_parameter(top_p=1.5), "top_p is 1.5, must be a number above 0"),
    "stop is no list": (with_parameter(stop="END"), "stop is 'END', must be a list"),
    "stop ids": (with_parameter(stop_token_ids="[1, -2]"), "stop_token_ids[1] is -2"),
    "contradiction": (with_parameter(min_tokens=9, max_tokens=5), "min_tokens is 9, must be at"),
    "raw and thinking": (with_parameter(raw=True, enable_thinking=False), "must be left out when"),
    "tensor and parameter": (
        case(T, ("seed", "INT64", [1], [1]), parameters={"seed": 1}),
        "seed is both an input and a parameter",
    ),
    "unknown output": (case(T, outputs=["text"]), "unknown output 'text', known: text_output"),
    "same output twice": (
        case(T, outputs=["text_output", "text_output"]),
        "output text_output is requested twice",
    ),
    "logprobs not asked": (
        case(T, outputs=["logprobs"]),
        "output logprobs is requested without the parameter logprobs",
    ),
    "long id": (case(T, request_id="x" * 17), "id has 17 characters, must have at most 16"),
    "many inputs": (case(*[T] * 65), "inputs has 65 entries, must have at most 64"),
    "many outputs": (case(T, outputs=["text_output"] * 65), "outputs has 65 entries, must have"),
    "many parameters": (
        with_parameter(**{f"p{index}": 1 for index in range(65)}),
        "parameters has 65 entries, must have at most 64",
    ),
    "many parameters of an output": (
        case(T, outputs=["text_output"], of_outputs={f"p{index}": 1 for index in range(65)}),
        "output 'text_output': parameters has 65 entries, must have at most 64",
    ),
}
# What a datatype cannot hold has no bytes, but JSON and gRPC's wider fields can say it.
TYPED_ALONE = {
    "beyond INT8": (with_option("seed", "INT8", [300]), "row 0: seed is 300, must be INT8"),
    "below INT16": (with_option("seed", "INT16", [-40000]), "seed is -40000, must be INT16"),
    "beyond UINT16": (with_option("seed", "UINT16", [70000]), "seed is 70000, must be UINT16"),
}
# What JSON cannot say.
BYTES_ALONE = {
    "no UTF-8": (case(("text_input", "BYTES", [1], [b"\xff"])), "row 0: text_input is not UTF-8"),
    "no UTF-8 in an option": (with_option("stop", "BYTES", [b"\xff"]), "row 0: stop is not UTF-8"),
    "surrogate": (
        case(("text_input", "BYTES", [2], [b"a", b"\xed\xa0\x80"])),
        "row 1: text_input is not UTF-8 text",
    ),
    "NaN": (with_option("top_p", "FP32", [float("nan")]), "row 0: top_p is nan, must be a number"),
    "infinity": (with_option("top_p", "FP64", [float("inf")]), "row 0: top_p is inf, must be"),
}
CHOICES = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}


def as_bytes(data):
    return [text.encode() if isinstance(text, str) else text for text in data]


def packed(datatype, data):
    if datatype == "BYTES":
        return b"".join(len(text).to_bytes(4, "little") + text for text in as_bytes(data))
    return pack(datatype, data) if data else b""


def rest_body(request, tensors):
    return orjson.dumps(
        {
            "id": request["request_id"],
            "inputs": tensors,
            "parameters": request["parameters"],
            "outputs": [
                {"name": name, "parameters": request["of_outputs"]} for name in request["outputs"]
            ],
        }
    )


def as_json(request):
    tensors = [
        {
            "name": name,
            "datatype": datatype,
            "shape": shape,
            "data": data,
            "parameters": request["of_inputs"],
        }
        for name, datatype, shape, data in request["inputs"]
    ]
    return parse_infer_body(rest_body(request, tensors), "r1", LIMITS).request


def as_binary(request):
    raws = [packed(datatype, data) for _, datatype, _, data in request["inputs"]]
    tensors = [
        {
            "name": name,
            "datatype": datatype,
            "shape": shape,
            "parameters": {**request["of_inputs"], "binary_data_size": len(raw)},
        }
        for (name, datatype, shape, _), raw in zip(request["inputs"], raws, strict=True)
    ]
    text = rest_body(request, tensors)
    return parse_infer_body(b"".join([text, *raws]), "r1", LIMITS, str(len(text))).request


def grpc_message(request):
    sent = ModelInferRequest(id=request["request_id"])
    for name, datatype, shape, _ in request["inputs"]:
        added = sent.inputs.add(name=name, datatype=datatype, shape=shape)
        set_parameters(added.parameters, request["of_inputs"])
    for name in request["outputs"]:
        set_parameters(sent.outputs.add(name=name).parameters, request["of_outputs"])
    set_parameters(sent.parameters, request["parameters"])
    return sent


def set_parameters(target, parameters):
    for name, value in parameters.items():
        choice = "uint64_param" if value == 2**64 - 1 else CHOICES[type(value)]
        setattr(target[name], choice, value)


def as_typed(request):
    sent = grpc_message(request)
    for tensor, (_, datatype, _, data) in zip(sent.inputs, request["inputs"], strict=True):
        if data:
            getattr(tensor.contents, CONTENTS[datatype]).extend(as_bytes(data))
    return decode_grpc(sent, LIMITS)


def as_raw(request):
    sent = grpc_message(request)
    raws = [packed(datatype, data) for _, datatype, _, data in request["inputs"]]
    sent.raw_input_contents.extend(raws)
    return decode_grpc(sent, LIMITS)


def verdict(read, request):
    try:
        return decode_infer(read(request))
    except InvalidRequest as refusal:
        return str(refusal)


def assert_alike(spellings, request, expected):
    first, *others = [verdict(spell, request) for spell in spellings]
    assert isinstance(first, str) == bool(expected)
    assert expected in str(first)
    assert others == [first] * len(others)


@pytest.mark.parametrize(("request_", "expected"), CORPUS.values(), ids=CORPUS.keys())
def test_all_four_spellings_get_the_same_verdict_in_the_same_words(request_, expected):
    assert_alike([as_json, as_binary, as_typed, as_raw], request_, expected)


@pytest.mark.parametrize(("request_", "expected"), TYPED_ALONE.values(), ids=TYPED_ALONE.keys())
def test_json_and_typed_contents_get_the_same_verdict_in_the_same_words(request_, expected):
    assert_alike([as_json, as_typed], request_, expected)


@pytest.mark.parametrize(("request_", "expected"), BYTES_ALONE.values(), ids=BYTES_ALONE.keys())
def test_bytes_get_the_same_verdict_in_the_same_words_on_both_wires(request_, expected):
    assert_alike([as_binary, as_typed, as_raw], request_, expected)
