"""The REST routes, in place of kserve's own; any error is ``{"error": "<one sentence>"}``."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from fastapi import APIRouter, FastAPI
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from predictor.config import Limits
from predictor.errors import INTERNAL_ERROR, PredictorError, Unavailable
from predictor.generation import GenerationRequest, PreparedRequest
from predictor.metrics import Metrics, Observed
from predictor.model import EXTENSIONS, SERVER_NAME, SERVER_VERSION, LanguageModel
from predictor.protocol.binary import JSON_LENGTH_HEADER
from predictor.protocol.generate import (
    decode_generate,
    encode_error_event,
    encode_event,
    encode_generate,
)
from predictor.protocol.openapi.document import openapi_document
from predictor.protocol.repository import parse_index_request, repository_index
from predictor.protocol.rest import dump_infer_response, parse_infer_body
from predictor.server import openai
from predictor.server.answers import (
    EventStream,
    Handler,
    admitted,
    error_answer,
    guard,
    json_answer,
    observed,
    take_place,
    while_connected,
)
from predictor.server.bodies import BINARY, JSON, Bodies
from predictor.server.observe import Observe
from predictor.server.paths import PlainPaths

logger = logging.getLogger(__name__)


def install(app: FastAPI, model: LanguageModel, metrics: Metrics, limits: Limits) -> None:
    """Make these the only routes of the app: V1, load and unload, and the docs are not served."""
    app.router.routes.clear()
    app.router.redirect_slashes = False
    bodies = Bodies(limits)
    app.include_router(_build_router(Routes(model, metrics, bodies, limits)))
    app.include_router(openai.build_openai_router(model, bodies, limits))
    app.add_exception_handler(HTTPException, _answer_http_error)
    # The last one added is the first to see a request.
    app.add_middleware(PlainPaths)
    app.add_middleware(Observe, metrics=metrics)


def _build_router(routes: "Routes") -> APIRouter:
    """Return the routes, those of the model also under ``/versions/{version}``."""
    router = APIRouter()
    _add(router, "GET", "/metrics", routes.metrics)
    _add(router, "GET", "/", routes.live)
    _add(router, "GET", "/v2", routes.server_metadata)
    _add(router, "GET", "/v2/openapi.json", routes.openapi)
    _add(router, "GET", "/v2/health/live", routes.live)
    _add(router, "GET", "/v2/health/ready", routes.ready)
    _add(router, "GET", "/v2/models", routes.models)
    _add(router, "POST", "/v2/repository/index", routes.repository_index)
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        _add(router, "GET", path, routes.served(routes.model_metadata))
        _add(router, "GET", f"{path}/ready", routes.served(routes.model_ready))
        _add(router, "POST", f"{path}/infer", routes.generating(routes.infer))
        _add(router, "POST", f"{path}/generate", routes.generating(routes.generate))
        _add(router, "POST", f"{path}/generate_stream", routes.generating(routes.generate_stream))
    return router


class Routes:
    """The protocol's routes for one model."""

    def __init__(
        self, model: LanguageModel, metrics: Metrics, bodies: Bodies, limits: Limits
    ) -> None:
        self._model = model
        self._metrics = metrics
        self._bodies = bodies
        self._limits = limits
        self._openapi = openapi_document(model.name, model.version, SERVER_VERSION, limits)

    async def metrics(self, request: Request) -> Response:
        # It knows versions without quotes alone, though those are legal, and of numbers.
        accept = request.headers.get("accept", "").replace('"', "")
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):
            encode, content_type = choose_encoder("")
        body = encode(self._metrics.registry)
        return Response(body, headers={"Content-Type": content_type})

    async def openapi(self, request: Request) -> Response:
        return json_answer(self._openapi)

    async def live(self, request: Request) -> Response:
        if not self._model.is_live:
            raise Unavailable("the engine ended and cannot be replaced")
        return json_answer({"live": True})

    async def ready(self, request: Request) -> Response:
        self._model.check_ready()
        return json_answer({"ready": True})

    async def server_metadata(self, request: Request) -> Response:
        return json_answer(
            {"name": SERVER_NAME, "version": SERVER_VERSION, "extensions": EXTENSIONS}
        )

    async def models(self, request: Request) -> Response:
        return json_answer({"models": [self._model.name]})

    async def repository_index(self, request: Request) -> Response:
        only_ready = parse_index_request(await self._bodies.read(request))
        model = self._model
        return json_answer(
            repository_index(model.name, model.version, model.unreadiness, only_ready=only_ready)
        )

    async def model_ready(self, request: Request) -> Response:
        self._model.check_ready()
        return json_answer({"name": self._model.name, "ready": True})

    async def model_metadata(self, request: Request) -> Response:
        return json_answer(
            {
                "name": self._model.name,
                "versions": [self._model.version],
                "platform": self._model.platform,
                "inputs": self._model.get_input_types(),
                "outputs": self._model.get_output_types(),
            }
        )

    async def infer(self, request: Request) -> Response:
        body = await self._bodies.read(request, allows_binary=True)
        take_place(request, self._model.admit())
        lengths = request.headers.getlist(JSON_LENGTH_HEADER)
        parse = partial(
            parse_infer_body,
            model_name=self._model.name,
            limits=self._limits,
            header_length=", ".join(lengths) if lengths else None,
        )
        call = await self._bodies.parse(body, parse)
        work = self._model(call.request, dict(request.headers))
        response, _ = await while_connected(request, work)
        content, json_length = dump_infer_response(response, call.binary_outputs)
        if json_length is None:
            return Response(content, media_type=JSON)
        return Response(content, headers={JSON_LENGTH_HEADER: str(json_length)}, media_type=BINARY)

    async def generate(self, request: Request) -> Response:
        generation, details = await self._decode(request)
        prepared = await self._model.preparation.prepare(generation)
        completion = await while_connected(request, self._model.complete(prepared))
        body = encode_generate(completion, self._model.name, self._model.version, details=details)
        return Response(body, media_type=JSON)

    async def generate_stream(self, request: Request) -> Response:
        generation, details = await self._decode(request)
        prepared = await self._model.preparation.prepare(generation)
        return EventStream(self._events(prepared, observed(request), details=details))

    def served(self, handler: Handler) -> Handler:
        """Return the handler for paths that name what is served."""

        async def answer(request: Request) -> Response:
            parameters = request.path_params
            self._model.check_served(parameters["name"], parameters.get("version", ""))
            return await handler(request)

        answer.__name__ = handler.__name__
        return answer

    def generating(self, handler: Handler) -> Handler:
        return self.served(admitted(handler, self._model))

    async def _decode(self, request: Request) -> tuple[GenerationRequest, bool]:
        body = await self._bodies.read(request)
        take_place(request, self._model.admit())
        return await self._bodies.parse(body, partial(decode_generate, limits=self._limits))

    async def _events(
        self, prepared: PreparedRequest, entry: Observed, *, details: bool
    ) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events; a failure after the status is sent is an event too."""
        name, version = self._model.name, self._model.version
        try:
            async with aclosing(self._model.stream(prepared)) as stream:
                async for delta in stream:
                    if delta.is_silent and not details:
                        continue
                    yield encode_event(delta, name, version, details=details)
                    entry.has_begun = True
        except PredictorError as error:
            entry.fail(error)
            yield encode_error_event(str(error))
        except Exception as error:
            entry.fail(error)
            logger.exception("generate_stream failed")
            yield encode_error_event(INTERNAL_ERROR)


def _add(router: APIRouter, method: str, path: str, handler: Handler) -> None:
    name = handler.__name__
    router.add_api_route(path, guard(handler), methods=[method], response_model=None, name=name)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    """Answer what the router itself refuses: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    write = openai.write_error if request.url.path.startswith(openai.PREFIX) else error_answer
    response = write(error.status_code, f"{request.method} {error.detail.lower()} at this path")
    response.headers.update(error.headers or {})
    return response
