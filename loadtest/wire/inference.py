"""The message classes of ``inference.proto``, apart from everyone else's.

kserve, tritonclient and our own predictor register these very names too, so ours live in a
descriptor pool of their own.
"""

from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor


def _load_file() -> FileDescriptor:
    compiled = Path(__file__).with_name("inference.binpb").read_bytes()
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled).file:
        pool.Add(file)
    return pool.FindFileByName("inference.proto")


_FILE: Final = _load_file()
SERVICE: Final[str] = _FILE.services_by_name["GRPCInferenceService"].full_name
ModelInferRequest: Final = message_factory.GetMessageClass(
    _FILE.message_types_by_name["ModelInferRequest"]
)
ModelInferResponse: Final = message_factory.GetMessageClass(
    _FILE.message_types_by_name["ModelInferResponse"]
)
ModelStreamInferResponse: Final = message_factory.GetMessageClass(
    _FILE.message_types_by_name["ModelStreamInferResponse"]
)
