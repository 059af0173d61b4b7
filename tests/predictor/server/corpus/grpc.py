"""A gRPC case and its builders: messages as the very bytes that are sent."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from predictor.protocol.grpc import CONTENTS
from predictor.protocol.messages import ModelInferRequest
from tests.predictor.server.corpus.rest import PROMPT

ID = "bad"
_CHOICES = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}


class Case(NamedTuple):
    """A ModelInferRequest with the status and some words of its error; a stream repeats the id."""

    request: bytes
    status: str
    words: str
    request_id: str = ID


def field(number: int, payload: bytes) -> bytes:
    """Return a field of bytes, known to the message or not."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value: int) -> bytes:
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def tensor(
    name: str,
    data: Sequence[Any],
    datatype: str = "BYTES",
    shape: Sequence[int] | None = None,
    contents: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Any:
    """Return an input; ``contents`` is the field for its data, by default the datatype's own."""
    added = ModelInferRequest.InferInputTensor(
        name=name, datatype=datatype, shape=[len(data)] if shape is None else shape
    )
    if data:
        elements = [item.encode() if isinstance(item, str) else item for item in data]
        getattr(added.contents, contents or CONTENTS[datatype]).extend(elements)
    set_parameters(added.parameters, parameters or {})
    return added


def set_parameters(target: Any, values: Mapping[str, Any]) -> None:
    """Set parameters by the types of their values; those from 2^63 are UINT64."""
    for name, value in values.items():
        is_large = type(value) is int and value >= 2**63
        setattr(target[name], "uint64_param" if is_large else _CHOICES[type(value)], value)


TEXT = tensor("text_input", [PROMPT])


def only(
    *inputs: Any,
    parameters: Mapping[str, Any] | None = None,
    outputs: Sequence[Any] = (),
    raw: Sequence[bytes] = (),
    **fields: Any,
) -> bytes:
    """Return a request of these inputs; an output is its name or a message."""
    request = ModelInferRequest(**{"model_name": "r1", "id": ID, **fields})
    request.inputs.extend(inputs)
    for output in outputs:
        named = isinstance(output, str)
        request.outputs.append(requested(output) if named else output)
    request.raw_input_contents.extend(raw)
    set_parameters(request.parameters, parameters or {})
    data: bytes = request.SerializeToString()
    return data


def asking(*inputs: Any, **members: Any) -> bytes:
    """The same with the prompt before them."""
    return only(TEXT, *inputs, **members)


def requested(name: str, **parameters: Any) -> Any:
    output = ModelInferRequest.InferRequestedOutputTensor(name=name)
    set_parameters(output.parameters, parameters)
    return output


def bad(
    requests: Mapping[str, tuple[bytes, str]], status: str = "INVALID_ARGUMENT", **members: Any
) -> dict[str, Case]:
    """Return cases that all have one status."""
    return {
        name: Case(request, status, words, **members) for name, (request, words) in requests.items()
    }
