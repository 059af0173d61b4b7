"""What a person's command changes in the state; the phase then acts on it."""

from dataclasses import replace

from canary.judgement.verdict import Verdict
from canary.rollout import moves, route
from canary.rollout.actions import Note
from canary.rollout.foreign import why_foreign
from canary.rollout.patience import is_stopped, is_without_verdict
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import Command, Hold, HoldKind, Live, Phase, Rollout
from canary.rollout.stepping import leave_stage

Obeyed = tuple[Rollout, moves.Notes]

_GOING_BACK = (Phase.ROLLING_BACK, Phase.CLEANING)
_OPEN = (Phase.STARTING, Phase.GATING, Phase.STEPPING)


def obey(rollout: Rollout, seen: Seen, service: Service, now: float) -> Obeyed:
    """Return the rollout after the command in ``seen``, or as it was with a note of why not."""
    match seen.command:
        case Command.PAUSE:
            return _pause(rollout, seen, now)
        case Command.RESUME:
            return _resume(rollout, seen, service, now)
        case Command.PROMOTE:
            return _promote(rollout, seen, service, now)
        case Command.ABORT:
            return _abort(rollout, seen, service, now)
        case None:
            return rollout, ()


def _pause(rollout: Rollout, seen: Seen, now: float) -> Obeyed:
    if rollout.hold is not None and is_stopped(rollout):
        return rollout, moves.refuse(seen, f"it is held already: {rollout.hold.reason}")
    if rollout.phase not in _OPEN:
        return rollout, moves.refuse(seen, f"{rollout.phase.value} is not left half done")
    why = "paused by `r1-canary pause`; what rolls back goes on working"
    held, note = moves.hold(rollout, HoldKind.PAUSED, f"{why}{_under_way(rollout)}", now)
    return held, (note,)


def _under_way(rollout: Rollout) -> str:
    """Return what a patch that was sent before may still bring about; no hold calls it back."""
    pending = [live for live in (*rollout.superseded, rollout.wanted) if live != rollout.known]
    if not pending:
        return ""
    percents = " or ".join(f"{live.percent} %" for live in pending)
    return f"; a patch to {percents} was under way by then, and may still land"


def _resume(rollout: Rollout, seen: Seen, service: Service, now: float) -> Obeyed:
    hold = rollout.hold
    if hold is None:
        return rollout, moves.refuse(seen, "it is not held")
    if hold.kind is HoldKind.FOREIGN:
        return _adopt(rollout, seen, service, hold, now)
    is_blind = is_without_verdict(rollout, now)
    rollout = _release(rollout, hold, now)
    if hold.kind is HoldKind.APPROVAL and is_blind:
        text = "the step is judged on, not left: intervals have not counted of late"
        return rollout, (Note("Resumed", text, is_warning=True),)
    resumed = Note("Resumed", f"a person ended the hold: {hold.reason}")
    is_against = seen.reading is not None and seen.reading.judged.verdict is Verdict.ROLL_BACK
    if hold.kind is not HoldKind.APPROVAL or is_against:
        return rollout, (resumed,)
    rollout, note = leave_stage(rollout, now)
    return rollout, (resumed, note)


def _release(rollout: Rollout, hold: Hold, now: float) -> Rollout:
    held_s = now - hold.since if is_stopped(rollout) else 0.0
    return replace(
        rollout,
        hold=None,
        held_s=rollout.held_s + max(0.0, held_s),
        # The time held counts for no limit.
        phase_since=now,
        wanted_since=now,
        last_conclusive=now,
        due_since=None,
    )


def _adopt(rollout: Rollout, seen: Seen, service: Service, hold: Hold, now: float) -> Obeyed:
    """Go on from what another has written, where it is still the judged template."""
    note = Note("Resumed", f"a person took note, and goes on: {hold.reason}")
    adopted = _release(replace(rollout, accepted_drift=seen.drift), hold, now)
    if rollout.phase in _GOING_BACK:
        return moves.know(adopted, service, now), (note,)
    if rollout.canary_revision not in (None, service.latest_created):
        if _is_promoted_otherwise(rollout, service):
            return _end_promoted(adopted, service, note, now)
        return rollout, moves.refuse(seen, f"nobody has judged {service.latest_created}")
    if why_foreign(adopted, service, seen) is None:
        return adopted, (note,)
    if service.fingerprint != rollout.target.fingerprint:
        return rollout, moves.refuse(seen, "spec.predictor is not the rollout's; abort instead")
    if service.percent is not None and not 0 <= service.percent <= 100:
        why = f"canaryTrafficPercent is {service.percent}, must be in 0..100"
        return rollout, moves.refuse(seen, why)
    if rollout.phase is Phase.STARTING:
        why = f"the canary is not Ready, and canaryTrafficPercent is {service.percent}: set it to 0"
        return rollout, moves.refuse(seen, why)
    return _fit(moves.know(adopted, service, now), service, now), (note,)


def _is_promoted_otherwise(rollout: Rollout, service: Service) -> bool:
    """Return whether all users are on a newer revision of the very template that was judged.

    KServe makes one when it is itself upgraded; there is no other revision to go on to.
    """
    is_target = route.live_of(service) in (
        Live(rollout.target.fingerprint, 100),
        Live(rollout.target.fingerprint, None),
    )
    is_last = rollout.phase is Phase.PROMOTING
    return is_last and is_target and route.has_all(service, service.latest_created)


def _end_promoted(rollout: Rollout, service: Service, resumed: Note, now: float) -> Obeyed:
    newest = service.latest_created
    text = (
        f"a person took note: all users are on {newest}, made of the same template after "
        f"{rollout.canary_revision} was judged"
    )
    rollout = replace(moves.enter(rollout, Phase.PROMOTED, now), canary_revision=newest)
    return rollout, (resumed, Note("Promoted", text))


def _fit(rollout: Rollout, service: Service, now: float) -> Rollout:
    """Return the phase and stage of a percent set by hand: the last stage that it has reached."""
    percent = service.percent
    if percent is None or percent == 100:
        return moves.enter(rollout, Phase.PROMOTING, now)
    if percent == 0:
        return moves.enter(rollout, Phase.GATING, now)
    reached = [i for i, stage in enumerate(rollout.plan.stages) if stage.percent <= percent]
    return moves.begin_stage(rollout, max(reached, default=0), percent, now)


def _promote(rollout: Rollout, seen: Seen, service: Service, now: float) -> Obeyed:
    canary = rollout.canary_revision
    if rollout.phase not in _OPEN:
        return rollout, moves.refuse(seen, f"the rollout is {rollout.phase.value}")
    if canary is None or service.fingerprint != rollout.target.fingerprint:
        return rollout, moves.refuse(seen, "the service does not have the rollout's template")
    if not route.is_ready(service, canary):
        why = f"{canary} is not the newest Ready revision, which is what 100 % would go to"
        return rollout, moves.refuse(seen, why)
    if rollout.hold is not None:
        rollout = _release(rollout, rollout.hold, now)
    if route.live_of(service) != rollout.known:
        rollout = moves.know(rollout, service, now)
    note = Note("PromotionBegun", f"a person wants all users on {canary} now")
    rollout = replace(rollout, accepted_drift=seen.drift)
    return moves.enter(rollout, Phase.PROMOTING, now), (note,)


def _abort(rollout: Rollout, seen: Seen, service: Service, now: float) -> Obeyed:
    is_foreign = rollout.hold is not None and rollout.hold.kind is HoldKind.FOREIGN
    if rollout.phase in _GOING_BACK and not is_foreign:
        return rollout, moves.refuse(seen, "it is rolling back already")
    reason = "a person aborted it"
    if rollout.hold is not None:
        rollout = _release(rollout, rollout.hold, now)
    if route.live_of(service) != rollout.known:
        rollout = moves.know(rollout, service, now)
        rollout = replace(moves.enter(rollout, Phase.ROLLING_BACK, now), reason=reason)
    else:
        rollout = moves.begin_rollback(rollout, service, reason, now)
    if rollout.phase is Phase.ROLLED_BACK:
        return rollout, (Note("RolledBack", f"nothing was changed yet: {reason}"),)
    return rollout, (Note("RollbackBegun", reason, is_warning=True),)
