"""What every call has in common: its messages' limits, its status, its entry in the metrics."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import grpc
from google.protobuf.message import Message

from predictor.config import Limits
from predictor.errors import (
    INTERNAL_ERROR,
    RETRY_AFTER_S,
    DeadlineExceeded,
    GenerationFailed,
    InvalidRequest,
    PredictorError,
    Unavailable,
)
from predictor.lanes import Parser
from predictor.metrics import Metrics, Observed
from predictor.protocol.messages import Method
from predictor.protocol.wire import parse_message

logger = logging.getLogger(__name__)

# Everything else is asked every few seconds by whoever watches.
LOGGED_ROUTES: Final = frozenset({"ModelInfer", "ModelStreamInfer"})
# A client gives up by its own clock, a little before the deadline passes here.
CLOCK_SLACK_S: Final = 0.05


class Call:
    """One call under way: its messages, each within its time."""

    def __init__(
        self, context: grpc.aio.ServicerContext, limits: Limits, stopping: asyncio.Event
    ) -> None:
        self.stopping = stopping
        self._context = context
        self._limits = limits
        self._has_begun = False

    @property
    def is_over(self) -> bool:
        """Whether the call's deadline has passed."""
        remaining_s: float | None = self._context.time_remaining()
        return remaining_s is not None and remaining_s < CLOCK_SLACK_S

    async def read_only(self) -> bytes:
        """Return the one message of a call; raises DeadlineExceeded when it does not come."""
        limit_s = self._limits.body_timeout_s
        try:
            with _client_may_leave():
                async with asyncio.timeout(limit_s):
                    data = await self._context.read()
        except TimeoutError:
            raise DeadlineExceeded(f"the message has not arrived within {limit_s:g} s") from None
        if data is grpc.aio.EOF:
            raise InvalidRequest("the call has no message, must have one")
        return bytes(data)

    async def read(self) -> bytes | None:
        """Return the client's next message, None after its last; raises Unavailable at the stop."""
        reading = asyncio.ensure_future(self._context.read())
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise Unavailable("the server is stopping")
            with _client_may_leave():
                data = reading.result()
        finally:
            reading.cancel()
            stopping.cancel()
        return None if data is grpc.aio.EOF else bytes(data)

    async def write(self, response: Message) -> None:
        """Hand the response to the connection; raises DeadlineExceeded if the client won't read."""
        limit_s = self._limits.write_timeout_s
        try:
            with _client_may_leave():
                async with asyncio.timeout(limit_s):
                    if not self._has_begun:
                        # Not with the first message: were that stuck, no status could follow.
                        await self._context.send_initial_metadata(())
                        self._has_begun = True
                    await self._context.write(response)
        except TimeoutError:
            raise DeadlineExceeded(f"the client has read nothing for {limit_s:g} s") from None

    async def abort(self, error: PredictorError) -> None:
        """End the call with the error's status; raises grpc's own exception to leave the handler.

        A client that does not read holds this up, with what is written for it, until it leaves.
        """
        retry = (("retry-after", str(RETRY_AFTER_S)),) if isinstance(error, Unavailable) else ()
        with _client_may_leave():
            await self._context.abort(grpc.StatusCode[error.grpc_status], str(error), retry)


Answer = Callable[[Message], Awaitable[Message]]
Serve = Callable[[Call], Awaitable[None]]


class Calls:
    """Makes grpc's handlers of ours.

    All are streams to grpc: its own reading of a single message waits for ever, and its own parsing
    of a message ends a stream.
    """

    def __init__(self, metrics: Metrics, limits: Limits) -> None:
        self.limits = limits
        self.stopping = asyncio.Event()
        self._metrics = metrics
        # One thread: parsers hold the interpreter's lock, and two would starve the loop.
        self._parser = Parser()

    def unary(self, method: Method, answer: Answer) -> grpc.RpcMethodHandler:
        """Return the handler of a call with one message each way; errors become its status."""

        async def serve(call: Call) -> None:
            with self.observe(method.name, call):
                request = await self.parse(await call.read_only(), method.request)
                await call.write(await answer(request))

        return self.stream(method, serve)

    def stream(self, method: Method, serve: Serve) -> grpc.RpcMethodHandler:
        """Return the handler of any call; errors become its status."""

        async def handle(_: object, context: grpc.aio.ServicerContext) -> None:
            call = Call(context, self.limits, self.stopping)
            try:
                await serve(call)
            except PredictorError as error:
                # A copy: the frames in its traceback hold the messages, and grpc holds those.
                failure = type(error)(str(error))
            except Exception:
                logger.exception("%s failed", method.name)
                failure = GenerationFailed(INTERNAL_ERROR)
            else:
                return
            await call.abort(failure)

        return grpc.stream_stream_rpc_method_handler(
            handle, response_serializer=method.response.SerializeToString
        )

    @contextmanager
    def observe(self, route: str, call: Call) -> Iterator[Observed]:
        """Count, time and log a request; raises DeadlineExceeded when its deadline cuts it off."""
        started_s = time.monotonic()
        observed = Observed(route)
        try:
            with self._metrics.request("grpc", route) as observed:
                try:
                    yield observed
                except asyncio.CancelledError:
                    if call.is_over:
                        raise DeadlineExceeded("the deadline of the call has passed") from None
                    raise
        finally:
            level = logging.INFO if route in LOGGED_ROUTES else logging.DEBUG
            duration_s = time.monotonic() - started_s
            logger.log(level, "grpc %s %s in %.3f s", route, observed.outcome, duration_s)

    async def parse(self, data: bytes, message_type: type[Message]) -> Message:
        """Return the message, a large one from another thread; raises InvalidRequest."""
        parse = partial(parse_message, data, message_type, max_rows=self.limits.max_rows)
        return await self._parser.run(len(data), parse)


@contextmanager
def _client_may_leave() -> Iterator[None]:
    """A connection that breaks cancels the call, even where grpc reports the breach first."""
    try:
        yield
    except grpc.aio.AbortError:
        # Not a breach: by this ``abort`` tells grpc that it is done.
        raise
    except grpc.aio.BaseError:
        raise asyncio.CancelledError from None
