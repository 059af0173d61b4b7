"""What the controller has seen before each advance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from canary.judgement.evidence import Evidence
from canary.judgement.verdict import Judged, Verdict
from canary.rollout.service import Pods, Service
from canary.rollout.state import Command, Live
from canary.samples import Sample


@dataclass(frozen=True, slots=True)
class Reading:
    """What the last Judge action gave.

    ``sample`` is None where there was no start yet: ``evidence.until`` then only says where the
    first interval begins.
    """

    evidence: Evidence
    judged: Judged
    sample: Sample | None


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the last RunGate action gave; ``reason`` is one line with its numbers."""

    verdict: Verdict
    reason: str
    # Each finite, or None where it is not known.
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at everything; a command in it counts as delivered, whatever becomes of it."""

    # None where there is no InferenceService of that name any more.
    service: Service | None
    pods: tuple[Pods, ...] = ()
    command: Command | None = None
    reading: Reading | None = None
    gate: GateResult | None = None
    # What the last Patch was for, where the API server took it, and what was written then: another
    # where admission has changed it.
    patched: Live | None = None
    written: Live | None = None
    # Why the API server or a webhook refused the last Patch.
    rejected: str | None = None
    # Why the last Judge or RunGate gave nothing: Prometheus or the tag hosts do not answer.
    problem: str | None = None
    # Which digest of the generation defaults differs from the one at the start.
    drift: str | None = None
