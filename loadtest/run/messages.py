"""What workers tell the coordinator, pickled over a pipe."""

from dataclasses import dataclass, field

from loadtest.errors import LoadtestError


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything is imported and the first prompts are made; the epoch may be told."""


@dataclass(slots=True)
class Progress:
    """What has happened since the last one; latencies are a sample of them, in ns."""

    num_scheduled: int = 0
    num_sent: int = 0
    outcomes: dict[int, int] = field(default_factory=dict)
    output_tokens: int = 0
    lateness_most: int = 0
    in_flight: int = 0
    waiting: int = 0
    ttfts: list[int] = field(default_factory=list)
    e2es: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """Errors that look alike; details beyond the first few of an outcome are not told apart."""

    outcome: int
    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The worker's own account; ``busy_counts`` are of the reactor's steps.

    ``cpu_s`` of ``wall_s`` were used while requests were sent.
    """

    num_requests: int
    sent_for_s: float
    wall_s: float
    cpu_s: float
    connections_opened: int
    connections_most: int
    busy_counts: list[int]
    busy_most_ns: int
    errors: dict[ErrorKind, int]
    is_out_of_requests: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker cannot go on."""

    error: LoadtestError


@dataclass(frozen=True, slots=True)
class Start:
    """The run's epoch on CLOCK_MONOTONIC, in ns."""

    epoch_ns: int


@dataclass(frozen=True, slots=True)
class StopSending:
    """Schedule nothing more; what is under way goes on."""


@dataclass(frozen=True, slots=True)
class CutOff:
    """End now: what is under way is unfinished."""


ToCoordinator = Ready | Progress | Finished | Failed
ToWorker = Start | StopSending | CutOff
