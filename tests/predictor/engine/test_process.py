"""The engine's loop over a fake model, spoken to through a real channel."""

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from predictor.engine.block_manager import BlockManager
from predictor.engine.engine import Engine
from predictor.engine.messages import (
    HEADER,
    Abort,
    Add,
    EngineStats,
    Step,
    ToEngine,
    decode_to_server,
    encode_frame,
)
from predictor.engine.process import Channel, ChannelClosed, serve
from predictor.engine.scheduler import Batch, Scheduler
from predictor.engine.sequence import Sample, SamplingParams

TIMEOUT_S = 30
PARAMS = SamplingParams(max_tokens=1000, seed=0)


@dataclass
class GatedModel:
    """Runs a batch for each permit; the batches it has begun to run are counted."""

    permits: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)
    has_begun: threading.Event = field(default_factory=threading.Event)
    num_steps: int = 0

    def run(self, batch: Batch) -> list[list[Sample]]:
        self.num_steps += 1
        self.has_begun.set()
        self.permits.get(timeout=TIMEOUT_S)
        return [[Sample(7)] for chunk in batch.chunks if chunk.reaches_end]


@dataclass
class Server:
    """The server's end of the channel to a running engine."""

    connection: socket.socket
    model: GatedModel

    def send(self, *messages: ToEngine) -> None:
        """Send the messages at once, so that one turn of the loop takes them all."""
        self.connection.sendall(b"".join(map(encode_frame, messages)))

    def step(self) -> Step:
        """Let the engine run a batch and return what it then says."""
        self.model.permits.put(None)
        return self.receive()

    def receive(self) -> Step:
        (length,) = HEADER.unpack(self.connection.recv(HEADER.size, socket.MSG_WAITALL))
        message = decode_to_server(self.connection.recv(length, socket.MSG_WAITALL))
        assert isinstance(message, Step)
        return message

    def read_to_the_end(self) -> bytes:
        self.connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: self.connection.recv(1 << 16), b""))


@contextmanager
def serving(max_num_batched_tokens: int = 32) -> Iterator[Server]:
    connection, engine_end = socket.socketpair()
    connection.settimeout(TIMEOUT_S)
    model = GatedModel()
    scheduler = Scheduler(
        BlockManager(64, 4), max_num_seqs=2, max_num_batched_tokens=max_num_batched_tokens
    )
    engine = Engine(scheduler, model.run, lambda: 0.0)

    def run() -> None:
        with engine_end:
            try:
                serve(engine, Channel(engine_end))
            except ChannelClosed:
                return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Server(connection, model)
    finally:
        connection.close()
        # For a step that waits for one.
        model.permits.put(None)
        thread.join(TIMEOUT_S)


def test_a_step_tells_what_runs_waits_and_is_used_after_it() -> None:
    with serving() as server:
        server.send(*[Add(i, [i] * 5, PARAMS) for i in range(3)])

        # The first message may come alone; by the second step all have arrived.
        server.step()
        stats = server.step().stats

    assert stats == EngineStats(num_waiting=1, num_running=2, num_used_blocks=4)


def test_a_step_tells_how_much_of_all_prompts_was_there_already() -> None:
    with serving() as server:
        for i in range(3):
            server.send(Add(i, [1] * 9, SamplingParams(max_tokens=1, seed=0)))
            stats = server.step().stats

    assert stats == EngineStats(num_prefix_hit_tokens=16)


def test_an_abort_that_leaves_no_work_is_followed_by_zeros_and_nothing_else() -> None:
    with serving() as server:
        server.send(Add(0, [1] * 5, PARAMS))
        assert server.model.has_begun.wait(TIMEOUT_S)
        server.send(Abort(0))
        during = server.step()
        after = server.receive()

        assert during.stats == EngineStats(num_running=1, num_used_blocks=2)
        assert after == Step([], EngineStats())
        assert server.read_to_the_end() == b""
        assert server.model.num_steps == 1


def test_a_step_in_the_middle_of_a_prompt_is_told_too() -> None:
    with serving(max_num_batched_tokens=4) as server:
        server.send(Add(0, [1] * 12, PARAMS))

        steps = [server.step() for _ in range(3)]

    assert [len(step.outputs) for step in steps] == [0, 0, 1]
    assert [step.stats.num_used_blocks for step in steps] == [3, 3, 3]


def test_an_abort_of_one_that_has_ended_is_followed_by_nothing() -> None:
    with serving() as server:
        server.send(Add(0, [1], SamplingParams(max_tokens=1, seed=0)))
        assert server.step().stats == EngineStats()

        server.send(Abort(0))

        assert server.read_to_the_end() == b""
