"""The gRPC service of the protocol, and its stream extension, for one model."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import grpc
from google.protobuf.message import DecodeError, Message
from kserve.protocol.infer_type import InferRequest

from predictor.errors import INTERNAL_ERROR, InvalidRequest, PredictorError, SettingRefused
from predictor.model import EXTENSIONS, SERVER_NAME, SERVER_VERSION, LanguageModel
from predictor.protocol import messages
from predictor.protocol.grpc import decode_grpc, encode_grpc

logger = logging.getLogger(__name__)

# Responses of a stream that wait for its reader.
MAX_WAITING_RESPONSES: Final = 64

Unary = Callable[[Message], Awaitable[Message]]
# None ends a stream.
Responses = asyncio.Queue[Message | None]


class GrpcServer:
    """A grpc.aio server with the protocol's service alone."""

    def __init__(self, model: LanguageModel, host: str, port: int) -> None:
        self._service = InferenceService(model)
        self._host = f"[{host}]" if ":" in host else host
        self._port = port

    async def start(self) -> int:
        """Listen, and return the port; raises SettingRefused when that cannot be."""
        # Without this a second server would share the port and take half of the calls.
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self._service.handler(),))
        try:
            port: int = self._server.add_insecure_port(f"{self._host}:{self._port}")
        except RuntimeError as error:
            raise SettingRefused(
                f"grpc_port is {self._port}, which cannot be listened on at {self._host}"
            ) from error
        await self._server.start()
        return port

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls and requests and give those under way ``grace_s`` to end."""
        self._service.stopping.set()
        await self._server.stop(grace_s)


class InferenceService:
    """The protocol's rpcs; the repository's are not served."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self.stopping = asyncio.Event()

    def handler(self) -> grpc.GenericRpcHandler:
        unary: dict[str, Unary] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
        }
        handlers = {}
        for method in messages.METHODS:
            # Requests are parsed by us: grpc's own parsing ends a stream without an answer.
            serializer = method.response.SerializeToString
            if method.name in unary:
                call = _guard(unary[method.name], method.request)
                handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                    call, response_serializer=serializer
                )
            elif method.name == "ModelStreamInfer":
                handlers[method.name] = grpc.stream_stream_rpc_method_handler(
                    self.model_stream_infer, response_serializer=serializer
                )
        return grpc.method_handlers_generic_handler(messages.SERVICE, handlers)

    async def server_live(self, request: Message) -> Message:
        return messages.ServerLiveResponse(live=True)

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

    async def model_infer(self, request: Message) -> Message:
        response, _ = await self._model(self._decode(request))
        return encode_grpc(response, raw=bool(request.raw_input_contents))

    async def model_stream_infer(
        self, requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext
    ) -> AsyncGenerator[Message, None]:
        """Answer every request of a stream, all at once; each response carries its request's id."""
        responses = Responses(MAX_WAITING_RESPONSES)
        answering = asyncio.create_task(self._answer_all(requests, responses))
        try:
            while (response := await responses.get()) is not None:
                yield response
        finally:
            answering.cancel()

    async def _answer_all(self, requests: AsyncIterator[bytes], responses: Responses) -> None:
        """Answer until the client has no more requests or the server stops."""
        stopping = asyncio.create_task(self.stopping.wait())
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read_all(requests, responses, group))
                await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
                reading.cancel()
            await responses.put(None)
        finally:
            stopping.cancel()

    async def _read_all(
        self, requests: AsyncIterator[bytes], responses: Responses, group: asyncio.TaskGroup
    ) -> None:
        async for data in requests:
            group.create_task(self._answer_in_stream(data, responses))

    async def _answer_in_stream(self, data: bytes, responses: Responses) -> None:
        """Put every response to one request, an error too: it must not end its neighbours."""
        request = messages.ModelInferRequest()
        try:
            _parse(data, request)
            is_raw = bool(request.raw_input_contents)
            async with aclosing(self._model.stream_infer(self._decode(request))) as stream:
                async for response in stream:
                    message = encode_grpc(response, raw=is_raw)
                    await responses.put(messages.ModelStreamInferResponse(infer_response=message))
        except PredictorError as error:
            await responses.put(_stream_error(request, str(error)))
        except Exception:
            logger.exception("ModelStreamInfer failed")
            await responses.put(_stream_error(request, INTERNAL_ERROR))

    def _decode(self, request: Message) -> InferRequest:
        self._model.check_served(request.model_name, request.model_version)
        self._model.check_ready()
        return decode_grpc(request)


def _guard(
    call: Unary, request_type: type[Message]
) -> Callable[[bytes, grpc.aio.ServicerContext], Awaitable[Message]]:
    """Return the call with its errors turned into the protocol's status codes."""

    async def answer(data: bytes, context: grpc.aio.ServicerContext) -> Message:
        request = request_type()
        try:
            _parse(data, request)
            return await call(request)
        except PredictorError as error:
            await context.abort(grpc.StatusCode[error.grpc_status], str(error))
        except Exception:
            logger.exception("%s failed", call.__name__)
            await context.abort(grpc.StatusCode.INTERNAL, INTERNAL_ERROR)
        raise AssertionError("abort raises")

    return answer


def _parse(data: bytes, message: Message) -> None:
    try:
        message.MergeFromString(data)
    except DecodeError:
        raise InvalidRequest(f"the request is no {message.DESCRIPTOR.name} message") from None


def _stream_error(request: Message, message: str) -> Message:
    return messages.ModelStreamInferResponse(
        error_message=message, infer_response=messages.ModelInferResponse(id=request.id)
    )
