"""How long a rollout may go without an answer, and what becomes of it then."""

from dataclasses import replace

from canary.rollout import moves
from canary.rollout.actions import Action, Advance, Note, Wait
from canary.rollout.rolling_back import roll_back
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import HoldKind, Rollout

# A person's own; an inconclusive one runs against limits.total.
OF_PERSONS = (HoldKind.PAUSED, HoldKind.APPROVAL, HoldKind.FOREIGN)
_WAIT = Wait(moves.POLL_S)


def why_overdue(rollout: Rollout, now: float) -> str | None:
    """Return why limits.total ends the rollout; the time that a person held it does not count."""
    if rollout.hold is not None and rollout.hold.kind in OF_PERSONS:
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
    """Go on with ``action``; after limits.inconclusive hold or roll back, as limits.then says.

    ``why`` is what is missing. A rollout that is held already goes on waiting.
    """
    limits = rollout.plan.limits
    since = min(rollout.last_conclusive, rollout.due_since or rollout.last_conclusive)
    if rollout.hold is not None or now - since <= limits.inconclusive:
        return Advance(rollout, action, notes)
    reason = f"inconclusive for more than {limits.inconclusive:g} s: {why}"
    if limits.then == "roll_back":
        return roll_back(rollout, seen, service, reason, now, notes=notes)
    held, note = moves.hold(rollout, HoldKind.INCONCLUSIVE, reason, now)
    return Advance(held, _WAIT, (*notes, note))


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
