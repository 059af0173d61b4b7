"""A process that sends one share of a run and tells the coordinator what it sees."""

import gc
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, Self

from loadtest.config import RunConfig
from loadtest.errors import LoadtestError
from loadtest.net.endpoint import Endpoint
from loadtest.net.reactor import READ, Reactor
from loadtest.prompts.counting import LocalTokenizer
from loadtest.prompts.source import make_source
from loadtest.records.store import Writer
from loadtest.run.clients import make_client
from loadtest.run.driver import Driver
from loadtest.run.messages import CutOff, Failed, Finished, Ready, Start, StopSending
from loadtest.run.pace import Share
from loadtest.run.recorder import Recorder
from loadtest.wire.make import make_wire

_PROGRESS_NS: Final = 250_000_000


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is started with."""

    config: RunConfig
    endpoint: Endpoint
    share: Share
    run_id: str
    directory: Path


def work(task: Task, pipe: Connection) -> None:
    """Run the share; a reason why it cannot go on is told, too."""
    try:
        _Worker(task, pipe).run()
    except LoadtestError as error:
        pipe.send(Failed(error))
    except (EOFError, BrokenPipeError):
        # The coordinator is gone: there is nobody to measure for.
        return


@dataclass(frozen=True, slots=True)
class _Clocks:
    wall_s: float
    cpu_s: float

    @classmethod
    def read(cls) -> Self:
        return cls(time.monotonic(), time.process_time())


class _Worker:
    def __init__(self, task: Task, pipe: Connection) -> None:
        config = task.config
        self._pipe = pipe
        self._reactor = Reactor()
        wire = make_wire(config)
        self._client = make_client(
            self._reactor,
            config,
            task.endpoint,
            wire,
            task.run_id,
            max_connections=task.share.of(config.max_connections),
            first_address=task.share.worker,
        )
        source = make_source(config)
        tokenizer = LocalTokenizer(config.tokenizer) if config.tokenizer else None
        pipe.send(Ready())
        start = pipe.recv()
        assert isinstance(start, Start)
        self._epoch_ns = start.epoch_ns
        writer = Writer(task.directory, task.share.worker, self._epoch_ns)
        self._recorder = Recorder(writer, tokenizer)
        self._driver = Driver(
            config,
            task.share,
            task.run_id,
            reactor=self._reactor,
            client=self._client,
            source=source,
            wire=wire,
            recorder=self._recorder,
            on_finished=self._reactor.stop,
        )

    def run(self) -> None:
        self._reactor.watch(self._pipe.fileno(), READ, self._obey)
        self._driver.begin(self._epoch_ns)
        self._reactor.call_at(self._epoch_ns, self._report)
        # Collections at moments of our own choosing, over what is new.
        gc.collect()
        gc.freeze()
        gc.disable()
        self._began = self._now = _Clocks.read()
        self._reactor.run()
        self._client.close()
        self._recorder.close()
        self._pipe.send(self._driver.tally.take(0, 0))
        self._pipe.send(self._account())

    def _report(self) -> None:
        driver = self._driver
        if driver.is_sending:
            # The drain would make the worker look idler than it was.
            self._now = _Clocks.read()
        self._pipe.send(driver.tally.take(driver.num_in_flight, driver.num_waiting))
        gc.collect(0)
        self._reactor.call_at(time.monotonic_ns() + _PROGRESS_NS, self._report)

    def _obey(self, _events: int) -> None:
        match self._pipe.recv():
            case StopSending():
                self._driver.stop_sending()
            case CutOff():
                self._driver.cut_off()

    def _account(self) -> Finished:
        return Finished(
            num_requests=self._driver.tally.num_requests,
            sent_for_s=self._driver.sent_for_s,
            wall_s=self._now.wall_s - self._began.wall_s,
            cpu_s=self._now.cpu_s - self._began.cpu_s,
            connections_opened=self._client.num_opened,
            connections_most=self._client.most_open,
            busy_counts=self._reactor.busy_counts,
            busy_most_ns=self._reactor.busy_most_ns,
            errors=dict(self._driver.tally.errors),
            is_out_of_requests=self._driver.is_out_of_requests,
        )
