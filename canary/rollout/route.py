"""What an InferenceService's status proves; names of conditions are KServe's.

Never by ``observedGeneration``: KServe copies the Knative service's there.
"""

from canary.rollout.service import Condition, Service
from canary.rollout.state import Live

_UNKNOWN = Condition("Unknown")
_ROUTES = ("PredictorRouteReady", "RoutesReady")


def live_of(service: Service) -> Live:
    """Return what is in the spec."""
    return Live(service.fingerprint, service.percent)


def is_ready(service: Service, revision: str) -> bool:
    """Return whether the revision is the newest and serves now.

    ``latest_ready`` never moves back, so a revision that has crashed since is told by the
    condition, which follows the newest revision.
    """
    condition = service.conditions.get("PredictorConfigurationReady", _UNKNOWN)
    is_newest = service.latest_created == service.latest_ready == revision
    return is_newest and condition.status == "True"


def has_all(service: Service, revision: str) -> bool:
    """Return whether every user is on the revision, and it is what KServe would go back to."""
    others = sum(target.percent for target in service.traffic if target.revision != revision)
    is_whole = service.percent_of(revision) == 100 and others == 0
    return is_whole and service.rolled_out == revision


def is_split(service: Service, *, canary: str, stable: str, percent: int) -> bool:
    """Return whether exactly ``percent`` of the users are on the canary, and the rest on stable."""
    newest = sum(t.percent for t in service.traffic if t.is_latest and t.revision == canary)
    previous = sum(t.percent for t in service.traffic if t.tag == "prev" and t.revision == stable)
    return (
        is_ready(service, canary)
        and service.rolled_out == stable
        and (newest, previous) == (percent, 100 - percent)
        and any(t.tag == "prev" and t.revision == stable for t in service.traffic)
    )


def why_frozen(service: Service) -> str | None:
    """Return why Knative leaves the Route as it is, whatever the percent."""
    for name in _ROUTES:
        condition = service.conditions.get(name, _UNKNOWN)
        if condition.status != "True" and condition.reason == "RevisionMissing":
            return f"{name} is {condition.status}, RevisionMissing: {condition.message}"
    return None


def why_unreconciled(service: Service) -> str | None:
    """Return why KServe could not hand the template on to Knative, where it says so."""
    condition = service.conditions.get("PredictorReady", _UNKNOWN)
    if condition.status == "False" and condition.reason == "ReconcileFailed":
        return f"PredictorReady is False, ReconcileFailed: {condition.message}"
    return None
