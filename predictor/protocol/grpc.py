"""The protocol's protobuf messages <-> kserve's InferRequest and InferResponse."""

import struct
from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from kserve.protocol.infer_type import (
    InferInput,
    InferOutput,
    InferRequest,
    InferResponse,
    RequestedOutput,
)

from predictor.errors import InvalidRequest
from predictor.protocol.messages import ModelInferResponse
from predictor.protocol.tensors import (
    check_count,
    check_datatype,
    check_id,
    check_num_entries,
    count_rows,
)
from predictor.protocol.wording import listing, quote

# Datatype -> its field of InferTensorContents and its letter in ``struct``.
CONTENTS: Final = {
    "BOOL": ("bool_contents", "B"),
    "INT8": ("int_contents", "b"),
    "INT16": ("int_contents", "h"),
    "INT32": ("int_contents", "i"),
    "INT64": ("int64_contents", "q"),
    "UINT8": ("uint_contents", "B"),
    "UINT16": ("uint_contents", "H"),
    "UINT32": ("uint_contents", "I"),
    "UINT64": ("uint64_contents", "Q"),
    "FP32": ("fp32_contents", "f"),
    "FP64": ("fp64_contents", "d"),
    "BYTES": ("bytes_contents", "s"),
}


def decode_grpc(message: Message) -> InferRequest:
    """Return the request in a ModelInferRequest, every tensor's data as a flat list.

    The model's name and version are not compared with anything. Raises InvalidRequest.
    """
    _refuse_unknown_fields(message, "the request")
    check_num_entries("inputs", len(message.inputs))
    check_num_entries("outputs", len(message.outputs))
    raws = message.raw_input_contents
    if raws and len(raws) != len(message.inputs):
        raise InvalidRequest(
            f"raw_input_contents has {len(raws)} entries, must have {len(message.inputs)}, one for "
            "each input"
        )
    return InferRequest(
        model_name=message.model_name,
        model_version=message.model_version or None,
        request_id=check_id(message.id) or None,
        parameters=_decode_parameters(message.parameters, "the request"),
        infer_inputs=[
            _decode_input(tensor, raws[index] if raws else None)
            for index, tensor in enumerate(message.inputs)
        ],
        request_outputs=[_decode_output(output) for output in message.outputs],
        from_grpc=True,
    )


def encode_grpc(response: InferResponse, *, raw: bool) -> Message:
    """Return a ModelInferResponse, its tensors raw as those of a request that is raw."""
    message = ModelInferResponse(
        model_name=response.model_name,
        model_version=response.model_version or "",
        id=response.id or "",
    )
    for name, value in (response.parameters or {}).items():
        setattr(message.parameters[name], _PARAMETER_FIELDS[type(value)], value)
    for output in response.outputs:
        tensor = message.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        if raw:
            message.raw_output_contents.append(_pack(output))
        else:
            field, _ = CONTENTS[output.datatype]
            getattr(tensor.contents, field).extend(_elements(output))
    return message


_PARAMETER_FIELDS: Final = {
    bool: "bool_param",
    int: "int64_param",
    str: "string_param",
    float: "double_param",
}


def _refuse_unknown_fields(message: Message, what: str) -> None:
    """Refuse what a newer client says and we would lose."""
    for field in UnknownFieldSet(message):
        raise InvalidRequest(f"{what} has a field numbered {field.field_number}, which is unknown")


def _decode_parameters(parameters: Mapping[str, Message], what: str) -> dict[str, object]:
    check_num_entries(f"{what}: parameters", len(parameters))
    return {name: _decode_parameter(parameters[name], name) for name in parameters}


def _decode_parameter(parameter: Message, name: str) -> object:
    what = f"parameter {quote(name)}"
    _refuse_unknown_fields(parameter, what)
    field = parameter.WhichOneof("parameter_choice")
    if field is None:
        raise InvalidRequest(
            f"{what} has no value, must have a bool, int64, uint64, double or string"
        )
    return getattr(parameter, field)


def _decode_output(output: Message) -> RequestedOutput:
    what = f"output {quote(output.name)}"
    _refuse_unknown_fields(output, what)
    return RequestedOutput(output.name, _decode_parameters(output.parameters, what))


def _decode_input(tensor: Message, raw: bytes | None) -> InferInput:
    what = f"input {quote(tensor.name)}"
    _refuse_unknown_fields(tensor, what)
    datatype = check_datatype(what, tensor.datatype)
    # As much of it as an error shows.
    shape = list(tensor.shape[:8])
    num_rows = count_rows(what, shape)
    if raw is None:
        data = _decode_contents(tensor.contents, datatype, what)
    elif tensor.contents.ListFields():
        raise InvalidRequest(f"{what} has contents, must have none beside raw_input_contents")
    else:
        data = _unpack(raw, datatype, num_rows, what)
    check_count(what, shape, num_rows, len(data))
    if datatype == "FP32":
        data = [_shortest(value) for value in data]
    parameters = _decode_parameters(tensor.parameters, what)
    return InferInput(tensor.name, shape, datatype, data, parameters)


def _decode_contents(contents: Message, datatype: str, what: str) -> list[object]:
    _refuse_unknown_fields(contents, what)
    expected, _ = CONTENTS[datatype]
    fields = [field.name for field, _ in contents.ListFields()]
    if fields not in ([], [expected]):
        raise InvalidRequest(
            f"{what} has datatype {datatype}, so {expected}, but holds {listing(fields)}"
        )
    return list(getattr(contents, expected))


def _unpack(raw: bytes, datatype: str, num_elements: int, what: str) -> list[object]:
    """Return the elements of little-endian raw contents."""
    if datatype == "BYTES":
        return _unpack_bytes(raw, num_elements, what)
    layout = struct.Struct(f"<{num_elements}{CONTENTS[datatype][1]}")
    if len(raw) != layout.size:
        raise InvalidRequest(
            f"{what}: raw contents are {len(raw)} bytes long, must be {layout.size}"
        )
    elements: list[object] = list(layout.unpack(raw))
    if datatype != "BOOL":
        return elements
    if not set(elements) <= {0, 1}:
        raise InvalidRequest(f"{what}: raw contents of a BOOL must be bytes 0 or 1")
    return [element == 1 for element in elements]


def _unpack_bytes(raw: bytes, num_elements: int, what: str) -> list[object]:
    """Each element has its length in 4 bytes before it."""
    elements: list[object] = []
    at = 0
    for index in range(num_elements):
        start = at + 4
        if start > len(raw):
            raise InvalidRequest(f"{what}: raw contents end before element {index}")
        at = start + int.from_bytes(raw[at:start], "little")
        if at > len(raw):
            raise InvalidRequest(
                f"{what}: element {index} is said to be {at - start} bytes long, but "
                f"{len(raw) - start} are left"
            )
        elements.append(raw[start:at])
    if at < len(raw):
        raise InvalidRequest(
            f"{what}: raw contents have {len(raw) - at} bytes after element {num_elements - 1}"
        )
    return elements


def _shortest(value: object) -> float:
    """Return the shortest decimal that is this FP32: 0.01 as FP32 is a hair less than 0.01."""
    assert isinstance(value, float)
    shorter = (float(f"{value:.{digits}g}") for digits in range(6, 9))
    as_fp32 = struct.Struct("<f")
    return next((s for s in shorter if as_fp32.unpack(as_fp32.pack(s))[0] == value), value)


def _elements(output: InferOutput) -> list[object]:
    if output.datatype != "BYTES":
        return list(output.data)
    return [text.encode() for text in output.data]


def _pack(output: InferOutput) -> bytes:
    elements = _elements(output)
    if output.datatype == "BYTES":
        return b"".join(struct.pack("<I", len(e)) + e for e in elements if isinstance(e, bytes))
    return struct.pack(f"<{len(elements)}{CONTENTS[output.datatype][1]}", *elements)
