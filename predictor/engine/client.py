"""The engine as the server process sees it: starts it, speaks to it, starts it again."""

import asyncio
import itertools
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final

from predictor.config import EngineConfig
from predictor.engine.messages import (
    HEADER,
    Abort,
    Add,
    Ready,
    Refused,
    Start,
    Step,
    ToEngine,
    ToServer,
    decode_to_server,
    encode_frame,
)
from predictor.engine.sequence import SamplingParams, TokenOutput
from predictor.errors import GenerationFailed, ModelRefused, PredictorError, Unavailable

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S: Final = 5.0

Stream = asyncio.Queue[TokenOutput | PredictorError]


class EngineProcess:
    """A started engine process and the server's end of its channel."""

    def __init__(self, config: EngineConfig) -> None:
        self.connection, engine_end = socket.socketpair()
        with engine_end:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "predictor.engine", str(engine_end.fileno())],
                pass_fds=[engine_end.fileno()],
                stdin=subprocess.DEVNULL,
                # Ctrl-C is for the server, which decides when the engine ends.
                process_group=0,
            )
        # The socket holds the message while the process still imports torch.
        self.connection.sendall(encode_frame(Start(config)))

    def kill(self) -> None:
        self._popen.kill()

    def wait(self) -> int:
        """Return the exit status of a process whose channel is closed, ended if need be."""
        try:
            return self._popen.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()


class EngineClient:
    """Generates with the engine process; all but the constructor runs on one event loop."""

    def __init__(self, config: EngineConfig) -> None:
        """Start the process at once, so that it loads while the server process imports."""
        self.ready: Ready | None = None
        self._config = config
        self._process = EngineProcess(config)
        self._writer: asyncio.StreamWriter | None = None
        self._streams: dict[int, Stream] = {}
        self._ids = itertools.count()
        self._first_ready: Ready | None = None
        self._has_been_ready = asyncio.Event()
        self._is_closing = False

    @property
    def num_streams(self) -> int:
        return len(self._streams)

    async def run(self) -> None:
        """Keep an engine running until ``close``.

        Raises ModelRefused when the model cannot be served, or an engine ends before it is ready.
        """
        while True:
            try:
                await self._converse(self._process)
            finally:
                was_ready, self.ready = self.ready is not None, None
                self._fail_streams(GenerationFailed("the engine ended before the generation did"))
                status = await asyncio.to_thread(self._process.wait)
            if self._is_closing:
                return
            if not was_ready:
                raise ModelRefused(f"the engine process ended with status {status} while loading")
            logger.error("engine process ended with status %s, starting another", status)
            # Requests are held to the first engine's limits: one that is smaller is refused.
            assert self._first_ready is not None
            limit = self._first_ready.max_model_len
            self._process = EngineProcess(replace(self._config, max_model_len=limit))

    async def wait_ready(self) -> Ready:
        """Return what the first engine says of the model, once it has loaded it."""
        await self._has_been_ready.wait()
        assert self._first_ready is not None
        return self._first_ready

    async def generate(
        self, prompt_ids: list[int], params: SamplingParams
    ) -> AsyncGenerator[list[TokenOutput], None]:
        """Yield the tokens that have arrived, until the one with the finish reason.

        Closing the generator aborts the sequence. Raises Unavailable while no engine is ready or
        when ``close`` comes first, and GenerationFailed when the engine ends first.
        """
        if self.ready is None:
            raise Unavailable("the model is not ready")
        sequence_id = next(self._ids)
        stream = self._streams[sequence_id] = Stream()
        self._send(Add(sequence_id, prompt_ids, params))
        is_finished = False
        try:
            while not is_finished:
                outputs = await _take_all(stream)
                is_finished = outputs[-1].finish_reason is not None
                yield outputs
        finally:
            if self._streams.pop(sequence_id, None) is not None and not is_finished:
                self._send(Abort(sequence_id))

    def close(self) -> None:
        """Close the channel, which ends the engine; ``run`` returns when it has ended."""
        if self._is_closing:
            return
        self._is_closing = True
        if self.ready is None:
            # It loads and does not listen, and has nothing to lose.
            self._process.kill()
        self.ready = None
        self._fail_streams(Unavailable("the server stopped before the generation ended"))
        if self._writer is not None:
            self._writer.close()
        else:
            # Shut down, not closed: the loop may be about to read it.
            self._process.connection.shutdown(socket.SHUT_RDWR)

    async def _converse(self, process: EngineProcess) -> None:
        if self._is_closing:
            process.connection.close()
            return
        reader, self._writer = await asyncio.open_unix_connection(sock=process.connection)
        try:
            while True:
                self._handle(await _read(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writer.close()

    def _handle(self, message: ToServer) -> None:
        match message:
            case Step(outputs):
                for output in outputs:
                    if (stream := self._streams.get(output.sequence_id)) is not None:
                        stream.put_nowait(output)
            case Ready():
                self.ready = message
                self._first_ready = self._first_ready or message
                self._has_been_ready.set()
            case Refused(reason):
                raise ModelRefused(reason)

    def _send(self, message: ToEngine) -> None:
        assert self._writer is not None
        self._writer.write(encode_frame(message))

    def _fail_streams(self, error: PredictorError) -> None:
        for stream in self._streams.values():
            stream.put_nowait(error)
        self._streams.clear()


async def _read(reader: asyncio.StreamReader) -> ToServer:
    (length,) = HEADER.unpack(await reader.readexactly(HEADER.size))
    return decode_to_server(await reader.readexactly(length))


async def _take_all(stream: Stream) -> list[TokenOutput]:
    items = [await stream.get()]
    while not stream.empty():
        items.append(stream.get_nowait())
    outputs: list[TokenOutput] = []
    for item in items:
        if isinstance(item, PredictorError):
            if outputs and outputs[-1].finish_reason is not None:
                break
            raise item
        outputs.append(item)
    return outputs
