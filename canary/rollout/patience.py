"""How long a rollout may go without an answer, and what becomes of it then."""

from dataclasses import replace

from canary.rollout import moves
from canary.rollout.actions import Action, Advance, Note, Wait
from canary.rollout.rolling_back import roll_back
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import HoldKind, Rollout

# Only a person ends them; an inconclusive one runs against limits.total.
OF_PERSONS = (HoldKind.PAUSED, HoldKind.APPROVAL, HoldKind.FOREIGN)
_WAIT = Wait(moves.POLL_S)
# Of the patience, after which a person is told, who may still do something.
_HELD_PART = 0.5


def is_stopped(rollout: Rollout) -> bool:
    """Return whether nothing may go forward before a person says so."""
    return rollout.hold is not None and rollout.hold.kind in OF_PERSONS


def is_without_verdict(rollout: Rollout, now: float) -> bool:
    """Return whether no interval has counted for so long that it would be held, were it not."""
    return now - rollout.last_conclusive > _HELD_PART * rollout.plan.limits.inconclusive


def why_overdue(rollout: Rollout, now: float) -> str | None:
    """Return why limits.total ends the rollout; the time that a person held it does not count."""
    if is_stopped(rollout):
        return None
    limit = rollout.plan.limits.total
    if now - rollout.began - rollout.held_s > limit:
        return f"the rollout has taken more than {limit:g} s"
    return None


def lose_patience(
    rollout: Rollout,
    seen: Seen,
    service: Service,
    why: str,
    now: float,
    *,
    notes: moves.Notes = (),
    action: Action = _WAIT,
) -> Advance:
    """Go on with ``action``; hold it once half the patience is lost, then do as limits.then says.

    ``why`` is what is missing. One that a person holds goes on waiting.
    """
    if is_stopped(rollout):
        return Advance(rollout, action, notes)
    limits = rollout.plan.limits
    if limits.then == "roll_back" and (lost := _lost(rollout, now, part=1.0)):
        return roll_back(rollout, seen, service, f"{lost}: {why}", now, notes=notes)
    if rollout.hold is None and (lost := _lost(rollout, now, part=_HELD_PART)):
        rollout, note = moves.hold(rollout, HoldKind.INCONCLUSIVE, f"{lost}: {why}", now)
        notes = (*notes, note)
    return Advance(rollout, action, notes)


def regain(rollout: Rollout, now: float) -> tuple[Rollout, moves.Notes]:
    """Return the rollout after an interval that counts, held no longer for want of one."""
    rollout = replace(rollout, last_conclusive=now)
    is_held = rollout.hold is not None and rollout.hold.kind is HoldKind.INCONCLUSIVE
    if not is_held or _lost(rollout, now, part=_HELD_PART):
        return rollout, ()
    return replace(rollout, hold=None), (Note("HoldEnded", "intervals count again"),)


def _lost(rollout: Rollout, now: float, *, part: float) -> str | None:
    """Return for how long there was no verdict, where that is more than this part of the limit."""
    limits = rollout.plan.limits
    if now - rollout.last_conclusive > (limit := part * limits.inconclusive):
        return f"inconclusive for more than {limit:g} s"
    if rollout.due_since is not None and now - rollout.due_since > (
        limit := part * limits.unproven
    ):
        return f"unproven for more than {limit:g} s"
    return None


def written_every_s(rollout: Rollout) -> float:
    """Return by how many seconds the watchdog's deadline may move on before it is written."""
    limits = rollout.plan.limits
    return min(limits.unwatched, limits.inconclusive) / 4


def forgive_absence(rollout: Rollout, now: float) -> Rollout:
    """Return the rollout as whoever takes it over is to go on with it, at its first look.

    Nobody asked for a verdict while nobody ran it, so that time is no lack of one.
    """
    last_written = rollout.watch_deadline - rollout.plan.limits.unwatched
    away_s = now - last_written - written_every_s(rollout)
    if away_s <= 0:
        return rollout
    due = rollout.due_since
    return replace(
        rollout,
        last_conclusive=rollout.last_conclusive + away_s,
        due_since=None if due is None else due + away_s,
    )


def describe_problem(seen: Seen) -> moves.Notes:
    """Return a note of an outside system that does not answer."""
    return (Note("Unreachable", seen.problem, is_warning=True),) if seen.problem else ()
