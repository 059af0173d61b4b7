"""What every REST route shares: answers, errors, streams, and clients that leave."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, ExitStack
from http import HTTPStatus
from typing import Protocol, TypeVar

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from predictor.errors import INTERNAL_ERROR, RETRY_AFTER_S, PredictorError
from predictor.metrics import CLIENT_CLOSED_REQUEST, Observed
from predictor.model import LanguageModel

logger = logging.getLogger(__name__)

T = TypeVar("T")
WriteError = Callable[[int, str], Response]


class Handler(Protocol):
    """What answers a route; its name is the route's in metrics and log."""

    __name__: str

    def __call__(self, request: Request) -> Awaitable[Response]: ...


def json_answer(value: object, status: int = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def error_answer(status: int, message: str) -> Response:
    """Return the protocol's error, with Retry-After where trying again may help."""
    return with_retry_after(json_answer({"error": message}, status))


def with_retry_after(response: Response) -> Response:
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


class EventStream(StreamingResponse):
    """Server-sent events; ``on_end`` runs when the last is sent or the client has left."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(events, media_type="text/event-stream")
        # A proxy that gathers the events would defeat the stream.
        self.headers["Cache-Control"] = "no-cache"
        self.headers["X-Accel-Buffering"] = "no"
        self.on_end: Callable[[], None] = lambda: None
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["http_version"] == "1.0":
                # RFC 9112, 6.1: its clients cannot read chunks.
                refusal = error_answer(
                    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "HTTP 1.0 has no streams, must be 1.1"
                )
                await refusal(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            try:
                await self._events.aclose()
            finally:
                self.on_end()


def observed(request: Request) -> Observed:
    """Return the request's entry in the metrics, for what its status does not tell."""
    entry = request.scope["observed"]
    assert isinstance(entry, Observed)
    return entry


def guard(handler: Handler, write_error: WriteError = error_answer) -> Handler:
    """Return the handler with its errors answered by ``write_error``."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except PredictorError as error:
            return write_error(error.http_status, str(error))
        except ClientDisconnect:
            return write_error(CLIENT_CLOSED_REQUEST, "the client left")
        except Exception:
            # Answered here: past this point uvicorn would close the connection as well.
            logger.exception("%s failed", handler.__name__)
            return write_error(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)

    return answer


def admitted(handler: Handler, model: LanguageModel) -> Handler:
    """Return the handler of a generation, which is refused while there is no room.

    It calls ``take_place`` once it has read the body, and holds it until all is sent: heads
    without bodies must not fill the server.
    """

    async def answer(request: Request) -> Response:
        model.check_room()
        with ExitStack() as places:
            request.scope["places"] = places
            response = await handler(request)
            if isinstance(response, EventStream):
                response.on_end = places.pop_all().close
            return response

    answer.__name__ = handler.__name__
    return answer


def take_place(request: Request, place: AbstractContextManager[None]) -> None:
    """Hold a place of the model's until the request is answered; raises Unavailable."""
    request.scope["places"].enter_context(place)


async def while_connected(request: Request, work: Coroutine[object, object, T]) -> T:
    """Return the result of ``work``, cancelled as soon as the client leaves."""
    task = asyncio.ensure_future(work)
    left = asyncio.ensure_future(_wait_until_left(request))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        left.cancel()


async def _wait_until_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
