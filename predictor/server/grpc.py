"""The gRPC server: its address, its limits, and the services behind them."""

import asyncio
import logging
from functools import partial
from typing import Any, Final

import grpc

from predictor.config import Limits, ServerConfig
from predictor.errors import SettingRefused
from predictor.metrics import Metrics
from predictor.model import LanguageModel
from predictor.server.grpc_calls import Calls
from predictor.server.grpc_health import HealthService
from predictor.server.grpc_inference import InferenceService
from predictor.server.grpc_reflection import reflection_handler

logger = logging.getLogger(__name__)

# The tasks of grpc.aio that take calls in, and that end a server which cannot any more.
ACCEPTING: Final = "AioServer._server_main_loop"
STOPPING: Final = "AioServer.shutdown"
RETRY_INTERVAL_S: Final = 0.01

# Of one connection; RFC 9113, 6.5.2, advises against less. Further calls wait in their client.
MAX_CONCURRENT_STREAMS: Final = 100
# A client that vanished without a word still has its sequence: ask after this silence,
KEEPALIVE_TIME_MS: Final = 30_000
# and end its calls after this much more.
KEEPALIVE_TIMEOUT_MS: Final = 20_000
# Clients ask too while they wait for a long generation; grpc's own minimum of 5 minutes would
# cut them off for it.
MIN_CLIENT_PING_INTERVAL_MS: Final = 5_000


class GrpcServer:
    """A grpc.aio server for one model: inference, health and, where set, reflection.

    grpc.aio stops accepting for good at a call whose path is not UTF-8: any client could end it.
    Another server then takes the address over while the calls under way go on in the first. Calls
    that the first has not begun are cancelled, and clients must connect again.
    """

    def __init__(self, model: LanguageModel, config: ServerConfig, metrics: Metrics) -> None:
        self._config = config
        self._calls = Calls(metrics, config.limits)
        self._health = HealthService(model, self._calls)
        self._handlers = [InferenceService(model, self._calls).handler(), self._health.handler()]
        if config.grpc_reflection:
            self._handlers.append(reflection_handler(self._calls))
        self._servers: list[grpc.aio.Server] = []
        # Also keeps alive what the first server's calls hang on.
        self._successions: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listen, and return the port; raises SettingRefused when that cannot be."""
        self._health.start()
        self._port = self._config.grpc_port
        self._port = await self._listen()
        return self._port

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls and requests and give those under way ``grace_s`` to end."""
        self._calls.stopping.set()
        self._health.stop()
        for succession in self._successions:
            succession.cancel()
        await asyncio.gather(*self._successions, return_exceptions=True)
        await asyncio.gather(*(server.stop(grace_s) for server in self._servers))

    async def _listen(self) -> int:
        server = grpc.aio.server(options=_options(self._config.limits))
        server.add_generic_rpc_handlers(self._handlers)
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        try:
            port: int = server.add_insecure_port(f"{host}:{self._port}")
        except RuntimeError as error:
            raise SettingRefused(
                f"grpc_port is {self._port}, which cannot be listened on at {host}"
            ) from error
        running = asyncio.all_tasks()
        await server.start()
        self._servers.append(server)
        for task in _named(ACCEPTING, asyncio.all_tasks() - running):
            task.add_done_callback(partial(self._on_accepting_ended, server))
        return port

    def _on_accepting_ended(self, server: grpc.aio.Server, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or task.exception() is None or self._calls.stopping.is_set():
            return
        logger.error("grpc cannot read the path of a call and accepts no more, listening again")
        for stopping in _named(STOPPING, asyncio.all_tasks()):
            # It does what it can, and then fails as ``task`` did, unheard.
            stopping.add_done_callback(asyncio.Task.exception)
        succession = asyncio.create_task(self._succeed(server))
        self._successions.add(succession)
        succession.add_done_callback(self._successions.discard)

    async def _succeed(self, server: grpc.aio.Server) -> None:
        """Listen again, and let go of the server when its last call has ended."""
        while True:
            try:
                await self._listen()
                break
            except SettingRefused:
                # The first server's socket is closed by a thread of grpc's.
                await asyncio.sleep(RETRY_INTERVAL_S)
        await server.stop(self._config.limits.request_timeout_s)
        self._servers.remove(server)


def _named(name: str, tasks: "set[asyncio.Task[Any]]") -> "list[asyncio.Task[Any]]":
    return [task for task in tasks if getattr(task.get_coro(), "__qualname__", "") == name]


def _options(limits: Limits) -> list[tuple[str, int]]:
    """Return grpc's channel arguments: https://grpc.github.io/grpc/core, grpc_arg_keys."""
    return [
        # Without this a second server would share the port and take half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.max_body_bytes),
        ("grpc.max_send_message_length", -1),
        # A compressed message is limited by its size before it is unpacked, which bounds nothing.
        ("grpc.compression_enabled_algorithms_bitset", 1),
        # Between a soft limit and a hard one calls would be refused at random.
        ("grpc.max_metadata_size", limits.max_header_bytes),
        ("grpc.absolute_max_metadata_size", limits.max_header_bytes),
        ("grpc.max_concurrent_streams", MAX_CONCURRENT_STREAMS),
        ("grpc.server_handshake_timeout_ms", _ms(limits.header_timeout_s)),
        ("grpc.max_connection_idle_ms", _ms(limits.idle_timeout_s)),
        ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", MIN_CLIENT_PING_INTERVAL_MS),
    ]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
