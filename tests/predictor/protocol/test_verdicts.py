"""One corpus, two wires: REST and gRPC judge the same request alike."""

import orjson
import pytest

from predictor.errors import InvalidRequest
from predictor.protocol.grpc import CONTENTS, decode_grpc
from predictor.protocol.messages import ModelInferRequest
from predictor.protocol.rest import parse_infer_body
from predictor.protocol.v2 import decode_infer

# Cases that both wires can spell: inputs (name, datatype, shape, data), parameters, outputs.
T = ("text_input", "BYTES", [1], ["hi"])
CORPUS = {
    "plain": ([T], {}, []),
    "parameters": ([T], {"temperature": 0.6, "seed": 7, "raw": True, "stop": '["a"]'}, []),
    "tensors": ([T, ("temperature", "FP32", [1], [0.01]), ("seed", "UINT8", [1], [7])], {}, []),
    "integer for a float": ([T], {"top_p": 1}, []),
    "outputs": ([T], {}, ["finish_reason"]),
    "chat": ([("messages", "BYTES", [1], ['[{"role":"user","content":"a"}]'])], {}, []),
    "bad chat": ([("messages", "BYTES", [1], ["{}"])], {}, []),
    "no prompt": ([], {}, []),
    "unknown input": ([("prompt", "BYTES", [1], ["a"])], {}, []),
    "duplicate": ([T, T], {}, []),
    "empty": ([("text_input", "BYTES", [1], [""])], {}, []),
    "wrong datatype": ([("text_input", "INT32", [1], [1])], {}, []),
    "unknown datatype": ([("text_input", "FP16", [1], [])], {}, []),
    "shape": ([("text_input", "BYTES", [2, 2], ["a"] * 4)], {}, []),
    "element count": ([("text_input", "BYTES", [2], ["a"])], {}, []),
    "rows": ([T, ("seed", "INT64", [2], [1, 2])], {}, []),
    "INT8 overflow": ([T, ("seed", "INT8", [1], [300])], {}, []),
    "UINT16 overflow": ([T, ("seed", "UINT16", [1], [70000])], {}, []),
    "temperature gap": ([T, ("temperature", "FP64", [1], [0.005])], {}, []),
    "FP32 gap": ([T, ("temperature", "FP32", [1], [0.005])], {}, []),
    "unknown parameter": ([T], {"n": 2}, []),
    "float for an integer": ([T], {"seed": 1.0}, []),
    "bool for an integer": ([T], {"seed": True}, []),
    "uint64": ([T], {"seed": 2**64 - 1}, []),
    "string for a number": ([T], {"temperature": "0.6"}, []),
    "stop is no list": ([T], {"stop": "END"}, []),
    "stop ids": ([T], {"stop_token_ids": "[1, -2]"}, []),
    "both": ([T, ("seed", "INT64", [1], [1])], {"seed": 1}, []),
    "unknown output": ([T], {}, ["text"]),
    "duplicate output": ([T], {}, ["text_output", "text_output"]),
    "logprobs not asked": ([T], {}, ["logprobs"]),
}
CHOICES = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}


def as_rest(inputs, parameters, outputs):
    keys = ("name", "datatype", "shape", "data")
    body = {
        "inputs": [dict(zip(keys, values, strict=True)) for values in inputs],
        "parameters": parameters,
        "outputs": [{"name": name} for name in outputs],
    }
    return parse_infer_body(orjson.dumps(body), "r1")


def as_grpc(inputs, parameters, outputs):
    fields = {**{datatype: field for datatype, (field, _) in CONTENTS.items()}, "FP16": ""}
    sent = ModelInferRequest(outputs=[{"name": name} for name in outputs])
    for name, datatype, shape, data in inputs:
        added = sent.inputs.add(name=name, datatype=datatype, shape=shape)
        elements = [x.encode() if isinstance(x, str) else x for x in data]
        if elements:
            getattr(added.contents, fields[datatype]).extend(elements)
    for name, value in parameters.items():
        choice = "uint64_param" if value == 2**64 - 1 else CHOICES[type(value)]
        setattr(sent.parameters[name], choice, value)
    return decode_grpc(sent)


def verdict(read, case):
    try:
        return decode_infer(read(*case))
    except InvalidRequest as refusal:
        return str(refusal)


@pytest.mark.parametrize("case", CORPUS.values(), ids=CORPUS.keys())
def test_rest_and_grpc_give_the_same_verdict_in_the_same_words(case):
    assert verdict(as_rest, case) == verdict(as_grpc, case)
