"""The message classes of ``open_inference.proto``, apart from everyone else's.

kserve and tritonclient each register these very names in protobuf's default pool, kserve without
double and uint64 parameters, so ours live in a pool of their own.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor
from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Method:
    """What grpc's generic handlers need to know of one rpc."""

    name: str
    request: type[Message]
    response: type[Message]
    is_request_stream: bool
    is_response_stream: bool


def methods_of(service: ServiceDescriptor) -> dict[str, Method]:
    """Return the rpcs of a service by name, in the order of its proto file."""
    return {
        method.name: Method(
            name=method.name,
            request=message_factory.GetMessageClass(method.input_type),
            response=message_factory.GetMessageClass(method.output_type),
            is_request_stream=method.client_streaming,
            is_response_stream=method.server_streaming,
        )
        for method in service.methods
    }


def _load_file() -> FileDescriptor:
    compiled = Path(__file__).with_name("open_inference.binpb").read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.Add(file)
    return pool.FindFileByName("open_inference.proto")


FILE: Final = _load_file()
_CLASSES: Final[dict[str, type[Message]]] = {
    name: message_factory.GetMessageClass(descriptor)
    for name, descriptor in FILE.message_types_by_name.items()
}

ModelInferRequest: Final = _CLASSES["ModelInferRequest"]
ModelInferResponse: Final = _CLASSES["ModelInferResponse"]
ModelMetadataResponse: Final = _CLASSES["ModelMetadataResponse"]
ModelReadyResponse: Final = _CLASSES["ModelReadyResponse"]
ModelStreamInferResponse: Final = _CLASSES["ModelStreamInferResponse"]
RepositoryIndexResponse: Final = _CLASSES["RepositoryIndexResponse"]
ServerLiveResponse: Final = _CLASSES["ServerLiveResponse"]
ServerMetadataResponse: Final = _CLASSES["ServerMetadataResponse"]
ServerReadyResponse: Final = _CLASSES["ServerReadyResponse"]

_SERVICE: Final = FILE.services_by_name["GRPCInferenceService"]
SERVICE: Final[str] = _SERVICE.full_name
METHODS: Final = tuple(methods_of(_SERVICE).values())
