"""What rolls a canary back at once, in any phase, without statistics."""

from canary.rollout import route
from canary.rollout.seen import Seen
from canary.rollout.service import Condition, Service
from canary.rollout.state import Phase, Rollout

# A first start may lose a race for a volume or a node; the third time it is a loop.
MAX_RESTARTS = 3
_UNKNOWN = Condition("Unknown")


def why_kill(rollout: Rollout, seen: Seen, service: Service) -> str | None:
    """Return why the canary cannot be left with users, or None."""
    expected = ("", rollout.stable_revision, rollout.canary_revision)
    if service.rolled_out not in expected:
        # KServe takes a start for a rollback when the percent reaches the Route before the new
        # revision exists (kserve#2040, #2097).
        return f"KServe moved the rolled-out revision to {service.rolled_out}"
    if rollout.canary_revision is None:
        return None
    percent = service.percent_of(rollout.canary_revision)
    return _why_pods(rollout, seen, percent) or _why_failed(service, percent)


def why_unserved(rollout: Rollout, seen: Seen, service: Service) -> str | None:
    """Return why the Route cannot follow its percent, or leaves users on a stable revision down.

    Then no other percent moves a user either: only the stable template, put back, frees the Route.
    """
    canary, percent = rollout.canary_revision, service.percent
    if rollout.phase is not Phase.STEPPING or canary is None or percent is None:
        return None
    why = route.why_frozen(service)
    stable = rollout.stable_revision
    is_split = route.is_split(service, canary=canary, stable=stable, percent=percent)
    if why is None or (is_split and not _is_down(seen, stable)):
        return None
    return f"the Route does not follow {percent} %: {why}"


def _is_down(seen: Seen, revision: str) -> bool:
    return any(p.revision == revision and p.num_pods > 0 and not p.num_ready for p in seen.pods)


def why_rescue(rollout: Rollout, seen: Seen, service: Service) -> str | None:
    """Return why users cannot stay where they are although another's change holds the rollout.

    Only of templates that are known here: nothing that another has written is overwritten.
    """
    if route.live_of(service) == rollout.known:
        newest, canary = service.latest_created, rollout.canary_revision
        if newest != canary and service.percent in (None, 100) and route.has_all(service, newest):
            # All of them are on a newer revision, which is what KServe would go back to.
            return None
        return why_kill(rollout, seen, service) or why_unserved(rollout, seen, service)
    is_known = service.fingerprint == rollout.target.fingerprint
    if not is_known or service.percent != 0 or rollout.canary_revision is None:
        return None
    why = route.why_frozen(service)
    return None if why is None else f"percent 0, set by hand, has no effect: {why}"


def _why_pods(rollout: Rollout, seen: Seen, percent: int) -> str | None:
    for pods in seen.pods:
        if pods.revision != rollout.canary_revision:
            continue
        if pods.num_restarts >= MAX_RESTARTS:
            return f"{pods.revision} has restarted {pods.num_restarts} times: {pods.reason}"
        is_down = pods.num_pods > 0 and pods.num_ready == 0
        # With minReplicas 0 a pod that is not Ready may be one that has just been called for.
        if percent > 0 and is_down and rollout.target.predictor.get("minReplicas") != 0:
            return f"no pod of {pods.revision} is Ready, and it has {percent} % of the users"
    return None


def _why_failed(service: Service, percent: int) -> str | None:
    condition = service.conditions.get("PredictorConfigurationReady", _UNKNOWN)
    if percent > 0 and condition.status == "False" and condition.reason == "RevisionFailed":
        return f"the revision failed with {percent} % of the users: {condition.message}"
    return None
