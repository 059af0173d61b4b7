"""The message classes against the proto file and against kserve's."""

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


def test_every_field_that_kserve_knows_has_the_same_number_and_type():
    theirs = fields_of_file(kserve_pb2.DESCRIPTOR)
    ours = fields_of_file(ModelInferRequest.DESCRIPTOR.file)
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
    }


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
    }
    infer = next(method for method in METHODS if method.name == "ModelInfer")
    assert (infer.request, infer.response) == (ModelInferRequest, ModelInferResponse)
