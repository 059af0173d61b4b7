"""Requests that both wires can say, in four spellings each, and what is said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from predictor.protocol.raw import pack
from tests.predictor.server.corpus import grpc, rest
from tests.predictor.server.corpus.rest_cases_binary import binary, prefixed, spell

Input = tuple[str, str, Sequence[int], Sequence[Any]]


@dataclass(frozen=True)
class Asked:
    """Inputs as (name, datatype, shape, elements), and whatever else a request has."""

    inputs: Sequence[Input]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[str] = ()
    request_id: str = "id-1"
    model: str = "r1"
    version: str = ""
    of_inputs: Mapping[str, Any] = field(default_factory=dict)
    of_outputs: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> bytes:
        tensors = [
            {
                "name": name,
                "datatype": datatype,
                "shape": shape,
                "data": data,
                "parameters": self.of_inputs,
            }
            for name, datatype, shape, data in self.inputs
        ]
        return rest.post(self._path(), {"inputs": tensors, **self._members()})

    def as_binary(self) -> bytes:
        tensors = [
            binary(name, datatype, packed(datatype, data), shape, **self.of_inputs)
            for name, datatype, shape, data in self.inputs
        ]
        body, length = spell(*tensors, **self._members())
        return rest.post(self._path(), body, Inference_Header_Content_Length=str(length))

    def as_typed(self) -> bytes:
        return self._as_grpc(
            [
                grpc.tensor(name, data, datatype, shape, parameters=self.of_inputs)
                for name, datatype, shape, data in self.inputs
            ]
        )

    def as_raw(self) -> bytes:
        empty = [
            grpc.tensor(name, (), datatype, shape, parameters=self.of_inputs)
            for name, datatype, shape, _ in self.inputs
        ]
        return self._as_grpc(
            empty, [packed(datatype, data) for _, datatype, _, data in self.inputs]
        )

    def _path(self) -> str:
        version = f"/versions/{self.version}" if self.version else ""
        return f"/v2/models/{self.model}{version}/infer"

    def _members(self) -> dict[str, Any]:
        outputs = [{"name": name, "parameters": self.of_outputs} for name in self.outputs]
        return {"id": self.request_id, "parameters": self.parameters, "outputs": outputs}

    def _as_grpc(self, inputs: Sequence[Any], raw: Sequence[bytes] = ()) -> bytes:
        return grpc.only(
            *inputs,
            parameters=self.parameters,
            outputs=[grpc.requested(name, **self.of_outputs) for name in self.outputs],
            raw=raw,
            id=self.request_id,
            model_name=self.model,
            model_version=self.version,
        )


def packed(datatype: str, data: Sequence[Any]) -> bytes:
    if datatype == "BYTES":
        return prefixed(*(item if isinstance(item, bytes) else item.encode() for item in data))
    # Datatypes that the server does not know have no elements here.
    return pack(datatype, data) if data else b""
