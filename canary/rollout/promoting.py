"""From the last stage to 100 %."""

from canary.rollout import moves, route
from canary.rollout.actions import Advance, Note
from canary.rollout.kill_switch import why_kill
from canary.rollout.rolling_back import roll_back
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import Live, Phase, Rollout


def promote(rollout: Rollout, seen: Seen, service: Service, now: float) -> Advance:
    """Give the canary all users, only while it is the Ready one, and see that it has them.

    KServe sends 100 % to the newest Ready revision, whichever that is by then. A canary that fails
    before status shows it whole is rolled back: the stable revision is still there to go back to.
    """
    canary, limit = rollout.canary_revision, rollout.plan.limits.promote
    assert canary is not None
    if why := why_kill(rollout, seen, service):
        return roll_back(rollout, seen, service, why, now)
    if service.percent not in (None, 100):
        if route.is_ready(service, canary):
            return moves.reach(rollout, service, Live(rollout.target.fingerprint, 100), now)
        if now - rollout.phase_since > limit:
            why = f"{canary} was not Ready to be promoted for {limit:g} s"
            return roll_back(rollout, seen, service, why, now)
        return moves.rest(rollout, service, now, seconds=moves.URGENT_S)
    if route.has_all(service, canary):
        text = f"all users are on {canary}"
        return moves.end(rollout, Phase.PROMOTED, now, (Note("Promoted", text),))
    if now - rollout.wanted_since > limit:
        why = f"status does not show 100 % on {canary} after {limit:g} s"
        return roll_back(rollout, seen, service, why, now)
    return moves.rest(rollout, service, now, seconds=moves.URGENT_S)
