"""The protocol's bodies, JSON and binary data <-> kserve's InferRequest and InferResponse."""

from dataclasses import dataclass
from typing import Final

import orjson
from kserve.protocol.infer_type import (
    InferInput,
    InferOutput,
    InferRequest,
    InferResponse,
    RequestedOutput,
)

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.binary import (
    JSON_LENGTH_HEADER,
    BinaryData,
    BinaryOutputs,
    split_body,
    take_flag,
    take_size,
)
from predictor.protocol.json_text import check_list, check_members, check_object, parse_object
from predictor.protocol.raw import pack, unpack
from predictor.protocol.tensors import (
    check_count,
    check_datatype,
    check_id,
    check_num_entries,
    count_rows,
)
from predictor.protocol.wording import kind, quote

BODY: Final = "the body"


@dataclass(frozen=True, slots=True)
class InferCall:
    """A request of the protocol and which outputs of its response are binary."""

    request: InferRequest
    binary_outputs: BinaryOutputs


def parse_infer_body(
    body: bytes, model_name: str, limits: Limits, header_length: str | None = None
) -> InferCall:
    """Return the request with every tensor's data as a flat list; raises InvalidRequest.

    ``header_length`` is the value of JSON_LENGTH_HEADER, None where the request has no such header.
    The parameters of the binary tensor data extension are not among the request's.
    """
    text, binary = split_body(body, header_length)
    members = parse_object(text, BODY, max_depth=limits.max_json_depth)
    # kserve's own client repeats the path's model name in the body.
    optional = ("id", "model_name", "parameters", "outputs")
    check_members(members, BODY, required=("inputs",), optional=optional)
    if members.get("model_name", model_name) != model_name:
        raise InvalidRequest(
            f"model_name is {quote(members['model_name'])}, must be {quote(model_name)} as in the "
            "path, or left out"
        )
    request_id = _parse_id(members, limits.max_id_length)
    parameters = _parse_parameters(members, "parameters")
    by_default = take_flag(parameters, "binary_data_output", "binary_data_output") or False
    inputs = [
        _parse_input(tensor, what, limits.max_rows, binary)
        for tensor, what in _tensors(members, "inputs")
    ]
    if binary is not None:
        binary.check_all_taken()
    outputs, wishes = _parse_outputs(members)
    request = InferRequest(
        model_name=model_name,
        request_id=request_id,
        parameters=parameters,
        infer_inputs=inputs,
        request_outputs=outputs,
    )
    return InferCall(request, BinaryOutputs(by_default, wishes))


def dump_infer_response(
    response: InferResponse, binary_outputs: BinaryOutputs
) -> tuple[bytes, int | None]:
    """Return the body and, if any output is binary, how many bytes of it are JSON.

    The JSON has no members that the response does not have.
    """
    outputs: list[dict[str, object]] = []
    tensors: list[bytes] = []
    for output in response.outputs:
        if binary_outputs.has(output.name):
            tensors.append(pack(output.datatype, output.data))
            outputs.append(_dump_output(output, len(tensors[-1])))
        else:
            outputs.append(_dump_output(output, None))
    members = {
        "model_name": response.model_name,
        "model_version": response.model_version,
        "id": response.id,
        "parameters": response.parameters,
        "outputs": outputs,
    }
    text = orjson.dumps(_present(members))
    return (b"".join([text, *tensors]), len(text)) if tensors else (text, None)


def _parse_id(members: dict[str, object], max_length: int) -> str | None:
    if "id" not in members:
        return None
    request_id = members["id"]
    if not isinstance(request_id, str):
        raise InvalidRequest(f"id is {kind(request_id)}, must be a string")
    return check_id(request_id, max_length)


def _parse_parameters(members: dict[str, object], what: str) -> dict[str, object]:
    parameters = check_object(members.get("parameters", {}), what)
    check_num_entries(what, len(parameters))
    return parameters


def _tensors(members: dict[str, object], name: str) -> list[tuple[dict[str, object], str]]:
    items = check_list(members.get(name, []), name)
    check_num_entries(name, len(items))
    whats = [f"{name}[{index}]" for index in range(len(items))]
    return [(check_object(item, what), what) for item, what in zip(items, whats, strict=True)]


def _parse_input(
    tensor: dict[str, object], what: str, max_rows: int, binary: BinaryData | None
) -> InferInput:
    required = ("name", "shape", "datatype")
    check_members(tensor, what, required=required, optional=("data", "parameters"))
    name = _parse_name(tensor, what)
    what = f"input {quote(name)}"
    datatype = check_datatype(what, tensor["datatype"])
    shape = check_list(tensor["shape"], f"{what}: shape")
    num_rows = count_rows(what, shape, max_rows)
    parameters = _parse_parameters(tensor, f"{what}: parameters")
    size = take_size(parameters, what)
    if (size is None) == ("data" not in tensor):
        given = "neither" if size is None else "both"
        raise InvalidRequest(f"{what} has {given} of data and binary_data_size, must have one")
    if size is None:
        data = check_list(tensor["data"], f"{what}: data")
    elif binary is None:
        raise InvalidRequest(
            f"{what} has binary_data_size, but the request has no header {JSON_LENGTH_HEADER}"
        )
    else:
        data = unpack(binary.take(size, what), datatype, num_rows, what)
    check_count(what, shape, num_rows, len(data))
    flat = _flatten(data, what) if len(shape) == 2 else data
    return InferInput(name, shape, datatype, flat, parameters)


def _parse_outputs(
    members: dict[str, object],
) -> tuple[list[RequestedOutput], dict[str, bool]]:
    """Return the requested outputs and, of those with ``binary_data``, its value."""
    outputs: list[RequestedOutput] = []
    wishes: dict[str, bool] = {}
    for output, item in _tensors(members, "outputs"):
        check_members(output, item, required=("name",), optional=("parameters",))
        name = _parse_name(output, item)
        what = f"output {quote(name)}"
        parameters = _parse_parameters(output, f"{what}: parameters")
        is_binary = take_flag(parameters, "binary_data", f"{what}: binary_data")
        if is_binary is not None:
            wishes[name] = is_binary
        outputs.append(RequestedOutput(name, parameters))
    return outputs, wishes


def _parse_name(members: dict[str, object], what: str) -> str:
    name = members["name"]
    if not isinstance(name, str):
        raise InvalidRequest(f"{what}: name is {kind(name)}, must be a string")
    return name


def _flatten(data: list[object], what: str) -> list[object]:
    """Return the elements of shape [n,1], which come as n lists of one or flat."""
    if not any(isinstance(row, list) for row in data):
        return data
    flat = []
    for index, row in enumerate(data):
        if not isinstance(row, list) or len(row) != 1:
            raise InvalidRequest(f"{what}: data[{index}] must be a list of 1 as its shape says")
        flat.append(row[0])
    return flat


def _dump_output(output: InferOutput, binary_data_size: int | None) -> dict[str, object]:
    members = {"name": output.name, "shape": output.shape, "datatype": output.datatype}
    if binary_data_size is None:
        return _present({**members, "parameters": output.parameters, "data": output.data})
    own = output.parameters or {}
    return {**members, "parameters": {**own, "binary_data_size": binary_data_size}}


def _present(members: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
