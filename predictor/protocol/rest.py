"""The protocol's JSON <-> kserve's InferRequest and InferResponse."""

from typing import Final

import orjson
from kserve.protocol.infer_type import (
    InferInput,
    InferOutput,
    InferRequest,
    InferResponse,
    RequestedOutput,
)

from predictor.errors import InvalidRequest
from predictor.protocol.json_text import check_list, check_members, check_object, parse_object
from predictor.protocol.tensors import (
    check_count,
    check_datatype,
    check_id,
    check_num_entries,
    count_rows,
)
from predictor.protocol.wording import kind, quote

BODY: Final = "the body"


def parse_infer_body(body: bytes, model_name: str) -> InferRequest:
    """Return the request with every tensor's data as a flat list; raises InvalidRequest."""
    members = parse_object(body, BODY)
    # kserve's own client repeats the path's model name in the body.
    optional = ("id", "model_name", "parameters", "outputs")
    check_members(members, BODY, required=("inputs",), optional=optional)
    if members.get("model_name", model_name) != model_name:
        raise InvalidRequest(
            f"model_name is {quote(members['model_name'])}, must be {quote(model_name)} as in the "
            "path, or left out"
        )
    return InferRequest(
        model_name=model_name,
        request_id=_parse_id(members),
        parameters=_parse_parameters(members, "parameters"),
        infer_inputs=[_parse_input(tensor, what) for tensor, what in _tensors(members, "inputs")],
        request_outputs=[_parse_output(item, what) for item, what in _tensors(members, "outputs")],
    )


def dump_infer_response(response: InferResponse) -> bytes:
    """Return the response's JSON, without members that it does not have."""
    members = {
        "model_name": response.model_name,
        "model_version": response.model_version,
        "id": response.id,
        "parameters": response.parameters,
        "outputs": [_dump_output(output) for output in response.outputs],
    }
    present = {name: value for name, value in members.items() if value is not None}
    return orjson.dumps(present, default=bytes.decode)


def _parse_id(members: dict[str, object]) -> str | None:
    if "id" not in members:
        return None
    request_id = members["id"]
    if not isinstance(request_id, str):
        raise InvalidRequest(f"id is {kind(request_id)}, must be a string")
    return check_id(request_id)


def _parse_parameters(members: dict[str, object], what: str) -> dict[str, object]:
    return check_object(members.get("parameters", {}), what)


def _tensors(members: dict[str, object], name: str) -> list[tuple[dict[str, object], str]]:
    items = check_list(members.get(name, []), name)
    check_num_entries(name, len(items))
    whats = [f"{name}[{index}]" for index in range(len(items))]
    return [(check_object(item, what), what) for item, what in zip(items, whats, strict=True)]


def _parse_input(tensor: dict[str, object], what: str) -> InferInput:
    required = ("name", "shape", "datatype", "data")
    check_members(tensor, what, required=required, optional=("parameters",))
    name = _parse_name(tensor, what)
    what = f"input {quote(name)}"
    datatype = check_datatype(what, tensor["datatype"])
    shape = check_list(tensor["shape"], f"{what}: shape")
    num_rows = count_rows(what, shape)
    data = check_list(tensor["data"], f"{what}: data")
    check_count(what, shape, num_rows, len(data))
    return InferInput(
        name=name,
        shape=shape,
        datatype=datatype,
        data=_flatten(data, what) if len(shape) == 2 else data,
        parameters=_parse_parameters(tensor, f"{what}: parameters"),
    )


def _parse_output(output: dict[str, object], what: str) -> RequestedOutput:
    check_members(output, what, required=("name",), optional=("parameters",))
    name = _parse_name(output, what)
    return RequestedOutput(name, _parse_parameters(output, f"output {quote(name)}: parameters"))


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


def _dump_output(output: InferOutput) -> dict[str, object]:
    members = {
        "name": output.name,
        "shape": output.shape,
        "datatype": output.datatype,
        "parameters": output.parameters,
        "data": output.data,
    }
    return {name: value for name, value in members.items() if value is not None}
