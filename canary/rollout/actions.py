"""What the controller is to do next, and what it tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from canary.rollout.state import Live, Rollout, Template


@dataclass(frozen=True, slots=True)
class Patch:
    """Write the percent, and the template where one is given, under the resourceVersion."""

    live: Live
    template: Template | None
    resource_version: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Read and judge the interval that has passed since ``start`` of Prometheus' time."""

    start: float | None


@dataclass(frozen=True, slots=True)
class RunGate:
    """Compare both revisions by their tag hosts."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again soon."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Finish:
    """The rollout has ended, as its phase says."""


Action = Patch | Judge | RunGate | Wait | Finish


@dataclass(frozen=True, slots=True)
class Note:
    """One decision or fact, for events, audit, report and notification; no prompt text."""

    # Such as Started, CanaryReady, GatePassed, StepBegun, Judged, Held, Resumed, RollbackBegun,
    # RolledBack, PromotionBegun, Promoted, ForeignEdit, RouteFrozen, Cleaned, CleanFailed.
    reason: str
    text: str
    is_warning: bool = False
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Advance:
    """First the state is written, then the action is taken, then the notes are told."""

    rollout: Rollout
    action: Action
    notes: tuple[Note, ...] = ()
