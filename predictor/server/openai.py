"""The routes of the OpenAI API, under a prefix of their own: /v1 is V1's in KServe."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from predictor.config import Limits
from predictor.errors import INTERNAL_ERROR, InvalidRequest, PredictorError
from predictor.generation import Completion, Delta, PreparedRequest
from predictor.metrics import Observed
from predictor.model import SERVER_NAME, LanguageModel
from predictor.protocol.openai.answers import Head, encode_error, encode_event, encode_model
from predictor.protocol.openai.body import SEED_MASK, Generations, rename_max_tokens
from predictor.protocol.openai.forms import CHAT, COMPLETIONS, FIELDS, Answer, Form
from predictor.server.answers import (
    EventStream,
    Handler,
    admitted,
    guard,
    json_answer,
    observed,
    take_place,
    while_connected,
    with_retry_after,
)
from predictor.server.bodies import Bodies

logger = logging.getLogger(__name__)

PREFIX: Final = "/openai/v1"
# Deltas that wait for a stream's reader.
MAX_WAITING_DELTAS: Final = 64


def build_openai_router(model: LanguageModel, bodies: Bodies, limits: Limits) -> APIRouter:
    """Return the routes for one model; any error is OpenAI's error object."""
    routes = OpenAIRoutes(model, bodies, limits)
    router = APIRouter(prefix=PREFIX)
    _add(router, "GET", "/models", routes.openai_models)
    _add(router, "GET", "/models/{model}", routes.openai_model)
    _add(router, "POST", "/chat/completions", admitted(routes.chat_completions, model))
    _add(router, "POST", "/completions", admitted(routes.completions, model))
    return router


def write_error(status: int, message: str) -> Response:
    return with_retry_after(json_answer(encode_error(status, message, FIELDS), status))


def _add(router: APIRouter, method: str, path: str, handler: Handler) -> None:
    answer = guard(handler, write_error)
    name = handler.__name__
    router.add_api_route(path, answer, methods=[method], response_model=None, name=name)


class OpenAIRoutes:
    """The routes for one model."""

    def __init__(self, model: LanguageModel, bodies: Bodies, limits: Limits) -> None:
        self._model = model
        self._bodies = bodies
        self._limits = limits
        self._created_s = int(time.time())

    async def openai_models(self, request: Request) -> Response:
        return json_answer({"object": "list", "data": [self._describe()]})

    async def openai_model(self, request: Request) -> Response:
        self._model.check_served(request.path_params["model"], "")
        return json_answer(self._describe())

    async def chat_completions(self, request: Request) -> Response:
        return await self._answer(request, CHAT)

    async def completions(self, request: Request) -> Response:
        return await self._answer(request, COMPLETIONS)

    def _describe(self) -> dict[str, object]:
        return encode_model(self._model.name, self._created_s, SERVER_NAME)

    async def _answer(self, request: Request, form: Form) -> Response:
        body = await self._bodies.read(request)
        take_place(request, self._model.admit())
        asked = await self._bodies.parse(body, lambda raw: form.decode(raw, self._limits))
        self._model.check_served(asked.model, "")
        answer, requests = await self._prepare(asked, form)
        take_place(request, self._model.extend(len(requests)))
        if asked.is_stream:
            return EventStream(self._events(answer, requests, observed(request)))
        generated = await while_connected(request, _complete_all(self._model, requests))
        return json_answer(answer.encode(generated))

    async def _prepare(
        self, asked: Generations, form: Form
    ) -> tuple[Answer, list[PreparedRequest]]:
        """Return the answer and what to run for each of its choices: ``n`` a prompt, in order."""
        prompts: list[PreparedRequest] = []
        try:
            async for prompt in self._model.preparation.prepare_each(asked.prompts):
                prompts.append(prompt)
        except InvalidRequest as error:
            raise _name_prompt(error, asked, len(prompts)) from None
        if asked.prompts[0].options.raw:
            # A completion continues its prompt to the letter, reasoning and its markers included.
            prompts = [replace(prompt, starts_in_reasoning=False) for prompt in prompts]
        head = Head(
            id=form.id_prefix + secrets.token_hex(12),
            model=self._model.name,
            created_s=int(time.time()),
        )
        num_prompt_tokens = sum(len(prompt.prompt_ids) for prompt in prompts)
        requests = [_with_seed(prompt, number) for prompt in prompts for number in range(asked.n)]
        return Answer(form, head, asked, num_prompt_tokens), requests

    async def _events(
        self, answer: Answer, requests: list[PreparedRequest], entry: Observed
    ) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events; a failure after the status is sent is the last of them."""
        try:
            async with aclosing(_stream_all(self._model, requests)) as stream:
                async for index, delta in stream:
                    if (event := answer.encode_delta(index, delta)) is not None:
                        yield event
                        entry.has_begun = True
            yield answer.encode_end()
        except PredictorError as error:
            entry.fail(error)
            yield encode_event(encode_error(error.http_status, str(error), FIELDS))
        except Exception as error:
            entry.fail(error)
            logger.exception("stream of %s failed", answer.form.chunk_type)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            yield encode_event(encode_error(status, INTERNAL_ERROR, FIELDS))


def _name_prompt(error: InvalidRequest, asked: Generations, index: int) -> InvalidRequest:
    """Return the error in the client's words, with the prompt's index where there are several."""
    renamed = rename_max_tokens(error, asked.max_tokens_name)
    return renamed if len(asked.prompts) == 1 else InvalidRequest(f"prompt[{index}]: {renamed}")


def _with_seed(prompt: PreparedRequest, number: int) -> PreparedRequest:
    """Return the choice of that number: its seed follows from the first choice's."""
    seed = (prompt.params.seed + number) & SEED_MASK
    return replace(prompt, params=replace(prompt.params, seed=seed))


async def _complete_all(model: LanguageModel, requests: list[PreparedRequest]) -> list[Completion]:
    deltas: list[list[Delta]] = [[] for _ in requests]
    async with aclosing(_stream_all(model, requests)) as stream:
        async for index, delta in stream:
            deltas[index].append(delta)
    return [Completion.join(own) for own in deltas]


async def _stream_all(
    model: LanguageModel, requests: list[PreparedRequest]
) -> AsyncGenerator[tuple[int, Delta], None]:
    """Yield each request's deltas with its index, as they come; the first failure ends all.

    Closing the generator frees the engine's sequences.
    """
    arrived: asyncio.Queue[tuple[int, Delta | Exception]] = asyncio.Queue(MAX_WAITING_DELTAS)

    async def run(index: int, request: PreparedRequest) -> None:
        try:
            async with aclosing(model.stream(request)) as stream:
                async for delta in stream:
                    await arrived.put((index, delta))
        except Exception as error:
            await arrived.put((index, error))
            raise

    tasks = [asyncio.create_task(run(*numbered)) for numbered in enumerate(requests)]
    try:
        num_running = len(tasks)
        while num_running:
            index, item = await arrived.get()
            if isinstance(item, Exception):
                raise item
            num_running -= item.finish_reason is not None
            yield index, item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
