"""The REST routes, in place of kserve's own; any error is ``{"error": "<one sentence>"}``."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from http import HTTPStatus
from typing import Final, TypeVar

import orjson
from fastapi import APIRouter, FastAPI
from kserve.protocol.rest.server import metrics_handler
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from predictor.errors import INTERNAL_ERROR, PredictorError
from predictor.generation import GenerationRequest, PreparedRequest
from predictor.model import EXTENSIONS, SERVER_NAME, SERVER_VERSION, LanguageModel
from predictor.protocol.generate import (
    decode_generate,
    encode_error_event,
    encode_event,
    encode_generate,
)
from predictor.protocol.rest import dump_infer_response, parse_infer_body

logger = logging.getLogger(__name__)

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]

# nginx's code for a client that left; it reaches the log alone.
CLIENT_CLOSED_REQUEST: Final = 499


def install(app: FastAPI, model: LanguageModel) -> None:
    """Make these the only routes of the app: V1, load and unload, and the docs are not served."""
    app.router.routes.clear()
    app.router.redirect_slashes = False
    app.include_router(_build_router(Routes(model)))
    app.add_exception_handler(HTTPException, _answer_http_error)


def _build_router(routes: "Routes") -> APIRouter:
    """Return the routes, those of the model also under ``/versions/{version}``."""
    router = APIRouter()
    router.add_api_route("/metrics", metrics_handler, methods=["GET"], response_model=None)
    _add(router, "GET", "/", routes.live)
    _add(router, "GET", "/v2", routes.server_metadata)
    _add(router, "GET", "/v2/health/live", routes.live)
    _add(router, "GET", "/v2/health/ready", routes.ready)
    _add(router, "GET", "/v2/models", routes.models)
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        _add(router, "GET", path, routes.model_metadata)
        _add(router, "GET", f"{path}/ready", routes.model_ready)
        _add(router, "POST", f"{path}/infer", routes.infer)
        _add(router, "POST", f"{path}/generate", routes.generate)
        _add(router, "POST", f"{path}/generate_stream", routes.generate_stream)
    return router


class Routes:
    """The protocol's routes for one model."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def live(self, request: Request) -> Response:
        return _json({"live": True})

    async def ready(self, request: Request) -> Response:
        self._model.check_ready()
        return _json({"ready": True})

    async def server_metadata(self, request: Request) -> Response:
        return _json({"name": SERVER_NAME, "version": SERVER_VERSION, "extensions": EXTENSIONS})

    async def models(self, request: Request) -> Response:
        return _json({"models": [self._model.name]})

    async def model_ready(self, request: Request) -> Response:
        self._check_path(request)
        self._model.check_ready()
        return _json({"name": self._model.name, "ready": True})

    async def model_metadata(self, request: Request) -> Response:
        self._check_path(request)
        return _json(
            {
                "name": self._model.name,
                "versions": [self._model.version],
                "platform": self._model.platform,
                "inputs": self._model.get_input_types(),
                "outputs": self._model.get_output_types(),
            }
        )

    async def infer(self, request: Request) -> Response:
        self._check_path(request)
        self._model.check_ready()
        infer_request = parse_infer_body(await request.body(), self._model.name)
        headers = dict(request.headers)
        response, _ = await _while_connected(request, self._model(infer_request, headers))
        return Response(dump_infer_response(response), media_type="application/json")

    async def generate(self, request: Request) -> Response:
        generation, details = await self._decode(request)
        prepared = await self._model.prepare(generation)
        completion = await _while_connected(request, self._model.complete(prepared))
        body = encode_generate(completion, self._model.name, self._model.version, details=details)
        return Response(body, media_type="application/json")

    async def generate_stream(self, request: Request) -> Response:
        generation, details = await self._decode(request)
        prepared = await self._model.prepare(generation)
        events = self._events(prepared, details=details)
        return StreamingResponse(events, media_type="text/event-stream")

    async def _decode(self, request: Request) -> tuple[GenerationRequest, bool]:
        self._check_path(request)
        self._model.check_ready()
        return decode_generate(await request.body())

    async def _events(
        self, prepared: PreparedRequest, *, details: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events; a failure after the status is sent is an event too."""
        name, version = self._model.name, self._model.version
        try:
            async with aclosing(self._model.stream(prepared)) as stream:
                async for delta in stream:
                    if delta.is_silent and not details:
                        continue
                    yield encode_event(delta, name, version, details=details)
        except PredictorError as error:
            yield encode_error_event(str(error))
        except Exception:
            logger.exception("generate_stream failed")
            yield encode_error_event(INTERNAL_ERROR)

    def _check_path(self, request: Request) -> None:
        self._model.check_served(
            request.path_params["name"], request.path_params.get("version", "")
        )


def _add(router: APIRouter, method: str, path: str, handler: Handler) -> None:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except PredictorError as error:
            return _error(error.http_status, str(error))
        except ClientDisconnect:
            return _error(CLIENT_CLOSED_REQUEST, "the client left")
        except Exception:
            # Answered here: past this point uvicorn would close the connection as well.
            logger.exception("%s %s failed", method, path)
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL_ERROR)

    router.add_api_route(path, answer, methods=[method], response_model=None)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    response = _error(error.status_code, f"{request.method} {error.detail.lower()} at this path")
    response.headers.update(error.headers or {})
    return response


def _error(status: int, message: str) -> Response:
    return _json({"error": message}, status)


def _json(value: dict[str, object], status: int = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


async def _while_connected(request: Request, work: Coroutine[object, object, T]) -> T:
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
