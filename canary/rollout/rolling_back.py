"""The way back: ROLLING_BACK until all users are on a known good revision, CLEANING after it.

Percent 0 is enough while the Route follows. Where it is frozen only a new Ready revision frees it,
so the stable template is put back with percent 0 at once; otherwise that is done afterwards, for
the next rollout's percent would go to the rejected revision.
"""

from dataclasses import replace

from canary.rollout import moves, route
from canary.rollout.actions import Advance, Finish, Note, Wait
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import Live, Phase, Rollout


def roll_back(
    rollout: Rollout,
    seen: Seen,
    service: Service,
    reason: str,
    now: float,
    *,
    notes: moves.Notes = (),
) -> Advance:
    """Begin the rollback, with its first patch; ends it where nothing was ever patched."""
    rollout = moves.begin_rollback(rollout, service, reason, now)
    if rollout.phase is Phase.ROLLED_BACK:
        ended = Note("RolledBack", f"nothing was changed yet: {reason}", is_warning=True)
        return Advance(rollout, Finish(), (*notes, ended))
    begun = Note("RollbackBegun", reason, is_warning=True)
    advance = drain(rollout, seen, service, now)
    return Advance(advance.rollout, advance.action, (*notes, begun, *advance.notes))


def drain(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    """Take all users off the canary: percent 0, and the stable template where that is in vain."""
    if rollout.is_stable(service.fingerprint):
        return _drain_restored(rollout, service, now)
    if service.percent != 0:
        return moves.reach(rollout, service, Live(service.fingerprint, 0), now)
    if route.has_all(service, rollout.stable_revision):
        return _begin_cleaning(rollout, service, now)
    if why := _why_in_vain(rollout, service, now):
        note = Note("RouteFrozen", f"percent 0 has no effect: {why}", is_warning=True)
        return _restore(rollout, service, now, (note,))
    return moves.rest(rollout, service, now, seconds=moves.URGENT_S)


def clean(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    """Put the stable template back; once its revision is Ready give it all users."""
    if service.fingerprint == rollout.target.fingerprint:
        return _restore(rollout, service, now)
    if not rollout.is_stable(service.fingerprint):
        text = (
            f"all users are on {rollout.stable_revision}; the template is another's and stays as "
            "it is, with percent 0: put the old one back before the next rollout"
        )
        return _end(rollout, now, Note("CleanFailed", text, is_warning=True))
    limits = rollout.plan.limits
    if service.percent == 100:
        is_late = now - rollout.wanted_since > limits.promote
        why = f"status does not show 100 % on it after {limits.promote:g} s"
    else:
        is_late = now - rollout.phase_since > limits.start
        why = f"its revision is not Ready after {limits.start:g} s"
    advance = _give_all(rollout, service, now)
    is_waiting = isinstance(advance.action, Wait)
    if is_waiting and is_late and route.has_all(service, rollout.stable_revision):
        text = (
            f"all users are on {rollout.stable_revision}; the old template is back with percent "
            f"{service.percent}, but {why}: set 100 once it is"
        )
        return _end(rollout, now, Note("CleanFailed", text, is_warning=True))
    return advance


def _drain_restored(rollout: Rollout, service: Service, now: float) -> Advance:
    if service.percent == 0 and route.has_all(service, rollout.stable_revision):
        return _begin_cleaning(rollout, service, now)
    return _give_all(rollout, service, now)


def _begin_cleaning(rollout: Rollout, service: Service, now: float) -> Advance:
    note = Note(
        "UsersBack",
        f"all users are on {rollout.stable_revision}",
        numbers={"seconds": now - rollout.phase_since},
    )
    rollout = moves.enter(rollout, Phase.CLEANING, now)
    return moves.rest(rollout, service, now, seconds=0.0, notes=(note,))


def _why_in_vain(rollout: Rollout, service: Service, now: float) -> str | None:
    if service.rolled_out not in (rollout.stable_revision, rollout.canary_revision):
        return f"KServe would go back to {service.rolled_out or 'no revision'}"
    limit = rollout.plan.limits.rollback
    if now - max(rollout.wanted_since, rollout.phase_since) > limit:
        return f"status.traffic does not show it after {limit:g} s"
    return route.why_frozen(service)


def _restore(rollout: Rollout, service: Service, now: float, notes: moves.Notes = ()) -> Advance:
    stable = rollout.stable.fingerprint
    rollout = replace(rollout, replaced_revision=service.latest_created)
    if service.latest_created != rollout.stable_revision:
        return moves.reach(rollout, service, Live(stable, 0), now, notes)
    # The target has made no revision yet. With percent 0 on the stable one KServe would take it for
    # a rollback and go to the version before; with 100 a target just made would get all users.
    is_late = now - rollout.phase_since > rollout.plan.limits.rollback
    if is_late or route.why_unreconciled(service):
        return moves.reach(rollout, service, Live(stable, 100), now, notes)
    return moves.rest(rollout, service, now, seconds=moves.URGENT_S)


def _give_all(rollout: Rollout, service: Service, now: float) -> Advance:
    """Lead the restored template to 100 %, its revision Ready before."""
    newest, stable = service.latest_created, rollout.stable.fingerprint
    if service.percent in (None, 100) and moves.is_under_way(rollout):
        return _fence(rollout, service, now)
    if service.percent in (None, 100):
        if newest != rollout.canary_revision and route.has_all(service, newest):
            text = f"all users are on {newest}, which has the old template: {rollout.reason}"
            return _end(rollout, now, Note("RolledBack", text, is_warning=True))
        return moves.rest(rollout, service, now, seconds=moves.URGENT_S)
    if newest == rollout.stable_revision:
        return moves.reach(rollout, service, Live(stable, 100), now)
    if service.percent != 0:
        return moves.reach(rollout, service, Live(stable, 0), now)
    is_new = newest not in (rollout.canary_revision, rollout.replaced_revision)
    if is_new and route.is_ready(service, newest):
        note = Note("Cleaned", f"{newest}, with the old template, is Ready and gets all users")
        notes = () if rollout.wanted == Live(stable, 100) else (note,)
        return moves.reach(rollout, service, Live(stable, 100), now, notes)
    return moves.rest(rollout, service, now, seconds=moves.POLL_S)


def _fence(rollout: Rollout, service: Service, now: float) -> Advance:
    """Move the spec once without moving a user, for a patch under way is of the spec before.

    Without a percent KServe gives all users to the newest Ready revision, as it does with 100.
    """
    percent = 100 if service.percent is None else None
    return moves.reach(rollout, service, Live(rollout.stable.fingerprint, percent), now)


def _end(rollout: Rollout, now: float, note: Note) -> Advance:
    return moves.end(rollout, Phase.ROLLED_BACK, now, (note,))
