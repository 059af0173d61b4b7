"""The engine as the server process sees it: starts it, speaks to it, starts it again."""

import asyncio
import contextlib
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
    EngineStats,
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
# Tokens read from a stream in one go: with logprobs each is work for the loop.
MAX_TAKEN: Final = 16
# Between attempts to replace an engine, the first of which comes at once.
BACKOFFS_S: Final = (0.5, 1.0, 2.0, 4.0)

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

    def __init__(self, config: EngineConfig, *, backoffs_s: tuple[float, ...] = BACKOFFS_S) -> None:
        """Start the process at once, so that it loads while the server process imports."""
        self.ready: Ready | None = None
        self.num_restarts = 0
        self._backoffs_s = backoffs_s
        self._config = config
        self._process = EngineProcess(config)
        self._writer: asyncio.StreamWriter | None = None
        self._stats = EngineStats()
        self._streams: dict[int, Stream] = {}
        # When the engine last said something, or got work after it had none.
        self._heard_s = 0.0
        self._ids = itertools.count()
        self._first_ready: Ready | None = None
        self._has_been_ready = asyncio.Event()
        self._num_failed_attempts = 0
        self._closing = asyncio.Event()

    @property
    def num_streams(self) -> int:
        """Sequences that the engine has not ended yet."""
        return len(self._streams)

    @property
    def stats(self) -> EngineStats:
        """What the engine said last of itself; zeros while none is ready."""
        return EngineStats() if self.ready is None else self._stats

    @property
    def can_recover(self) -> bool:
        """False from an engine that did not get ready to the next one that does."""
        return self._num_failed_attempts == 0

    async def run(self) -> None:
        """Keep an engine running until ``close``.

        One that ends is replaced at once; if the replacement does not get ready, another is tried
        after each of ``backoffs_s``. Raises ModelRefused when the first engine does not get ready,
        or the last attempt fails.
        """
        while True:
            failure = await self._run_process()
            if failure is not None and not self._closing.is_set():
                await self._back_off(failure)
            if self._closing.is_set():
                return
            # Requests are held to the first engine's limits: one that is smaller is refused.
            assert self._first_ready is not None
            limit = self._first_ready.max_model_len
            self._process = EngineProcess(replace(self._config, max_model_len=limit))
            self.num_restarts += 1

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
        if not self._streams:
            self._heard_s = asyncio.get_running_loop().time()
        sequence_id = next(self._ids)
        stream = self._streams[sequence_id] = Stream()
        self._send(Add(sequence_id, prompt_ids, params))
        is_finished = False
        try:
            while not is_finished:
                outputs = await _take(stream)
                is_finished = outputs[-1].finish_reason is not None
                yield outputs
        finally:
            # One that has ended, or whose engine has, is gone from here.
            if self._streams.pop(sequence_id, None) is not None:
                self._send(Abort(sequence_id))

    def close(self) -> None:
        """Close the channel, which ends the engine; ``run`` returns when it has ended."""
        if self._closing.is_set():
            return
        self._closing.set()
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

    async def _run_process(self) -> ModelRefused | None:
        """Stay until the process ends; return why it did not get ready, if it did not."""
        refused = None
        try:
            await self._converse(self._process)
        except ModelRefused as error:
            refused = error
        finally:
            was_ready, self.ready = self.ready is not None, None
            self._fail_streams(GenerationFailed("the engine ended before the generation did"))
            status = await asyncio.to_thread(self._process.wait)
        if was_ready:
            logger.error("engine process ended with status %s, starting another", status)
            return None
        return refused or ModelRefused(
            f"the engine process ended with status {status} while loading"
        )

    async def _back_off(self, failure: ModelRefused) -> None:
        """Wait until the next attempt or ``close``; raises ``failure`` where there is none."""
        self._num_failed_attempts += 1
        if self._first_ready is None or self._num_failed_attempts > len(self._backoffs_s):
            raise failure
        backoff_s = self._backoffs_s[self._num_failed_attempts - 1]
        logger.error("no engine: %s; trying again in %g s", failure, backoff_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), backoff_s)

    async def _converse(self, process: EngineProcess) -> None:
        if self._closing.is_set():
            process.connection.close()
            return
        reader, self._writer = await asyncio.open_unix_connection(sock=process.connection)
        watch = asyncio.create_task(self._watch(process))
        try:
            while True:
                self._handle(await _read(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            watch.cancel()
            self._writer.close()

    async def _watch(self, process: EngineProcess) -> None:
        """End an engine that has work and says nothing for ``step_timeout_s``."""
        loop, timeout_s = asyncio.get_running_loop(), self._config.step_timeout_s
        while True:
            silence_s = loop.time() - self._heard_s if self._streams else 0.0
            if silence_s >= timeout_s:
                logger.error("engine process hangs: no step within %g s, killing it", timeout_s)
                process.kill()
                return
            # A deadline only moves later, so nothing is missed by sleeping until this one.
            await asyncio.sleep(timeout_s - silence_s)

    def _handle(self, message: ToServer) -> None:
        self._heard_s = asyncio.get_running_loop().time()
        match message:
            case Step(outputs, stats):
                self._stats = stats
                for output in outputs:
                    self._deliver(output)
            case Ready():
                if self._first_ready is not None:
                    logger.info("another engine is ready")
                self.ready = message
                self._stats = EngineStats()
                self._num_failed_attempts = 0
                self._first_ready = self._first_ready or message
                self._has_been_ready.set()
            case Refused(reason):
                raise ModelRefused(reason)

    def _deliver(self, output: TokenOutput) -> None:
        if (stream := self._streams.get(output.sequence_id)) is None:
            return
        stream.put_nowait(output)
        if output.finish_reason is not None:
            # The engine owes it nothing more, however long its reader takes.
            del self._streams[output.sequence_id]

    def _send(self, message: ToEngine) -> None:
        assert self._writer is not None
        self._writer.write(encode_frame(message))

    def _fail_streams(self, error: PredictorError) -> None:
        for stream in self._streams.values():
            # Each its own: the traceback of a raised one holds whatever its request held.
            stream.put_nowait(type(error)(str(error)))
        self._streams.clear()


async def _read(reader: asyncio.StreamReader) -> ToServer:
    (length,) = HEADER.unpack(await reader.readexactly(HEADER.size))
    return decode_to_server(await reader.readexactly(length))


async def _take(stream: Stream) -> list[TokenOutput]:
    """Return what has arrived, at least one and of a long backlog only so much at once."""
    if stream.qsize() > MAX_TAKEN:
        # Its reader has fallen behind, and catches up with others between.
        await asyncio.sleep(0)
    items = [await stream.get()]
    while not stream.empty() and len(items) < MAX_TAKEN:
        items.append(stream.get_nowait())
    outputs: list[TokenOutput] = []
    for item in items:
        if isinstance(item, PredictorError):
            raise item
        outputs.append(item)
    return outputs
