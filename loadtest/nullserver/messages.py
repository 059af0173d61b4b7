"""The gRPC answers as frames, prepared once, in the shapes of our predictor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from loadtest.nullserver.answers import (
    BROKEN,
    NAME,
    NUM_PROMPT_TOKENS,
    REFUSED,
    VERSION,
    chunk_text,
    num_tokens,
    whole_text,
)
from loadtest.nullserver.frames import (
    NO_FRAMES,
    Frames,
    data_frames,
    head_frame,
    only_head_frame,
    trailers_frame,
)
from loadtest.nullserver.profile import Profile
from loadtest.nullserver.reply import Pieces
from loadtest.wire.inference import SERVICE

# https://grpc.github.io/grpc/core/md_doc_statuscodes.html
_NOT_FOUND: Final = 5
_UNIMPLEMENTED: Final = 12
_INTERNAL: Final = 13
_UNAVAILABLE: Final = 14

_CONTENT_TYPE: Final = ("content-type", "application/grpc")
_TRUE: Final = b"\x08\x01"


@dataclass(frozen=True, slots=True)
class Rpc:
    """The pieces of an rpc's answer, of a stream that is not known yet."""

    is_stream: bool
    opening: Frames
    chunk: Frames
    ending: Frames
    cut: Frames

    def pieces(self, stream_id: bytes) -> Pieces:
        return Pieces(
            opening=self.opening.of(stream_id),
            chunk=self.chunk.of(stream_id),
            ending=self.ending.of(stream_id),
            cut=self.cut.of(stream_id),
            error=_FAILED.of(stream_id),
            refusal=_REFUSED.of(stream_id),
        )


def rpcs(model: str, profile: Profile) -> Mapping[bytes, Rpc]:
    """Return the rpcs that generate, by path."""
    head, ok = head_frame([_CONTENT_TYPE]), trailers_frame([("grpc-status", "0")])
    whole = _message(_response(model, whole_text(profile), profile))
    chunk = _streamed(_response(model, chunk_text(profile), None), is_final=False)
    last = _streamed(_response(model, "", profile), is_final=True)
    found = {
        # The stream's number is in no chunk of a unary answer: it goes out in one piece.
        "ModelInfer": Rpc(False, NO_FRAMES, head + whole + ok, NO_FRAMES, NO_FRAMES),
        "ModelStreamInfer": Rpc(True, head, chunk, last + ok, ok),
    }
    return {_path(name): rpc for name, rpc in found.items()}


def model_field(model: str) -> bytes:
    """Return how a message begins that names the model."""
    return _field(1, model)


def pages(model: str) -> Mapping[tuple[bytes, bytes], Frames]:
    """Return the whole answers of the rpcs that only tell, by path and message."""
    asked = model_field(model)
    metadata = asked + _field(2, VERSION) + _field(3, NAME)
    found = {
        ("ServerLive", b""): _TRUE,
        ("ServerReady", b""): _TRUE,
        ("ServerMetadata", b""): _field(1, NAME) + _field(2, VERSION),
        ("ModelReady", asked): _TRUE,
        ("ModelMetadata", asked): metadata,
    }
    head, ok = head_frame([_CONTENT_TYPE]), trailers_frame([("grpc-status", "0")])
    return {
        (_path(name), message): head + _message(answer) + ok
        for (name, message), answer in found.items()
    }


def _path(rpc: str) -> bytes:
    return f"/{SERVICE}/{rpc}".encode()


def _message(encoded: bytes) -> Frames:
    # gRPC's frame: not compressed, and the length.
    return data_frames(b"\0" + len(encoded).to_bytes(4) + encoded)


def _response(model: str, text: str, ending: Profile | None) -> bytes:
    """Return a ModelInferResponse; one that ends a generation says why, and counts."""
    outputs = [_texts("text_output", text), _texts("reasoning_output", "")]
    if ending is not None:
        outputs += [
            _texts("finish_reason", "length"),
            _count("prompt_tokens", NUM_PROMPT_TOKENS),
            _count("reasoning_tokens", 0),
            _count("completion_tokens", num_tokens(ending)),
        ]
    names = _field(1, model) + _field(2, VERSION)
    return names + b"".join(_field(5, output) for output in outputs)


def _texts(name: str, text: str) -> bytes:
    return _tensor(name, "BYTES", _field(8, text))


def _count(name: str, count: int) -> bytes:
    return _tensor(name, "INT32", _field(2, _varint(count)))


def _tensor(name: str, datatype: str, contents: bytes) -> bytes:
    """Return an InferOutputTensor of shape [1]."""
    return _field(1, name) + _field(2, datatype) + _field(3, _varint(1)) + _field(5, contents)


def _streamed(response: bytes, *, is_final: bool) -> Frames:
    value = b"\x08" + _varint(is_final)
    parameter = _field(1, "triton_final_response") + _field(2, value)
    return _message(_field(2, response + _field(4, parameter)))


def _field(number: int, value: str | bytes) -> bytes:
    """Return a field that has a length: https://protobuf.dev/programming-guides/encoding/."""
    encoded = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(encoded)) + encoded


def _varint(value: int) -> bytes:
    *lower, last = [value >> at & 0x7F for at in range(0, max(value.bit_length(), 1), 7)]
    return bytes([*(part | 0x80 for part in lower), last])


def _status(code: int, message: str) -> Frames:
    """Return an answer that is only a status."""
    return only_head_frame([_CONTENT_TYPE, ("grpc-status", str(code)), ("grpc-message", message)])


_FAILED: Final = _status(_INTERNAL, BROKEN)
_REFUSED: Final = _status(_UNAVAILABLE, REFUSED)
NO_MODEL: Final = _status(_NOT_FOUND, "the null server has no such model")
NO_RPC: Final = _status(_UNIMPLEMENTED, "the null server has no such rpc")
