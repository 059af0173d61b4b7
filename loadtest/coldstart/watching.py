"""A service's pods, listed again and again in a thread of its own while a request is under way."""

import threading
import time
from types import TracebackType
from typing import Final, Protocol, Self

from loadtest.coldstart.clock import ClockSample
from loadtest.coldstart.cluster import PodList
from loadtest.coldstart.sightings import Sightings
from loadtest.errors import LoadtestError

# A prime number of ms: the answers' Dates are then of every phase of the second.
INTERVAL_S: Final = 0.199


class Pods(Protocol):
    """What the watch asks of a cluster."""

    def list_pods(self, service: str) -> PodList: ...


class Watch:
    """Lists from entering to leaving; ``empty`` is a list before the request, of no pods.

    What went wrong while listing is raised on leaving.
    """

    def __init__(self, cluster: Pods, service: str, empty: PodList) -> None:
        self.sightings = Sightings(empty.clock.sent_ns)
        self.samples: list[ClockSample] = [empty.clock]
        self._cluster = cluster
        self._service = service
        self._is_over = threading.Event()
        self._error: LoadtestError | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def await_ready(self, limit_s: float) -> None:
        """Return when a pod is said to be ready, or after that many seconds."""
        deadline = time.monotonic() + limit_s
        while self._thread.is_alive() and not self.sightings.is_ready():
            if time.monotonic() > deadline:
                return
            self._is_over.wait(INTERVAL_S / 4)

    def _run(self) -> None:
        try:
            while not self._is_over.wait(INTERVAL_S):
                listed = self._cluster.list_pods(self._service)
                self.samples.append(listed.clock)
                self.sightings.add(listed.clock.sent_ns, listed.clock.received_ns, listed.pods)
        except LoadtestError as error:
            self._error = error
