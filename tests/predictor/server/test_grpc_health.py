"""What gRPC says of a model that loads, serves, drains, and of a server that stops."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry

from predictor.config import DEMO_MODEL_DIR, ServerConfig
from predictor.engine.messages import Ready
from predictor.metrics import Metrics
from predictor.model import LanguageModel
from predictor.protocol import messages
from predictor.server.grpc import GrpcServer

RunOnALoop = Callable[[Callable[[], Awaitable[None]]], None]
OUR_SERVICE = "inference.GRPCInferenceService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


READY = Ready(640, 4096, (634,), "cpu", "float32", 100)


@dataclass
class FakeEngine:
    """An engine that is ready as soon as it runs; no request here gets as far."""

    can_recover: ClassVar = True

    ready: Ready | None = None
    is_closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self.ready = READY
        await self.is_closed.wait()

    async def wait_ready(self) -> Ready:
        return READY

    def close(self) -> None:
        self.ready = None
        self.is_closed.set()


@dataclass
class Serving:
    """A gRPC server whose model loads when it is told to."""

    model: LanguageModel
    server: GrpcServer
    channel: grpc.aio.Channel
    registry: CollectorRegistry

    @property
    def health(self) -> Any:
        return health_pb2_grpc.HealthStub(self.channel)

    async def check(self, service: str = "") -> int:
        request = health_pb2.HealthCheckRequest(service=service)
        status: int = (await self.health.Check(request)).status
        return status

    def watch(self, service: str = "") -> Any:
        return self.health.Watch(health_pb2.HealthCheckRequest(service=service))

    async def call(self, name: str, /, **fields: Any) -> Any:
        method = next(method for method in messages.METHODS if method.name == name)
        rpc = self.channel.unary_unary(
            f"/{messages.SERVICE}/{name}",
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        return await rpc(method.request(**fields))


@asynccontextmanager
async def serving(*options: tuple[str, str]) -> AsyncIterator[Serving]:
    config = ServerConfig(model_dir=DEMO_MODEL_DIR, grpc_port=0)
    client: Any = FakeEngine()
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    model = LanguageModel(config, client, metrics, max_num_seqs=2)
    server = GrpcServer(model, config, metrics)
    port = await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            yield Serving(model, server, channel, registry)
    finally:
        await server.stop(0)


@asynccontextmanager
async def loaded(model: LanguageModel) -> AsyncIterator[None]:
    engine = asyncio.create_task(model.start_engine())
    try:
        await model.wait_loaded()
        yield
    finally:
        model.stop_engine()
        await engine


async def refusal(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details()


async def next_status(watch: Any) -> int:
    status: int = (await watch.read()).status
    return status


def test_health_is_serving_exactly_while_the_model_is_ready(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with serving() as s:
            assert [await s.check(), await s.check(OUR_SERVICE)] == [NOT_SERVING] * 2
            async with loaded(s.model):
                assert [await s.check(), await s.check(OUR_SERVICE)] == [SERVING] * 2
                s.model.drain()
                assert [await s.check(), await s.check(OUR_SERVICE)] == [NOT_SERVING] * 2

    run_on_a_loop(body)


def test_a_watch_is_sent_every_change_though_another_watch_has_ended(
    run_on_a_loop: RunOnALoop,
) -> None:
    async def body() -> None:
        async with serving() as s:
            watch, other = s.watch(), s.watch()
            assert [await next_status(watch), await next_status(other)] == [NOT_SERVING] * 2
            other.cancel()
            async with loaded(s.model):
                assert await next_status(watch) == SERVING
                s.model.drain()
                assert await next_status(watch) == NOT_SERVING

    run_on_a_loop(body)


def test_a_stop_ends_watches_with_their_last_status(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with serving() as s, loaded(s.model):
            watch = s.watch()
            assert await next_status(watch) == SERVING
            stopped = asyncio.create_task(s.server.stop(10))
            assert await next_status(watch) == NOT_SERVING
            assert await refusal(watch.read()) == (
                grpc.StatusCode.UNAVAILABLE,
                "the server is stopping",
            )
            # Long before the ten seconds, for which nothing waits.
            await asyncio.wait_for(stopped, 9)

    run_on_a_loop(body)


def test_an_unknown_service_is_not_found_but_may_be_watched(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with serving() as s:
            code, details = await refusal(s.check("inference.Other"))
            assert code is grpc.StatusCode.NOT_FOUND
            assert "'inference.Other'" in details
            assert await next_status(s.watch("inference.Other")) == SERVICE_UNKNOWN

    run_on_a_loop(body)


def test_the_index_and_readiness_follow_the_model(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with serving() as s:
            index = await s.call("RepositoryIndex")
            assert [(m.name, m.version, m.state, m.reason) for m in index.models] == [
                ("r1", "1", "UNAVAILABLE", "is loading")
            ]
            assert not (await s.call("RepositoryIndex", ready=True)).models
            assert (await s.call("ServerLive")).live
            assert not (await s.call("ServerReady")).ready
            assert not (await s.call("ModelReady", name="r1")).ready
            async with loaded(s.model):
                (entry,) = (await s.call("RepositoryIndex", ready=True)).models
                assert (entry.state, entry.reason) == ("READY", "")
                assert (await s.call("ModelReady", name="r1", version="1")).ready

    run_on_a_loop(body)


def test_a_repository_with_a_name_is_not_found(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with serving() as s:
            code, details = await refusal(s.call("RepositoryIndex", repository_name="main"))
            assert code is grpc.StatusCode.NOT_FOUND
            assert "'main'" in details

    run_on_a_loop(body)


def test_infer_is_unavailable_while_the_model_loads_and_drains(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with serving() as s:
            code, details = await refusal(s.call("ModelInfer", model_name="r1"))
            assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "model r1 is loading")
            async with loaded(s.model):
                s.model.drain()
                code, details = await refusal(s.call("ModelInfer", model_name="r1"))
                assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "model r1 is stopping")

    run_on_a_loop(body)


# As kserve's InferenceGRPCClient sets it, but for the time between attempts.
RETRIES = {
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.01s",
                "maxBackoff": "0.01s",
                "backoffMultiplier": 1,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def test_a_client_that_may_try_again_does(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with serving(("grpc.service_config", json.dumps(RETRIES))) as s:
            await refusal(s.call("ModelInfer", model_name="r1"))
            labels = {"protocol": "grpc", "route": "ModelInfer", "outcome": "unavailable"}
            assert s.registry.get_sample_value("r1_requests_total", labels) == 3

    run_on_a_loop(body)


def test_a_stream_is_answered_until_the_stop_and_then_told_of_it(
    run_on_a_loop: RunOnALoop,
) -> None:
    async def body() -> None:
        async with serving() as s:
            rpc = s.channel.stream_stream(
                f"/{OUR_SERVICE}/ModelStreamInfer",
                request_serializer=messages.ModelInferRequest.SerializeToString,
                response_deserializer=messages.ModelStreamInferResponse.FromString,
            )
            stream = rpc()
            await stream.write(messages.ModelInferRequest(model_name="r1", id="7"))
            assert (await stream.read()).error_message == "model r1 is loading"
            stopped = asyncio.create_task(s.server.stop(10))
            assert await refusal(stream.read()) == (
                grpc.StatusCode.UNAVAILABLE,
                "the server is stopping",
            )
            # Long before the ten seconds, for which nothing waits.
            await asyncio.wait_for(stopped, 9)
            code, _ = await refusal(s.call("ServerLive"))
            assert code is grpc.StatusCode.UNAVAILABLE

    run_on_a_loop(body)
