"""What the CronJob does of a rollout whose controller is gone."""

from dataclasses import replace

from canary.rollout.actions import Advance
from canary.rollout.advance import OVER, advance
from canary.rollout.foreign import BEFORE_ROLLBACK, learn_canary, settle, why_foreign
from canary.rollout.kill_switch import why_rescue
from canary.rollout.rolling_back import roll_back
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import HoldKind, Phase, Rollout

# A person has paused, or has edited the service: both know that it stands there, but not that it
# crashes. Nobody has answered an approval yet, nor an inconclusive hold.
_ACKNOWLEDGED = (HoldKind.PAUSED, HoldKind.FOREIGN)


def watchdog(rollout: Rollout, seen: Seen, now: float) -> Advance | None:
    """Return the rollback of traffic that is split and that nobody watches, or None.

    A rollback or promotion that was left half done goes on; what another has edited meanwhile is
    held like any foreign edit. The deadline stays where it was: a watchdog that dies here leaves
    the next one as much to do.
    """
    if rollout.phase in OVER or now <= rollout.watch_deadline:
        return None
    following = _look_after(rollout, seen, now)
    if following is None:
        return None
    kept = replace(following.rollout, watch_deadline=rollout.watch_deadline)
    return replace(following, rollout=kept)


def _look_after(rollout: Rollout, seen: Seen, now: float) -> Advance | None:
    service = seen.service
    if service is None or service.is_deleted or service.uid != rollout.service_uid:
        return advance(rollout, seen, now)
    settled = learn_canary(settle(rollout, service, seen), service)
    if rollout.hold is not None and rollout.hold.kind in _ACKNOWLEDGED:
        is_safe = why_rescue(settled, seen, service) is None
        is_going_back = rollout.phase not in BEFORE_ROLLBACK
        return None if is_safe or is_going_back else advance(rollout, seen, now)
    if rollout.phase in (Phase.ROLLING_BACK, Phase.CLEANING):
        return advance(rollout, seen, now)
    if not _is_split(rollout, service):
        return None
    is_whole = rollout.phase is Phase.PROMOTING and service.percent in (None, 100)
    if is_whole or seen.command or why_foreign(settled, service, seen):
        return advance(rollout, seen, now)
    why = f"traffic was split and nobody had watched it since {rollout.watch_deadline:.0f}"
    return roll_back(settled, seen, service, why, now)


def _is_split(rollout: Rollout, service: Service) -> bool:
    canary = rollout.canary_revision
    has_users = canary is not None and service.percent_of(canary) > 0
    return has_users or 0 < (service.percent or 0) < 100
