"""Moves from one state to the next that several phases share; none of them acts."""

from dataclasses import replace

from canary.rollout.actions import Advance, Finish, Note, Patch, Wait
from canary.rollout.route import live_of
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import Hold, HoldKind, Live, Phase, Rollout, Template

POLL_S = 5.0
# Users wait for what comes next.
URGENT_S = 1.0

Notes = tuple[Note, ...]


def want(rollout: Rollout, live: Live, now: float) -> Rollout:
    """Return the rollout that wants ``live``, and remembers what may still come about instead."""
    if rollout.wanted == live:
        return rollout
    superseded = rollout.superseded
    if rollout.wanted != rollout.known:
        superseded = tuple(dict.fromkeys((*superseded, rollout.wanted)))
    return replace(rollout, wanted=live, wanted_since=now, superseded=superseded)


def reach(rollout: Rollout, service: Service, live: Live, now: float, notes: Notes = ()) -> Advance:
    """Return the patch that makes the spec ``live``, or a short wait where it already is."""
    rollout = want(rollout, live, now)
    if live_of(service) == live:
        return Advance(rollout, Wait(URGENT_S), notes)
    template = None
    if live.fingerprint != service.fingerprint:
        template = _template(rollout, live.fingerprint)
    return Advance(rollout, Patch(live, template, service.resource_version), notes)


def _template(rollout: Rollout, fingerprint: str) -> Template:
    by_fingerprint = {t.fingerprint: t for t in (rollout.stable, rollout.target)}
    return by_fingerprint[fingerprint]


def rest(
    rollout: Rollout, service: Service, now: float, *, seconds: float, notes: Notes = ()
) -> Advance:
    """Return a wait that gives up whatever was wanted and is not in the spec."""
    return Advance(want(rollout, live_of(service), now), Wait(seconds), notes)


def begin_stage(rollout: Rollout, stage: int, percent: int, now: float) -> Rollout:
    """Return the rollout at a stage's first moment; evidence goes on, its interval starts anew."""
    rollout = replace(
        rollout,
        phase=Phase.STEPPING,
        stage=stage,
        phase_since=now,
        stage_requests=0,
        stage_s=0.0,
        last_conclusive=now,
        due_since=None,
        judge_at=now,
        hold=None,
    )
    return want(forget_interval(rollout), Live(rollout.target.fingerprint, percent), now)


def forget_interval(rollout: Rollout) -> Rollout:
    """Return the rollout whose next interval begins when it is next asked for.

    One that spans two splits compares what two times had, not what two revisions did.
    """
    if rollout.evidence.until is None:
        return rollout
    return replace(rollout, evidence=replace(rollout.evidence, until=None))


def enter(rollout: Rollout, phase: Phase, now: float) -> Rollout:
    """Return the rollout at a phase's first moment, held by nobody."""
    return replace(rollout, phase=phase, phase_since=now, last_conclusive=now, hold=None)


def know(rollout: Rollout, service: Service, now: float) -> Rollout:
    """Return the rollout that goes on from what is in the spec, whoever wrote it."""
    live = live_of(service)
    return replace(rollout, known=live, wanted=live, wanted_since=now, superseded=())


def is_under_way(rollout: Rollout) -> bool:
    """Return whether a patch that was decided may still land: none has moved the spec since."""
    return bool(rollout.superseded) or rollout.wanted != rollout.known


def begin_rollback(rollout: Rollout, service: Service, reason: str, now: float) -> Rollout:
    """Return the rollout on its way back, or ended where nothing of it was ever patched."""
    is_first = rollout.phase is Phase.STARTING and live_of(service) == rollout.known
    is_untouched = is_first and not is_under_way(rollout)
    is_over = is_untouched and rollout.is_stable(rollout.known.fingerprint)
    phase = Phase.ROLLED_BACK if is_over else Phase.ROLLING_BACK
    return replace(enter(rollout, phase, now), reason=reason)


def hold(rollout: Rollout, kind: HoldKind, reason: str, now: float) -> tuple[Rollout, Note]:
    """Return the rollout held, and the note that says so."""
    note = Note(
        "ForeignEdit" if kind is HoldKind.FOREIGN else "Held",
        reason,
        is_warning=kind in (HoldKind.FOREIGN, HoldKind.INCONCLUSIVE),
        numbers={"kind": kind.value, "percent": rollout.known.percent},
    )
    return replace(rollout, hold=Hold(kind, reason, now)), note


def end(rollout: Rollout, phase: Phase, now: float, notes: Notes) -> Advance:
    """Return the rollout's last state."""
    return Advance(enter(rollout, phase, now), Finish(), notes)


def refuse(seen: Seen, why: str) -> Notes:
    """Return what a person is told whose command changes nothing."""
    assert seen.command is not None
    text = f"{seen.command.value} is refused: {why}"
    return (Note("CommandRefused", text, is_warning=True),)
