"""The message classes against the proto file and against kserve's."""

import json
import subprocess
import sys
from pathlib import Path

from kserve.protocol.grpc import grpc_predict_v2_pb2 as kserve_pb2

import predictor.protocol
from predictor.protocol.messages import METHODS, SERVICE, ModelInferRequest, ModelInferResponse

PROTO_DIR = Path(predictor.protocol.__file__).parent


def test_the_compiled_messages_are_those_of_the_proto_file(tmp_path):
    compiled = tmp_path / "compiled"
    command = [sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", "-I", str(PROTO_DIR)]
    subprocess.run(
        [*command, "--descriptor_set_out", str(compiled), "open_inference.proto"], check=True
    )
    assert compiled.read_bytes() == (PROTO_DIR / "open_inference.binpb").read_bytes()


def fields_of(descriptor, at):
    for field in descriptor.fields:
        yield (f"{at}.{field.name}", field.number, field.type, field.is_repeated)
    for nested in descriptor.nested_types:
        yield from fields_of(nested, f"{at}.{nested.name}")


def fields_of_file(file):
    return {
        field
        for name, descriptor in file.message_types_by_name.items()
        for field in fields_of(descriptor, name)
    }


def fields_that_others_know():
    """Return our fields but for the one that the protocol has gained since."""
    newer = ("ModelMetadataResponse.properties", "ModelMetadataResponse.PropertiesEntry.")
    ours = fields_of_file(ModelInferRequest.DESCRIPTOR.file)
    return {field for field in ours if not field[0].startswith(newer)}


def test_every_field_that_kserve_knows_has_the_same_number_and_type():
    theirs = fields_of_file(kserve_pb2.DESCRIPTOR)
    ours = fields_that_others_know()
    assert {field[0] for field in theirs - ours} == {
        "RepositoryModelLoadRequest.model_name",
        "RepositoryModelLoadResponse.model_name",
        "RepositoryModelLoadResponse.isLoaded",
        "RepositoryModelUnloadRequest.model_name",
        "RepositoryModelUnloadResponse.model_name",
        "RepositoryModelUnloadResponse.isUnloaded",
    }
    assert {field[:2] for field in ours - theirs} == {
        ("InferParameter.double_param", 4),
        ("InferParameter.uint64_param", 5),
        ("ModelStreamInferResponse.error_message", 1),
        ("ModelStreamInferResponse.infer_response", 2),
        ("RepositoryIndexRequest.repository_name", 1),
        ("RepositoryIndexRequest.ready", 2),
        ("RepositoryIndexResponse.models", 1),
        ("RepositoryIndexResponse.ModelIndex.name", 1),
        ("RepositoryIndexResponse.ModelIndex.version", 2),
        ("RepositoryIndexResponse.ModelIndex.state", 3),
        ("RepositoryIndexResponse.ModelIndex.reason", 4),
    }


# In a process of its own: tritonclient's messages have the names of kserve's.
LIST_TRITON_FIELDS = """
import json
from tritonclient.grpc import service_pb2

def fields_of(descriptor, at):
    for field in descriptor.fields:
        yield f"{at}.{field.name}", field.number, field.type, field.is_repeated
    for nested in descriptor.nested_types:
        yield from fields_of(nested, f"{at}.{nested.name}")

file = service_pb2.DESCRIPTOR
fields = [list(fields_of(d, name)) for name, d in file.message_types_by_name.items()]
methods = [
    (m.name, m.input_type.name, m.output_type.name, m.client_streaming, m.server_streaming)
    for m in file.services_by_name["GRPCInferenceService"].methods
]
print(json.dumps([sum(fields, []), methods]))
"""


def test_every_field_and_method_is_one_that_triton_has():
    command = [sys.executable, "-W", "ignore", "-c", LIST_TRITON_FIELDS]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    fields, methods = (set(map(tuple, rows)) for rows in listed)
    ours = {
        (
            m.name,
            m.request.DESCRIPTOR.name,
            m.response.DESCRIPTOR.name,
            m.is_request_stream,
            m.is_response_stream,
        )
        for m in METHODS
    }
    assert fields_that_others_know() <= fields
    assert ours <= methods


def test_our_messages_are_not_in_protobuf_s_default_pool():
    assert ModelInferRequest.DESCRIPTOR.file.pool is not kserve_pb2.DESCRIPTOR.pool
    assert ModelInferRequest is not kserve_pb2.ModelInferRequest


def test_the_methods_say_what_a_generic_handler_needs():
    assert SERVICE == "inference.GRPCInferenceService"
    streams = {m.name: (m.is_request_stream, m.is_response_stream) for m in METHODS}
    assert streams == {
        "ServerLive": (False, False),
        "ServerReady": (False, False),
        "ModelReady": (False, False),
        "ServerMetadata": (False, False),
        "ModelMetadata": (False, False),
        "ModelInfer": (False, False),
        "ModelStreamInfer": (True, True),
        "RepositoryIndex": (False, False),
    }
    infer = next(method for method in METHODS if method.name == "ModelInfer")
    assert (infer.request, infer.response) == (ModelInferRequest, ModelInferResponse)
