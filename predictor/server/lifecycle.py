"""REST, gRPC and the engine: started together, stopped together."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import kserve
import uvicorn

from predictor.config import Addresses, ServerConfig
from predictor.digest import Digests, digest_defaults, digest_model
from predictor.errors import SettingRefused
from predictor.metrics import Metrics
from predictor.model import SERVER_VERSION, LanguageModel
from predictor.server.grpc import GrpcServer
from predictor.server.http import limited_protocol
from predictor.server.reload import report_failure, watch_defaults
from predictor.server.routes import install

# After the grace period, for errors to reach those whose generation was not finished.
LAST_WORDS_S: Final = 2

# Left to itself Linux holds 4 MiB for a client that reads nothing, which is minutes of a stream.
SEND_BUFFER_BYTES: Final = 128 * 2**10


class PredictorServer(kserve.ModelServer):
    """kserve's server with a bind address, our routes for its own, and one way to stop.

    Ports are open while the model loads. ``on_ready`` is called once, when it is loaded.
    """

    def __init__(
        self,
        config: ServerConfig,
        model: LanguageModel,
        metrics: Metrics,
        on_ready: Callable[[Addresses], None],
    ) -> None:
        super().__init__(
            http_port=config.http_port,
            workers=1,
            enable_grpc=False,
            enable_latency_logging=False,
        )
        self._config = config
        self._model = model
        self._metrics = metrics
        self._on_ready = on_ready
        self._grpc = GrpcServer(model, config, metrics)
        self._digests: Digests | None = None
        self._num_signals = 0
        self._signalled = asyncio.Event()
        self._hurried = asyncio.Event()

    def register_signal_handler(self) -> None:
        """Nothing: ``_serve`` does, on the loop that runs."""

    def start(self, models: list[LanguageModel]) -> None:
        """Serve until a signal, or until the engine gives up.

        Raises SettingRefused for an address that is taken and for the operator's defaults,
        ModelRefused for the model.
        """
        self._listener = _listen(self._config.host, self.http_port)
        super().start(models)

    async def _serve(self) -> None:
        self._uvicorn = self._build_uvicorn()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._handle_signal)
        engine, rest = map(asyncio.ensure_future, self.servers)
        try:
            grpc_port = await self._grpc.start()
            identified = asyncio.ensure_future(self._identify())
            announced = asyncio.ensure_future(self._announce(grpc_port))
            watching = asyncio.ensure_future(self._watch_defaults())
            watching.add_done_callback(report_failure)
            signalled = asyncio.ensure_future(self._signalled.wait())
            await asyncio.wait({engine, rest, signalled}, return_when=asyncio.FIRST_COMPLETED)
            for task in (announced, identified, watching):
                task.cancel()
        finally:
            await self._drain(rest)
        await engine

    def _build_uvicorn(self) -> "_UvicornServer":
        # kserve calls the two when REST starts: for its routes, and two log lines a request.
        rest, limits = self._rest_server, self._config.limits
        rest._register_endpoints = partial(
            install, model=self._model, metrics=self._metrics, limits=limits
        )
        rest._add_middlewares = lambda app: None
        config = rest.config
        # The app has nothing to start or stop, and a forced exit would leave this task behind.
        config.lifespan = "off"
        config.http = limited_protocol(limits)
        config.ws = "none"
        config.server_header = False
        config.timeout_graceful_shutdown = LAST_WORDS_S
        server = rest._server = _UvicornServer(config, self._listener)
        return server

    async def _drain(self, rest: asyncio.Future[None]) -> None:
        """Refuse new requests, give those accepted the grace period, end the engine.

        Ports stay open until the accepted are done, so that newcomers and probes hear a 503.
        """
        self._model.drain()
        ends = {
            asyncio.ensure_future(self._model.wait_idle()),
            asyncio.ensure_future(self._hurried.wait()),
        }
        grace_s = self._config.grace_period_s
        await asyncio.wait(ends, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        # Whoever still waits is told so, before uvicorn and grpc cut the connections.
        self._model.stop_engine()
        self._uvicorn.should_exit = True
        await asyncio.gather(rest, self._grpc.stop(LAST_WORDS_S))

    def _handle_signal(self) -> None:
        """Drain at the first signal; at the second drop what is still running."""
        self._num_signals += 1
        self._signalled.set()
        if self._num_signals > 1:
            self._hurried.set()
            self._uvicorn.force_exit = True
            self._model.stop_engine()

    async def _identify(self) -> None:
        """Publish what is served; digests of gigabytes must not delay the first request."""
        await self._model.wait_loaded()
        directory = self._config.model_dir
        self._digests = await asyncio.to_thread(digest_model, directory, self._signalled)
        self._publish()

    async def _watch_defaults(self) -> None:
        if (directory := self._config.defaults_dir) is not None:
            await watch_defaults(directory, self._model, self._metrics, self._publish)

    def _publish(self) -> None:
        """Say what is served now, and no longer what was."""
        if (digests := self._digests) is None:
            return
        files = self._model.preparation.operator_files
        self._metrics.build_info.clear()
        self._metrics.build_info.labels(
            version=SERVER_VERSION,
            model=self._model.name,
            model_digest=digests.model,
            defaults_digest=digest_defaults(digests.defaults, files),
            revision=self._config.revision,
        ).set(1)

    async def _announce(self, grpc_port: int) -> None:
        await self._model.wait_loaded()
        # Of what is loaded nothing becomes garbage, but to look at it took each full collection
        # 80 ms, in which nobody was answered.
        gc.freeze()
        http_port = self._listener.getsockname()[1]
        host = self._config.host
        host = f"[{host}]" if ":" in host else host
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
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingRefused(
            f"http_port is {port}, which cannot be listened on at {host}: {error.strerror}"
        ) from None
    # Connections inherit it; asyncio sets it on none that come from a socket made like this one,
    # and an answer's body, or a stream's next token, would wait 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return listener
