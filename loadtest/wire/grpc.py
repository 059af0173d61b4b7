"""ModelInfer and ModelStreamInfer: a prompt as a protobuf message, and what its answers say.

A streamed request has a call of its own, which ends with its last response. Triton tells which
one that is in ``triton_final_response``, and only always if asked to.
https://github.com/triton-inference-server/server, docs/user_guide/decoupled_models.md
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

import orjson
from google.protobuf.message import DecodeError, Message

from loadtest.config import RunConfig
from loadtest.errors import AnswerError, UsageError
from loadtest.prompts.prompt import Prompt
from loadtest.record import FinishReason
from loadtest.wire.answers import read_count, read_finish_reason
from loadtest.wire.inference import (
    SERVICE,
    ModelInferRequest,
    ModelInferResponse,
    ModelStreamInferResponse,
)
from loadtest.wire.options import chat, scalar_parameters, single_text
from loadtest.wire.part import Part, Usage, Wire

_EMPTY_FINAL: Final = "triton_enable_empty_final_response"
_FINAL: Final = "triton_final_response"
_MAX_ERROR_LENGTH: Final = 200
_INT64: Final = range(-(2**63), 2**63)

# Datatype -> its field of InferTensorContents, and one raw element.
_INTEGERS: Final = {
    "INT8": ("int_contents", struct.Struct("<b")),
    "INT16": ("int_contents", struct.Struct("<h")),
    "INT32": ("int_contents", struct.Struct("<i")),
    "INT64": ("int64_contents", struct.Struct("<q")),
    "UINT8": ("uint_contents", struct.Struct("<B")),
    "UINT16": ("uint_contents", struct.Struct("<H")),
    "UINT32": ("uint_contents", struct.Struct("<I")),
    "UINT64": ("uint64_contents", struct.Struct("<Q")),
}
_LENGTH: Final = struct.Struct("<I")

_TOKEN_COUNTS: Final = ("prompt_tokens", "completion_tokens", "reasoning_tokens")
_TEXTS: Final = ("text_output", "reasoning_output", "finish_reason")


def make_grpc_wire(config: RunConfig) -> Wire:
    """Return the wire of grpc-infer or grpc-stream."""
    return GrpcWire(config.model, is_stream=config.protocol.is_stream)


class GrpcWire:
    """One row a request; tensors of an answer are read from contents and from raw contents."""

    content_type = "application/grpc"
    accept = ""

    def __init__(self, model: str, *, is_stream: bool) -> None:
        self.is_stream = is_stream
        self.path = f"/{SERVICE}/{'ModelStreamInfer' if is_stream else 'ModelInfer'}"
        # Serialised messages that are joined are one message with the fields of both.
        request = ModelInferRequest(model_name=model)
        if is_stream:
            request.parameters[_EMPTY_FINAL].bool_param = True
        self._prefix: bytes = request.SerializeToString()

    def encode(self, prompt: Prompt, request_id: str) -> bytes:
        """Return the message; raises UsageError for an option that no parameter can hold."""
        request = ModelInferRequest(id=request_id)
        for name, value in scalar_parameters(prompt.options).items():
            _set_parameter(request.parameters[name], name, value)
        text = single_text(prompt)
        tensor = request.inputs.add(datatype="BYTES", shape=(1,))
        tensor.name = "messages" if text is None else "text_input"
        data = orjson.dumps(chat(prompt)) if text is None else text.encode()
        tensor.contents.bytes_contents.append(data)
        body: bytes = self._prefix + request.SerializeToString()
        return body

    def decode(self, payload: bytes) -> Part:
        kind = ModelStreamInferResponse if self.is_stream else ModelInferResponse
        try:
            message = kind.FromString(payload)
        except DecodeError:
            raise AnswerError(f"a message is no {kind.DESCRIPTOR.name}") from None
        if not self.is_stream:
            return _decode_unary(message)
        if message.error_message:
            return Part(error=message.error_message[:_MAX_ERROR_LENGTH])
        return _decode_streamed(message.infer_response)

    def decode_error(self, payload: bytes) -> str:
        """Return nothing: gRPC's word for an error is in its trailers, never in a body."""
        return ""


def _set_parameter(parameter: Message, name: str, value: str | int | float | bool) -> None:
    # A bool is an int too, so it comes first.
    if isinstance(value, bool):
        parameter.bool_param = value
    elif isinstance(value, int):
        if value not in _INT64:
            raise UsageError(f"option {name} is {value}, must be an integer of 64 bits over gRPC")
        parameter.int64_param = value
    elif isinstance(value, float):
        parameter.double_param = value
    else:
        parameter.string_param = value


def _decode_unary(response: Message) -> Part:
    texts, usage = _read_outputs(response)
    if "text_output" not in texts:
        raise AnswerError("the answer has no output named text_output")
    return Part(
        text=texts["text_output"],
        reasoning=texts.get("reasoning_output", ""),
        finish_reason=_finish_reason(texts),
        usage=usage,
        is_last=True,
    )


def _decode_streamed(response: Message) -> Part:
    texts, usage = _read_outputs(response)
    finish_reason = _finish_reason(texts)
    # Servers other than Triton need not know of its parameter.
    says = response.parameters[_FINAL].bool_param if _FINAL in response.parameters else None
    return Part(
        text=texts.get("text_output", ""),
        reasoning=texts.get("reasoning_output", ""),
        finish_reason=finish_reason,
        usage=usage,
        is_last=finish_reason is not None if says is None else says,
    )


def _finish_reason(texts: dict[str, str]) -> FinishReason | None:
    # While a stream goes on, some servers send it empty.
    return read_finish_reason(texts.get("finish_reason") or None)


def _read_outputs(response: Message) -> tuple[dict[str, str], Usage | None]:
    """Return the outputs that are known by name, texts and token counts; others are left."""
    texts: dict[str, str] = {}
    counts: dict[str, int] = {}
    raws: Sequence[bytes] = response.raw_output_contents
    if raws and len(raws) != len(response.outputs):
        raise AnswerError(
            f"raw_output_contents has {len(raws)} entries for {len(response.outputs)} outputs"
        )
    for index, tensor in enumerate(response.outputs):
        name = tensor.name
        raw = raws[index] if raws else None
        if name in _TEXTS:
            texts[name] = _read_text(tensor, raw)
        elif name in _TOKEN_COUNTS:
            counts[name] = _read_count(tensor, raw)
    return texts, Usage(**counts) if counts else None


def _read_text(tensor: Message, raw: bytes | None) -> str:
    name = tensor.name
    if tensor.datatype != "BYTES":
        raise AnswerError(f"output {name} is not of datatype BYTES")
    if raw is None:
        element: bytes = _only(name, tensor.contents.bytes_contents)
    else:
        element = raw[_LENGTH.size :]
        if len(raw) < _LENGTH.size or _LENGTH.unpack_from(raw) != (len(element),):
            raise AnswerError(f"output {name} does not hold exactly one string")
    # A token may be a part of a character.
    return element.decode(errors="replace")


def _read_count(tensor: Message, raw: bytes | None) -> int:
    name = tensor.name
    if tensor.datatype not in _INTEGERS:
        raise AnswerError(f"output {name} is not of an integer datatype")
    field, element = _INTEGERS[tensor.datatype]
    if raw is None:
        count = int(_only(name, getattr(tensor.contents, field)))
    elif len(raw) == element.size:
        count = int(element.unpack(raw)[0])
    else:
        raise AnswerError(f"output {name} does not hold exactly one integer")
    return read_count(count, name)


def _only(name: str, elements: Sequence[Any]) -> Any:
    if len(elements) != 1:
        raise AnswerError(f"output {name} has {len(elements)} elements, must have 1")
    return elements[0]
