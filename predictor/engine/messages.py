"""What the two processes say to each other: msgpack frames behind a 4-byte length.

server -> engine   EngineConfig, then Add and Abort; closing the channel ends the engine
engine -> server   Ready or Refused, then a Step for each step and for stats that change without one
"""

import struct
from pathlib import Path
from typing import Final

import msgspec

from predictor.config import EngineConfig
from predictor.engine.sequence import SamplingParams, TokenOutput

HEADER: Final = struct.Struct("<I")


class Start(msgspec.Struct, frozen=True, tag=True):
    """The first message: load this."""

    config: EngineConfig


class Add(msgspec.Struct, frozen=True, tag=True):
    """Generate from this prompt."""

    sequence_id: int
    prompt_ids: list[int]
    params: SamplingParams


class Abort(msgspec.Struct, frozen=True, tag=True):
    """Forget the sequence; nothing more is said of it. An ended one is no error."""

    sequence_id: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The model is loaded and warmed up; what the server must know of it."""

    vocab_size: int
    max_model_len: int
    eos_token_ids: tuple[int, ...]
    device: str
    dtype: str
    num_blocks: int


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The model cannot be served, in one sentence."""

    reason: str


class EngineStats(msgspec.Struct, frozen=True, array_like=True):
    """What the engine holds now; the last four are all since it started."""

    num_waiting: int = 0
    num_running: int = 0
    num_used_blocks: int = 0
    num_preemptions: int = 0
    num_prefix_hit_tokens: int = 0
    num_draft_tokens: int = 0
    num_accepted_tokens: int = 0


class Step(msgspec.Struct, frozen=True, tag=True):
    """Every token that one step sampled, none in the middle of a prompt, and what is left."""

    outputs: list[TokenOutput]
    stats: EngineStats


ToEngine = Start | Add | Abort
ToServer = Ready | Refused | Step


def encode_frame(message: ToEngine | ToServer) -> bytes:
    """Return the message with its length in front."""
    body = msgspec.msgpack.encode(message, enc_hook=str)
    return HEADER.pack(len(body)) + body


def _decode_path(_: type, value: str) -> Path:
    return Path(value)


# Paths are the one type that msgpack has not; they travel as text.
_TO_ENGINE: Final = msgspec.msgpack.Decoder(ToEngine, dec_hook=_decode_path)
_TO_SERVER: Final = msgspec.msgpack.Decoder(ToServer)


def decode_to_engine(body: bytes) -> ToEngine:
    message: ToEngine = _TO_ENGINE.decode(body)
    return message


def decode_to_server(body: bytes) -> ToServer:
    message: ToServer = _TO_SERVER.decode(body)
    return message
