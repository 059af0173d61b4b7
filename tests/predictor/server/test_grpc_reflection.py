"""Server reflection as grpcurl uses it: services, their files, messages made from those."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

Request = reflection_pb2.ServerReflectionRequest
SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1alpha.ServerReflection",
    "inference.GRPCInferenceService",
]


@pytest.fixture(scope="module")
def channel(module_start: Callable[..., Any]) -> Iterator[grpc.Channel]:
    predictor = module_start("--model-dir=demo", "--grpc-reflection")
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        yield channel


def reflect(channel: grpc.Channel, *requests: Any) -> list[Any]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    return list(stub.ServerReflectionInfo(iter(requests), timeout=60))


def test_a_client_that_knows_nothing_learns_the_services_and_calls_one(
    channel: grpc.Channel,
) -> None:
    (listed,) = reflect(channel, Request(list_services=""))
    names = [service.name for service in listed.list_services_response.service]
    files = reflect(channel, *[Request(file_containing_symbol=name) for name in names])
    pool = DescriptorPool()
    for answer in files:
        for file in answer.file_descriptor_response.file_descriptor_proto:
            pool.Add(descriptor_pb2.FileDescriptorProto.FromString(file))
    method = pool.FindServiceByName("inference.GRPCInferenceService").FindMethodByName("ModelInfer")
    request = message_factory.GetMessageClass(method.input_type)(model_name="r1")
    request.parameters["temperature"].double_param = 0.0
    text = request.inputs.add(name="text_input", datatype="BYTES", shape=[1])
    text.contents.bytes_contents.append(b"3*4=")
    infer = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    response = infer(request, timeout=60)

    assert names == SERVICES
    assert response.outputs[0].contents.bytes_contents == [b"12"]


def test_what_does_not_exist_is_not_found(channel: grpc.Channel) -> None:
    unknown = [Request(file_containing_symbol="inference.Other"), Request(file_by_filename="a")]

    answers = reflect(channel, *unknown)

    not_found = grpc.StatusCode.NOT_FOUND.value[0]
    assert [answer.error_response.error_code for answer in answers] == [not_found] * 2


def test_without_the_flag_there_is_no_reflection(predictor: Any) -> None:
    with (
        grpc.insecure_channel(predictor.grpc_address) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        reflect(channel, Request(list_services=""))

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
