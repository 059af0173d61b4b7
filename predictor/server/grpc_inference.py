"""The protocol's gRPC service for one model."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import grpc
from google.protobuf.message import Message

from predictor.errors import INTERNAL_ERROR, ModelNotFound, PredictorError, Unavailable
from predictor.metrics import Observed
from predictor.model import EXTENSIONS, SERVER_NAME, SERVER_VERSION, LanguageModel
from predictor.protocol import messages
from predictor.protocol.grpc import decode_grpc, encode_grpc
from predictor.protocol.repository import repository_index
from predictor.protocol.triton import encode_stream, encode_stream_error, take_empty_final
from predictor.protocol.wording import quote
from predictor.server.grpc_calls import Answer, Call, Calls

logger = logging.getLogger(__name__)

# Requests of one stream that are under way; the next is read once one of them is answered, so
# that a client which pours them in is held up by the connection itself.
MAX_REQUESTS_OF_STREAM: Final = 64


class InferenceService:
    """The protocol's rpcs; those that load and unload models are not served."""

    def __init__(self, model: LanguageModel, calls: Calls) -> None:
        self._model = model
        self._calls = calls

    def handler(self) -> grpc.GenericRpcHandler:
        unary: dict[str, Answer] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
            "RepositoryIndex": self.repository_index,
        }
        handlers = {
            method.name: self._calls.unary(method, unary[method.name])
            if method.name in unary
            else self._calls.stream(method, self.model_stream_infer)
            for method in messages.METHODS
        }
        return grpc.method_handlers_generic_handler(messages.SERVICE, handlers)

    async def server_live(self, request: Message) -> Message:
        return messages.ServerLiveResponse(live=self._model.is_live)

    async def server_ready(self, request: Message) -> Message:
        return messages.ServerReadyResponse(ready=self._model.is_ready)

    async def model_ready(self, request: Message) -> Message:
        self._model.check_served(request.name, request.version)
        return messages.ModelReadyResponse(ready=self._model.is_ready)

    async def server_metadata(self, request: Message) -> Message:
        return messages.ServerMetadataResponse(
            name=SERVER_NAME, version=SERVER_VERSION, extensions=EXTENSIONS
        )

    async def model_metadata(self, request: Message) -> Message:
        self._model.check_served(request.name, request.version)
        return messages.ModelMetadataResponse(
            name=self._model.name,
            versions=[self._model.version],
            platform=self._model.platform,
            inputs=self._model.get_input_types(),
            outputs=self._model.get_output_types(),
        )

    async def repository_index(self, request: Message) -> Message:
        if request.repository_name:
            raise ModelNotFound(
                f"repository {quote(request.repository_name)} is not served here, only one "
                "without a name"
            )
        model = self._model
        index = repository_index(
            model.name, model.version, model.unreadiness, only_ready=request.ready
        )
        return messages.RepositoryIndexResponse(models=index)

    async def model_infer(self, request: Message) -> Message:
        self._model.check_served(request.model_name, request.model_version)
        with self._model.admit():
            response, _ = await self._model(decode_grpc(request, self._calls.limits))
        return encode_grpc(response, raw=bool(request.raw_input_contents))

    async def model_stream_infer(self, call: Call) -> None:
        await _InferStream(self._model, self._calls, call).serve()


class _InferStream:
    """One call of ModelStreamInfer: its requests are answered all at once, each by its id."""

    def __init__(self, model: LanguageModel, calls: Calls, call: Call) -> None:
        self._model = model
        self._calls = calls
        self._call = call
        self._slots = asyncio.Semaphore(MAX_REQUESTS_OF_STREAM)
        # grpc has room for one message at a time.
        self._writing = asyncio.Lock()

    async def serve(self) -> None:
        """Return when the client's last request is answered.

        Raises Unavailable when the server stops before the client ends, with all that was read
        answered, and DeadlineExceeded when the client stops reading.
        """
        try:
            async with asyncio.TaskGroup() as group:
                end = await self._read_all(group)
        except ExceptionGroup as failure:
            raise failure.exceptions[0] from None
        if end is not None:
            raise end

    async def _read_all(self, group: asyncio.TaskGroup) -> Unavailable | None:
        """Return why the client may not send more, None if it has no more."""
        while True:
            await self._slots.acquire()
            try:
                data = await self._call.read()
            except Unavailable as error:
                return error
            if data is None:
                return None
            task = group.create_task(self._answer(data))
            task.add_done_callback(lambda _: self._slots.release())

    async def _answer(self, data: bytes) -> None:
        with self._calls.observe("ModelStreamInfer", self._call) as observed:
            async with aclosing(self._respond(data, observed)) as responses:
                async for response in responses:
                    async with self._writing:
                        await self._call.write(response)

    async def _respond(self, data: bytes, observed: Observed) -> AsyncGenerator[Message, None]:
        """Yield every response to one request, an error too: it must not end its neighbours."""
        request_id = ""
        try:
            request = await self._calls.parse(data, messages.ModelInferRequest)
            if len(request.id) <= self._calls.limits.max_id_length:
                request_id = request.id
            async with aclosing(self._infer(request)) as responses:
                async for response in responses:
                    yield response
                    observed.has_begun = True
        except PredictorError as error:
            observed.fail(error)
            yield encode_stream_error(str(error), request_id)
        except Exception as error:
            logger.exception("ModelStreamInfer failed")
            observed.fail(error)
            yield encode_stream_error(INTERNAL_ERROR, request_id)

    async def _infer(self, request: Message) -> AsyncGenerator[Message, None]:
        self._model.check_served(request.model_name, request.model_version)
        is_raw = bool(request.raw_input_contents)
        with self._model.admit():
            decoded = decode_grpc(request, self._calls.limits)
            empty_final = take_empty_final(decoded)
            async with aclosing(self._model.stream_infer(decoded)) as stream:
                async for response in stream:
                    message = encode_grpc(response, raw=is_raw)
                    for part in encode_stream(message, empty_final=empty_final):
                        yield part
