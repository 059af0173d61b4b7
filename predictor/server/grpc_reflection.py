"""Server reflection: grpcurl and its like learn the services from the server."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio

from predictor.protocol import messages
from predictor.server.grpc_calls import Call, Calls

FILES: Final = (messages.FILE, health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
SERVICE: Final = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]


def reflection_handler(calls: Calls) -> grpc.GenericRpcHandler:
    """Return the handler of ``ServerReflection``, which describes just what is served here."""
    # Not the default pool: kserve has put another file of our names there.
    pool = DescriptorPool()
    for file in FILES:
        pool.AddSerializedFile(file.serialized_pb)
    names = [service.full_name for file in FILES for service in file.services_by_name.values()]
    servicer = aio.ReflectionServicer(names, pool)

    async def read_all(call: Call) -> AsyncGenerator[Message, None]:
        while (data := await call.read()) is not None:
            yield await calls.parse(data, reflection_pb2.ServerReflectionRequest)

    async def serve(call: Call) -> None:
        with calls.observe("ServerReflectionInfo", call):
            async with aclosing(read_all(call)) as requests:
                async for response in servicer.ServerReflectionInfo(requests, None):
                    await call.write(response)

    method = messages.methods_of(SERVICE)["ServerReflectionInfo"]
    handlers = {method.name: calls.stream(method, serve)}
    return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)
