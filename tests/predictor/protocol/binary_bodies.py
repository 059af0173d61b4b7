"""Bodies with binary tensors, for the tests of what is taken and of what is refused."""

import struct

import orjson

from predictor.config import Limits
from predictor.protocol.rest import parse_infer_body

SECRET = b"SECRET-PROMPT"
HEADER = "inference-header-content-length"


def prefixed(*texts):
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def spell(*tensors, **members):
    """Return a body and its header from tensors, each with its bytes or None."""
    text = orjson.dumps({"inputs": [tensor for tensor, _ in tensors], **members})
    return text + b"".join(raw for _, raw in tensors if raw is not None), str(len(text))


def binary(name, datatype, raw, shape=(1,), **parameters):
    size = {"binary_data_size": len(raw), **parameters}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": size}, raw


def in_json(name, datatype, data):
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data}, None


def parse(body, header=None):
    return parse_infer_body(body, "r1", Limits(), header)


TEXT = binary("text_input", "BYTES", prefixed(SECRET))
