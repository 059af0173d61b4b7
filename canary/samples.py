"""What two revisions did in one interval of time, as Prometheus counted it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Count:
    """``bad`` of ``total`` events of one share, both deltas of raw counters."""

    bad: int
    total: int


@dataclass(frozen=True, slots=True)
class Arm:
    """One revision in one interval."""

    # Generating requests that ended, of every outcome.
    num_requests: int
    # By Share.key; a share whose series the revision does not have is left out.
    counts: Mapping[str, Count]
    # Requests under way per ready pod, averaged over the interval; None where it is not known.
    in_flight: float | None
    # That answer Prometheus at the interval's end; None where it is not known.
    num_pods: int | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """In Unix seconds of Prometheus' own clock; ``start`` itself belongs to the one before."""

    start: float
    end: float
    canary: Arm
    stable: Arm
    # Which pods do not answer, so that their events are left out; empty where all do. Such an
    # interval may speak against the canary, and never for it.
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """An interval of which nothing can be said: no data, stale, not finite, or no Prometheus.

    Where ``end`` is ``start`` it may pass: the next reading begins there again, nothing is lost.
    ``end`` is None where Prometheus could not even tell the time.
    """

    start: float
    end: float | None
    reason: str


Sample = Interval | Gap
