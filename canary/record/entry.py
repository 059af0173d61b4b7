"""One line of the audit: a decision with all its numbers."""

import math
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter

from canary.judgement.verdict import Judged
from canary.plan import RolloutPlan
from canary.record.quantity import moment
from canary.rollout.actions import Advance, Finish, Note, Patch
from canary.rollout.state import Hold, Live, Phase, Rollout
from canary.samples import Sample

ENDED: Final = (Phase.PROMOTED, Phase.ROLLED_BACK)
# Notes of every interval: for the audit, not for people.
EVERY_LOOK: Final = frozenset(("Judged",))
OF_GATE: Final = ("GatePassed", "GateFailed", "GateInconclusive")


@dataclass(frozen=True, slots=True)
class Told:
    """A decision and when it was taken, in Unix seconds of the cluster's clock."""

    time: float
    note: Note
    # Among the rollout's decisions, from 1; None where nobody counts them.
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The rollout as it is after the decision; shares and e-values as the judge saw them."""

    # What is beyond a float is written "Infinity", in quotes: JSON has no word for it.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_inf_nan="strings")

    version: Literal[1]
    # Unix seconds of the cluster's clock, and the same in RFC 3339.
    time: float
    at: str
    rollout: str
    service: str
    namespace: str
    began: float
    phase: Phase
    # Of the plan's stages, from 0; None outside them.
    stage: int | None
    # Users that the spec is to ask for the canary, and asked for when it was seen last.
    percent: int
    known_percent: int
    stable_revision: str
    canary_revision: str | None
    # In the snake case of the action's class.
    action: str
    notes: tuple[Note, ...]
    judged: Judged | None
    sample: Sample | None
    stage_requests: int
    stage_s: float
    hold: Hold | None
    reason: str
    # On the first line that a process writes.
    plan: RolloutPlan | None
    # The number of the first note: who goes on after a kill tells the last ones again.
    first_note: int | None = None


_ADAPTER: Final = TypeAdapter(Entry)


def make_entry(
    advance: Advance,
    judged: Judged | None,
    sample: Sample | None,
    *,
    now: float,
    with_plan: bool,
    first_note: int | None = None,
) -> Entry:
    """Return what is to be written down of one step of the controller."""
    rollout = advance.rollout
    return Entry(
        version=1,
        time=now,
        at=moment(now),
        rollout=rollout.id,
        service=rollout.plan.service,
        namespace=rollout.plan.namespace,
        began=rollout.began,
        phase=rollout.phase,
        stage=stage_of(rollout),
        percent=canary_percent(rollout, rollout.wanted),
        known_percent=canary_percent(rollout, rollout.known),
        stable_revision=rollout.stable_revision,
        canary_revision=rollout.canary_revision,
        action=_snake(type(advance.action).__name__),
        notes=advance.notes,
        judged=judged,
        sample=sample,
        stage_requests=rollout.stage_requests,
        stage_s=rollout.stage_s,
        hold=rollout.hold,
        reason=rollout.reason,
        plan=rollout.plan if with_plan else None,
        first_note=first_note,
    )


def is_decision(advance: Advance, judged: Judged | None, sample: Sample | None) -> bool:
    """Say whether anything was seen, told or done, rather than waited for."""
    is_deed = isinstance(advance.action, Patch | Finish)
    return is_deed or bool(advance.notes) or judged is not None or sample is not None


def stage_of(rollout: Rollout) -> int | None:
    """Return the stage that the rollout is in, from 0; None outside the plan's stages."""
    return rollout.stage if rollout.phase is Phase.STEPPING else None


def canary_percent(rollout: Rollout, live: Live) -> int:
    """Return the share of users, in percent, that the spec asks for the canary."""
    if live.fingerprint != rollout.target.fingerprint:
        # The percent is of the stable template, or of a stranger's.
        return 0
    # KServe sends everybody to the latest revision where the percent is left out.
    return 100 if live.percent is None else live.percent


def e_worse_of_all(judged: Judged) -> float:
    """Return what decides a rollback: the findings hold their metrics' weighted parts of it."""
    return math.fsum(finding.e_worse for finding in judged.findings)


def dump(entry: Entry) -> bytes:
    """Return the entry as one line of JSON, without its end."""
    return _ADAPTER.dump_json(entry)


def load(line: bytes) -> Entry:
    """Return the entry of a line; raises ValueError."""
    return _ADAPTER.validate_json(line)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
