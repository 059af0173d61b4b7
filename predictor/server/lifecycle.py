"""REST, gRPC and the engine: started together, stopped together."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import kserve
import uvicorn

from predictor.config import Addresses, ServerConfig
from predictor.errors import SettingRefused
from predictor.model import LanguageModel
from predictor.server.grpc import GrpcServer
from predictor.server.routes import install

# With the last words under half of the 30 s that Kubernetes gives a pod.
GRACE_PERIOD_S: Final = 12
# Then, for errors to reach those whose generation was not finished.
LAST_WORDS_S: Final = 2


class PredictorServer(kserve.ModelServer):
    """kserve's server with a bind address, our routes for its own, and one way to stop.

    Ports are open while the model loads. ``on_ready`` is called once, when it is loaded.
    """

    def __init__(
        self, config: ServerConfig, model: LanguageModel, on_ready: Callable[[Addresses], None]
    ) -> None:
        super().__init__(
            http_port=config.http_port,
            workers=1,
            enable_grpc=False,
            enable_latency_logging=False,
            grace_period=GRACE_PERIOD_S,
        )
        self._host = config.host
        self._model = model
        self._on_ready = on_ready
        self._grpc = GrpcServer(model, config.host, config.grpc_port)
        self._num_signals = 0
        self._signalled = asyncio.Event()

    def register_signal_handler(self) -> None:
        """Nothing: ``_serve`` does, on the loop that runs."""

    def start(self, models: list[LanguageModel]) -> None:
        """Serve until a signal, or until the engine gives up.

        Raises SettingRefused for an address that is taken, ModelRefused for the model.
        """
        self._listener = _listen(self._host, self.http_port)
        super().start(models)

    async def _serve(self) -> None:
        # kserve calls the two when REST starts: for its routes, and two log lines a request.
        self._rest_server._register_endpoints = partial(install, model=self._model)
        self._rest_server._add_middlewares = lambda app: None
        config = self._rest_server.config
        # The app has nothing to start or stop, and a forced exit would leave this task behind.
        config.lifespan = "off"
        config.timeout_graceful_shutdown = self.grace_period + LAST_WORDS_S
        self._uvicorn = self._rest_server._server = _UvicornServer(config, self._listener)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._handle_signal)
        engine, rest = map(asyncio.ensure_future, self.servers)
        try:
            grpc_port = await self._grpc.start()
            announced = asyncio.ensure_future(self._announce(grpc_port))
            signalled = asyncio.ensure_future(self._signalled.wait())
            await asyncio.wait({engine, rest, signalled}, return_when=asyncio.FIRST_COMPLETED)
            announced.cancel()
        finally:
            await self._drain(rest)
        await engine

    async def _drain(self, rest: asyncio.Future[None]) -> None:
        """Refuse new requests, give those accepted the grace period, end the engine."""
        self._model.drain()
        self._uvicorn.should_exit = True
        ended = asyncio.gather(rest, self._grpc.stop(self.grace_period + LAST_WORDS_S))
        await asyncio.wait({ended}, timeout=self.grace_period)
        # Whoever still waits is told so, before uvicorn and grpc cut the connections.
        self._model.stop_engine()
        await ended

    def _handle_signal(self) -> None:
        """Drain at the first signal; at the second drop what is still running."""
        self._num_signals += 1
        self._signalled.set()
        if self._num_signals > 1:
            self._uvicorn.force_exit = True
            self._model.stop_engine()

    async def _announce(self, grpc_port: int) -> None:
        await self._model.wait_loaded()
        http_port = self._listener.getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._on_ready(Addresses(f"http://{host}:{http_port}", f"{host}:{grpc_port}"))


class _UvicornServer(uvicorn.Server):
    """Serves one listening socket and leaves signals to PredictorServer."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        assert sockets is None
        await super().serve([self._listener])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingRefused(
            f"http_port is {port}, which cannot be listened on at {host}: {error.strerror}"
        ) from None
