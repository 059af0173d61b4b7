"""The one step of a rollout: what was seen in, the next state and action out."""

from collections.abc import Callable
from dataclasses import replace

from canary.rollout import moves
from canary.rollout.actions import Advance, Finish, Note, Patch, Wait
from canary.rollout.foreign import (
    BEFORE_ROLLBACK,
    learn_canary,
    settle,
    why_foreign,
    why_readmitted,
)
from canary.rollout.kill_switch import why_rescue
from canary.rollout.obey import obey
from canary.rollout.patience import is_stopped
from canary.rollout.promoting import promote
from canary.rollout.rolling_back import clean, drain, roll_back
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.starting import ask, start
from canary.rollout.state import HoldKind, Phase, Rollout
from canary.rollout.stepping import step

OVER = (Phase.PROMOTED, Phase.ROLLED_BACK)
_PHASES: dict[Phase, Callable[[Rollout, Seen, Service, float], Advance]] = {
    Phase.STARTING: start,
    Phase.GATING: ask,
    Phase.STEPPING: step,
    Phase.PROMOTING: promote,
    Phase.ROLLING_BACK: drain,
    Phase.CLEANING: clean,
}


def advance(rollout: Rollout, seen: Seen, now: float) -> Advance:
    """Return the next state and what to do; ``now`` is the cluster's time.

    A patch is always due again until it is seen in the spec, so this may be repeated after a kill
    at any line. A template that another has written is left alone until a person's command, and so
    is a percent that takes effect.
    """
    if rollout.phase in OVER:
        notes = moves.refuse(seen, f"the rollout is {rollout.phase.value}") if seen.command else ()
        return Advance(rollout, Finish(), notes)
    service = seen.service
    if why := _why_gone(rollout, service):
        note = Note("ServiceGone", why, is_warning=True)
        rollout = replace(rollout, reason=why)
        return moves.end(rollout, Phase.ROLLED_BACK, now, (note,))
    assert service is not None
    rollout = replace(rollout, watch_deadline=now + rollout.plan.limits.unwatched)
    rollout = learn_canary(settle(rollout, service, seen), service)
    rollout, noticed = _notice(rollout, seen, service, now)
    rollout, told = obey(rollout, seen, service, now)
    following = _spaced(_act(rollout, seen, service, now), seen)
    return replace(following, notes=(*noticed, *told, *following.notes))


def _why_gone(rollout: Rollout, service: Service | None) -> str | None:
    if service is None or service.is_deleted:
        return "the InferenceService was deleted"
    if service.uid != rollout.service_uid:
        return f"the InferenceService was made anew: uid {service.uid}, was {rollout.service_uid}"
    return None


def _notice(
    rollout: Rollout, seen: Seen, service: Service, now: float
) -> tuple[Rollout, moves.Notes]:
    """Hold the rollout where another has changed the service; a newer edit replaces the reason."""
    why = why_foreign(rollout, service, seen)
    held = rollout.hold
    if why is None or (held is not None and (held.kind, held.reason) == (HoldKind.FOREIGN, why)):
        return rollout, ()
    since = held.since if held is not None and is_stopped(rollout) else now
    rollout, note = moves.hold(moves.forget_interval(rollout), HoldKind.FOREIGN, why, since)
    return rollout, (note,)


def _spaced(following: Advance, seen: Seen) -> Advance:
    """Return a wait in place of a patch that was refused just now; the look after it patches."""
    if seen.rejected is None or not isinstance(following.action, Patch):
        return following
    note = Note("PatchRejected", seen.rejected, is_warning=True)
    return replace(following, action=Wait(moves.POLL_S), notes=(*following.notes, note))


def _act(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    if rollout.phase in OVER:
        return Advance(rollout, Finish())
    is_before = rollout.phase in BEFORE_ROLLBACK
    if rollout.hold is not None and rollout.hold.kind is HoldKind.FOREIGN:
        why = why_rescue(rollout, seen, service) if is_before else None
        if why is None:
            return Advance(rollout, Wait(moves.POLL_S))
        return roll_back(moves.know(rollout, service, now), seen, service, why, now)
    if is_before and (why := why_readmitted(seen)):
        return roll_back(rollout, seen, service, why, now)
    return _PHASES[rollout.phase](rollout, seen, service, now)
