"""The load itself: every worker sends its share, and whoever watches sees it happen."""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final, Literal, Protocol

from loadtest.config import Arrivals, RunConfig
from loadtest.errors import LoadtestError
from loadtest.net.endpoint import Endpoint
from loadtest.run.interrupts import Interrupts
from loadtest.run.messages import CutOff, Finished, Progress, Start, StopSending
from loadtest.run.processes import WorkerProcess, started

# From the word to the first send: workers make their first prompts meanwhile.
_LEAD_NS: Final = 200_000_000
_POLL_S: Final = 0.1
# Beyond duration and drain, for workers to write what they have.
_END_TIMEOUT_S: Final = 60.0

End = Literal["duration", "requests", "trace", "interrupted", "failed"]


class Watcher(Protocol):
    """Shows a run while it goes on."""

    def update(self, now_s: float, worker: int, progress: Progress | None) -> None:
        """Take what a worker has seen, ``now_s`` after the epoch; None: nothing."""

    def interrupt(self, *, is_last: bool) -> None:
        """Ctrl-C has ended the sending, or, when it is the last, the waiting for answers too."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the workers did; their records lie in the directory that they were given."""

    run_id: str
    started_at: datetime
    duration_s: float
    drain_s: float
    end: End
    # Of those that have ended well.
    workers: list[Finished]
    failure: LoadtestError | None = None


def apply_load(
    config: RunConfig,
    endpoint: Endpoint,
    directory: Path,
    watchers: Sequence[Watcher],
    interrupts: Interrupts,
    on_epoch: Callable[[int], None],
) -> Load:
    """Send the whole run and return when every worker has ended.

    The first interrupt stops the sending and lets answers come in, the second ends at once. Where a
    worker fails or dies the others stop as well, and the load has ended as "failed"; where none is
    left, LoadtestError is raised.
    """
    run_id = uuid.uuid4().hex[:12]
    with started(config, endpoint, run_id, directory) as workers:
        for worker in workers:
            worker.await_ready()
        started_at = datetime.now(UTC)
        epoch_ns = time.monotonic_ns() + _LEAD_NS
        for worker in workers:
            worker.tell(Start(epoch_ns))
        on_epoch(epoch_ns)
        watch = _Watch(config, workers, watchers, interrupts, epoch_ns)
        watch.run()
        wall_s = (time.monotonic_ns() - epoch_ns) / 1e9
        finished = [worker.finished for worker in workers if worker.finished]
    if watch.failure is not None and not finished:
        raise watch.failure
    duration_s = max(one.sent_for_s for one in finished)
    return Load(
        run_id=run_id,
        started_at=started_at,
        duration_s=duration_s,
        drain_s=max(wall_s - duration_s, 0.0),
        end="failed" if watch.failure else _end(config, finished, interrupts),
        workers=finished,
        failure=watch.failure,
    )


class _Watch:
    """Passes on what workers say, and interrupts to them, until all have finished."""

    def __init__(
        self,
        config: RunConfig,
        workers: list[WorkerProcess],
        watchers: Sequence[Watcher],
        interrupts: Interrupts,
        epoch_ns: int,
    ) -> None:
        self.failure: LoadtestError | None = None
        self._workers = workers
        self._watchers = watchers
        self._interrupts = interrupts
        self._num_obeyed = 0
        self._epoch_ns = epoch_ns
        self._last_s = config.duration_s + config.drain_s + _END_TIMEOUT_S

    def run(self) -> None:
        while pending := [worker for worker in self._workers if worker.is_running]:
            pipes = {worker.pipe: worker for worker in pending}
            for pipe in wait(list(pipes), _POLL_S):
                worker = pipes[pipe]  # type: ignore[index]
                self._receive(worker)
            self._obey()
            if self._now_s > self._last_s:
                numbers = ", ".join(str(worker.number) for worker in pending)
                raise LoadtestError(f"workers {numbers} did not end {_END_TIMEOUT_S:g} s after it")

    @property
    def _now_s(self) -> float:
        return (time.monotonic_ns() - self._epoch_ns) / 1e9

    def _receive(self, worker: WorkerProcess) -> None:
        try:
            self._show(worker.number, worker.receive())
        except LoadtestError as error:
            worker.has_failed = True
            self.failure = self.failure or error
            for other in self._workers:
                other.tell(StopSending())

    def _show(self, worker: int, progress: Progress | None) -> None:
        for watcher in self._watchers:
            watcher.update(self._now_s, worker, progress)

    def _obey(self) -> None:
        if self._interrupts.num == self._num_obeyed:
            return
        self._num_obeyed = self._interrupts.num
        is_last = self._num_obeyed > 1
        for worker in self._workers:
            worker.tell(CutOff() if is_last else StopSending())
        for watcher in self._watchers:
            watcher.interrupt(is_last=is_last)


def _end(config: RunConfig, workers: list[Finished], interrupts: Interrupts) -> End:
    if interrupts.num:
        return "interrupted"
    if any(worker.is_out_of_requests for worker in workers):
        return "requests"
    return "trace" if config.arrivals is Arrivals.TRACE else "duration"
