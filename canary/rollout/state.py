"""A rollout as it is kept in its ConfigMap: enough to go on after a kill at any line.

Times are Unix seconds of the cluster's clock (the API server's ``Date``), never of this machine's;
those within ``evidence`` are of Prometheus'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from canary.judgement.evidence import Evidence
from canary.plan import RolloutPlan


class Phase(StrEnum):
    """Each leads to the next, all but the last three to ROLLING_BACK."""

    # The start patch is due, or its revision is not Ready yet.
    STARTING = "starting"
    # Percent 0: asked by its tag host alone.
    GATING = "gating"
    # A stage of the plan, the bake among them.
    STEPPING = "stepping"
    # Percent 100 is due, or not seen in status yet.
    PROMOTING = "promoting"
    PROMOTED = "promoted"
    # Percent 0 is due, or not seen in status yet; where the Route is frozen the stable template.
    ROLLING_BACK = "rolling_back"
    # All users are on the stable revision; the stable template is put back, with percent 0, and
    # once its revision is Ready it gets 100: the next rollout cannot resurrect the bad one.
    CLEANING = "cleaning"
    ROLLED_BACK = "rolled_back"


class HoldKind(StrEnum):
    """Why nothing is changed for now."""

    # `r1-canary pause`.
    PAUSED = "paused"
    # A step with ``approval``.
    APPROVAL = "approval"
    # No verdict for long. What is missing holds it: it is judged and asked on, goes on by itself,
    # and ends as limits.then says.
    INCONCLUSIVE = "inconclusive"
    # Somebody else has changed the service; what they wrote stays until a person decides. That
    # leaves the users of a template that another has written to whoever wrote it: they stay on it
    # even where it crashes, for nothing here knows what it is or may overwrite it.
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Hold:
    """Ends by `resume`, `promote` or `abort`, and by what rolls back.

    INCONCLUSIVE also by evidence. FOREIGN by no statistics: by the kill switch alone, where the
    spec is still as it was written here, or where a percent of 0 by hand has no effect.
    """

    kind: HoldKind
    reason: str
    since: float


class Command(StrEnum):
    """What a person has asked for, by the ConfigMap."""

    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class Live:
    """What is, or is to be, in the spec: of which template, by fingerprint, and which percent."""

    fingerprint: str
    percent: int | None


@dataclass(frozen=True, slots=True)
class Template:
    """A predictor without its percent, as it is sent, and its fingerprint once admitted."""

    predictor: Mapping[str, Any]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """Immutable; ``advance`` returns the next one."""

    # Unique over the service's life; also the W3C trace-id (32 hex digits).
    id: str
    plan: RolloutPlan
    service_uid: str
    began: float
    stable: Template
    target: Template
    stable_revision: str
    # Known once the target's revision has been created.
    canary_revision: str | None
    phase: Phase
    # Of plan.stages, while STEPPING.
    stage: int
    phase_since: float
    # What the spec was when it was last ours, and what it is to be; equal once seen there.
    known: Live
    wanted: Live
    evidence: Evidence
    # Requests and seconds judged in the present stage.
    stage_requests: int
    stage_s: float
    # When the last interval with a conclusive reading ended, or the stage began.
    last_conclusive: float
    hold: Hold | None
    # Why it is being rolled back, or was.
    reason: str
    # After which the watchdog rolls back split traffic; moved on at each tick.
    watch_deadline: float
    # When ``wanted`` last became what it is.
    wanted_since: float = 0.0
    # Once wanted, and given up before it was seen: a patch under way may still bring it about.
    superseded: tuple[Live, ...] = ()
    # When the next interval may be read; on the cluster's clock.
    judge_at: float = 0.0
    # Since when the stage has its minimums, and only a verdict is missing.
    due_since: float | None = None
    # Seconds that a person's holds have lasted, which limits.total does not count.
    held_s: float = 0.0
    # The newest revision when the stable template was put back: not the one to wait for.
    replaced_revision: str | None = None
    # What a person has taken note of, and gone on with.
    accepted_drift: str | None = None
    # Of the generation defaults that the stable revision served with at the start.
    defaults_digest: str | None = None
    # Of the spec before the first patch, where admission would write the same template otherwise
    # now, and give it the fingerprint of ``stable``.
    first_fingerprint: str | None = None
    # Who asked for it, such as a Job by its uid: asked again it is answered, not begun again.
    attempt: str | None = None

    def is_stable(self, fingerprint: str) -> bool:
        """Return whether it is the stable template's, as it was or as it would be written now."""
        return fingerprint in (self.stable.fingerprint, self.first_fingerprint)
