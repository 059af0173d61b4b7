"""A gRPC client's session, and grpc's own server to ask."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

import grpc

from loadtest.config import RunConfig
from loadtest.exchange import Exchange
from loadtest.net.endpoint import make_endpoint
from loadtest.net.grpc_client import GrpcClient
from loadtest.net.reactor import Reactor
from loadtest.net.tls import make_tls
from loadtest.wire.make import make_wire
from tests.loadtest.net.driving import Session, a_prompt
from tests.loadtest.net.raw_server import Handler, serving

UNARY, STREAM = "grpc-infer", "grpc-stream"
PROMPT = "a rather long prompt of many letters"


@contextmanager
def session(
    address: str,
    protocol: str = UNARY,
    *,
    max_connections: int = 4,
    max_streams: int = 100,
    **settings: Any,
) -> Iterator[Session]:
    target = address if "://" in address else f"grpc://{address}"
    config = RunConfig(target=target, protocol=protocol, **settings)
    reactor, wire = Reactor(), make_wire(config)
    client = GrpcClient(
        reactor,
        make_endpoint(config),
        wire,
        max_connections,
        make_tls(config, ("h2",)),
        max_streams_per_connection=max_streams,
    )
    try:
        yield Session(cast(Any, client), reactor, wire)
    finally:
        client.close()
        reactor.close()


def ask(address: str, protocol: str = UNARY, prompt: Any = None, **settings: Any) -> Exchange:
    with session(address, protocol, **settings) as opened:
        return opened.ask(prompt or a_prompt())


def ask_raw(handle: Handler, protocol: str = UNARY, **settings: Any) -> Exchange:
    with serving(handle) as address:
        return ask(address, protocol, a_prompt(PROMPT), **settings)


Method = Callable[[bytes, grpc.ServicerContext], Any]


@contextmanager
def grpc_server(
    method: Method, credentials: grpc.ServerCredentials | None = None
) -> Iterator[tuple[str, grpc.Server]]:
    """Serve both rpcs by grpc's own server: ``method`` takes and yields bytes."""

    def unary(request: bytes, context: grpc.ServicerContext) -> bytes:
        return b"".join(method(request, context))

    def stream(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        yield from method(next(requests), context)

    handlers = {
        "ModelInfer": grpc.unary_unary_rpc_method_handler(unary),
        "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(stream),
    }
    server = grpc.server(ThreadPoolExecutor(8))
    service = "inference.GRPCInferenceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    address = "127.0.0.1:0"
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}", server
    finally:
        server.stop(0).wait()
