"""The workers as processes: started, told things, and never left behind."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Final

from loadtest.config import RunConfig
from loadtest.errors import LoadtestError
from loadtest.net.endpoint import Endpoint
from loadtest.run.messages import Failed, Finished, Progress, Ready, ToWorker
from loadtest.run.pace import Share
from loadtest.run.worker import Task

_START_TIMEOUT_S: Final = 60.0
_EXIT_TIMEOUT_S: Final = 10.0


class WorkerProcess:
    """One worker; ``finished`` once it has ended well."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: Connection, number: int) -> None:
        self.process = process
        self.pipe = pipe
        self.number = number
        self.finished: Finished | None = None
        self.has_failed = False

    @property
    def is_running(self) -> bool:
        return self.finished is None and not self.has_failed

    def await_ready(self) -> None:
        if not self.pipe.poll(_START_TIMEOUT_S):
            raise LoadtestError(f"worker {self.number} did not start in {_START_TIMEOUT_S:g} s")
        message = self.receive()
        assert message is None, "the first word is Ready"

    def tell(self, message: ToWorker) -> None:
        # Of one that died the next ``receive`` tells.
        with suppress(BrokenPipeError):
            self.pipe.send(message)

    def receive(self) -> Progress | None:
        """Take one message; raises LoadtestError where the worker has failed or died."""
        try:
            message = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            status = self.process.wait(_EXIT_TIMEOUT_S)
            raise LoadtestError(f"worker {self.number} died with exit status {status}") from None
        match message:
            case Progress():
                return message
            case Failed(error):
                raise error
            case Finished():
                self.finished = message
            case Ready():
                pass
        return None

    def end(self) -> None:
        """Let one that has finished exit, and kill any other."""
        self.pipe.close()
        try:
            self.process.wait(_EXIT_TIMEOUT_S if self.finished else 0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def started(
    config: RunConfig, endpoint: Endpoint, run_id: str, directory: Path
) -> Iterator[list[WorkerProcess]]:
    """Start every worker; whichever still runs at the end is killed."""
    workers: list[WorkerProcess] = []
    try:
        for number in range(config.workers):
            workers.append(_start(number))
            share = Share(number, config.workers)
            workers[-1].pipe.send(Task(config, endpoint, share, run_id, directory))
        yield workers
    finally:
        for worker in workers:
            worker.end()


def _start(number: int) -> WorkerProcess:
    ours, theirs = Pipe()
    command = [sys.executable, "-m", "loadtest.run", str(theirs.fileno())]
    with theirs, _signals_blocked():
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    return WorkerProcess(process, ours, number)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A process that is started meanwhile has them blocked for good.

    A terminal and timeout(1) signal the whole group: the coordinator's word counts for workers.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
