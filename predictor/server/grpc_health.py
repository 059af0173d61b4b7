"""grpc.health.v1: whether the model is ready, asked or watched.

https://github.com/grpc/grpc/blob/master/doc/health-checking.md. The package's own servicer loses
every other watcher of a service when one of them leaves.
"""

import asyncio
from typing import Final

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from predictor.errors import ModelNotFound, Unavailable
from predictor.model import LanguageModel
from predictor.protocol import messages
from predictor.protocol.wording import listing, quote
from predictor.server.grpc_calls import Call, Calls

SERVICE: Final = health_pb2.DESCRIPTOR.services_by_name["Health"]
# "" is the server as a whole.
WATCHED_SERVICES: Final = ("", messages.SERVICE)
POLL_INTERVAL_S: Final = 0.1

_STATUS: Final = health_pb2.HealthCheckResponse


class HealthService:
    """SERVING exactly while the model is ready; answers while it loads and drains."""

    def __init__(self, model: LanguageModel, calls: Calls) -> None:
        self._model = model
        self._calls = calls
        # Set, and replaced, whenever a status may have changed.
        self._changed = asyncio.Event()

    def handler(self) -> grpc.GenericRpcHandler:
        methods = messages.methods_of(SERVICE)
        handlers = {
            "Check": self._calls.unary(methods["Check"], self.check),
            "Watch": self._calls.stream(methods["Watch"], self.watch),
        }
        return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)

    def start(self) -> None:
        """Begin to look for changes; call within the loop."""
        self._polling = asyncio.create_task(self._poll())

    def stop(self) -> None:
        """End every watch, with NOT_SERVING as its last status."""
        self._polling.cancel()
        self._announce()

    async def check(self, request: Message) -> Message:
        if request.service not in WATCHED_SERVICES:
            known = listing(map(quote, WATCHED_SERVICES))
            raise ModelNotFound(
                f"service {quote(request.service)} is not served here, only {known}"
            )
        return _STATUS(status=self._status(request.service))

    async def watch(self, call: Call) -> None:
        """Send the status, and again whenever it changes, until the client leaves."""
        with self._calls.observe("Watch", call):
            data = await call.read_only()
            request = await self._calls.parse(data, health_pb2.HealthCheckRequest)
            sent = None
            while True:
                changed = self._changed
                status = self._status(request.service)
                if status != sent:
                    await call.write(_STATUS(status=status))
                    sent = status
                if call.stopping.is_set():
                    raise Unavailable("the server is stopping")
                await changed.wait()

    def _status(self, service: str) -> int:
        if service not in WATCHED_SERVICES:
            unknown: int = _STATUS.SERVICE_UNKNOWN
            return unknown
        is_serving = self._model.is_ready and not self._calls.stopping.is_set()
        status: int = _STATUS.SERVING if is_serving else _STATUS.NOT_SERVING
        return status

    async def _poll(self) -> None:
        was_ready = self._model.is_ready
        while True:
            await asyncio.sleep(POLL_INTERVAL_S)
            if self._model.is_ready != was_ready:
                was_ready = self._model.is_ready
                self._announce()

    def _announce(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
