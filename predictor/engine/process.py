"""The engine process: load, then step while there is work, between messages of the server."""

import contextlib
import gc
import socket

from predictor.engine.engine import Engine
from predictor.engine.loader import load_engine
from predictor.engine.messages import (
    HEADER,
    Abort,
    Add,
    EngineStats,
    Refused,
    Start,
    Step,
    ToEngine,
    ToServer,
    decode_to_engine,
    encode_frame,
)
from predictor.engine.sequence import Sequence
from predictor.errors import PredictorError


class ChannelClosed(Exception):
    """The server process is gone or has closed the channel."""


class Channel:
    """The engine's end of the socket; reads whole messages."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    def send(self, message: ToServer) -> None:
        try:
            self._connection.sendall(encode_frame(message))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosed from error

    def receive(self) -> ToEngine:
        """Return the next message, waiting for it."""
        while (message := self._take()) is None:
            self._fill()
        return message

    def receive_waiting(self) -> list[ToEngine]:
        """Return the messages that have arrived, without waiting."""
        messages = []
        with contextlib.suppress(BlockingIOError):
            while True:
                self._fill(socket.MSG_DONTWAIT)
        while (message := self._take()) is not None:
            messages.append(message)
        return messages

    def _fill(self, flags: int = 0) -> None:
        try:
            data = self._connection.recv(1 << 20, flags)
        except ConnectionResetError as error:
            raise ChannelClosed from error
        if not data:
            raise ChannelClosed
        self._buffer += data

    def _take(self) -> ToEngine | None:
        if len(self._buffer) < HEADER.size:
            return None
        (length,) = HEADER.unpack_from(self._buffer)
        end = HEADER.size + length
        if len(self._buffer) < end:
            return None
        message = decode_to_engine(bytes(self._buffer[HEADER.size : end]))
        del self._buffer[:end]
        return message


def run(connection: socket.socket) -> None:
    """Serve the channel until the server closes it."""
    channel = Channel(connection)
    try:
        start = channel.receive()
        assert isinstance(start, Start)
        engine = _load(start, channel)
        if engine is not None:
            serve(engine, channel)
    except ChannelClosed:
        return


def _load(start: Start, channel: Channel) -> Engine | None:
    try:
        engine, ready = load_engine(start.config)
    except PredictorError as refused:
        channel.send(Refused(str(refused)))
        return None
    # Looking at the modules of torch took each full collection 60 ms, while every sequence waited.
    gc.freeze()
    channel.send(ready)
    return engine


def serve(engine: Engine, channel: Channel) -> None:
    """Step while there is work; raises ChannelClosed in the end.

    Sends a Step after each step, whether it sampled or not: the server takes silence for a hang.
    """
    sent = EngineStats()
    while True:
        messages = channel.receive_waiting() if engine.has_work else [channel.receive()]
        for message in messages:
            _apply(message, engine)
        is_stepping = engine.has_work
        outputs = engine.step() if is_stepping else []
        stats = _stats(engine)
        if is_stepping or stats != sent:
            channel.send(Step(outputs, stats))
            sent = stats


def _apply(message: ToEngine, engine: Engine) -> None:
    match message:
        case Add(sequence_id, prompt_ids, params):
            engine.add(Sequence(sequence_id, prompt_ids, params))
        case Abort(sequence_id):
            engine.abort(sequence_id)
        case Start():
            raise AssertionError("the engine is started already")


def _stats(engine: Engine) -> EngineStats:
    scheduler = engine.scheduler
    lookup = scheduler.lookup
    return EngineStats(
        num_waiting=len(scheduler.waiting),
        num_running=len(scheduler.running),
        num_used_blocks=scheduler.blocks.num_owned,
        num_preemptions=scheduler.num_preemptions,
        num_prefix_hit_tokens=scheduler.num_prefix_hit_tokens,
        num_draft_tokens=0 if lookup is None else lookup.num_draft_tokens,
        num_accepted_tokens=0 if lookup is None else lookup.num_accepted_tokens,
    )
