"""The protocol's protobuf messages <-> kserve's InferRequest and InferResponse."""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from kserve.protocol.infer_type import (
    InferInput,
    InferRequest,
    InferResponse,
    RequestedOutput,
)

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.messages import ModelInferResponse
from predictor.protocol.raw import encode_text, pack, shortest, unpack
from predictor.protocol.tensors import (
    check_count,
    check_datatype,
    check_id,
    check_num_entries,
    count_rows,
)
from predictor.protocol.wording import listing, quote

# Datatype -> its field of InferTensorContents.
CONTENTS: Final = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def decode_grpc(message: Message, limits: Limits) -> InferRequest:
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
        request_id=check_id(message.id, limits.max_id_length) or None,
        parameters=_decode_parameters(message.parameters, "parameters"),
        infer_inputs=[
            _decode_input(tensor, raws[index] if raws else None, limits.max_rows)
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
            message.raw_output_contents.append(pack(output.datatype, output.data))
        else:
            is_text = output.datatype == "BYTES"
            elements = map(encode_text, output.data) if is_text else output.data
            getattr(tensor.contents, CONTENTS[output.datatype]).extend(elements)
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
    check_num_entries(what, len(parameters))
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
    return RequestedOutput(
        output.name, _decode_parameters(output.parameters, f"{what}: parameters")
    )


def _decode_input(tensor: Message, raw: bytes | None, max_rows: int) -> InferInput:
    what = f"input {quote(tensor.name)}"
    _refuse_unknown_fields(tensor, what)
    datatype = check_datatype(what, tensor.datatype)
    # As much of it as an error shows.
    shape = list(tensor.shape[:8])
    num_rows = count_rows(what, shape, max_rows)
    if raw is None:
        data = _decode_contents(tensor.contents, datatype, what)
    elif tensor.contents.ListFields():
        raise InvalidRequest(f"{what} has contents, must have none beside raw_input_contents")
    else:
        data = unpack(raw, datatype, num_rows, what)
    check_count(what, shape, num_rows, len(data))
    if raw is None and datatype == "FP32":
        data = [shortest(value) for value in data]
    parameters = _decode_parameters(tensor.parameters, f"{what}: parameters")
    if raw is not None:
        _take_binary_size(parameters, len(raw), what)
    return InferInput(tensor.name, shape, datatype, data, parameters)


def _take_binary_size(parameters: dict[str, object], num_bytes: int, what: str) -> None:
    """Check what kserve's client says of raw contents, as it does over REST: how long they are."""
    size = parameters.pop("binary_data_size", num_bytes)
    if size != num_bytes:
        raise InvalidRequest(
            f"{what} has binary_data_size {quote(size)}, must be {num_bytes} as its raw contents"
        )


def _decode_contents(contents: Message, datatype: str, what: str) -> list[Any]:
    _refuse_unknown_fields(contents, what)
    expected = CONTENTS[datatype]
    fields = [field.name for field, _ in contents.ListFields()]
    if fields not in ([], [expected]):
        raise InvalidRequest(
            f"{what} has datatype {datatype}, so {expected}, but holds {listing(fields)}"
        )
    return list(getattr(contents, expected))
