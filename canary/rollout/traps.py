"""What of an InferenceService or a plan would surprise its owner; for `r1-canary lint`.

Sources: manifests/canary-start/README.md, and KServe 0.20 as its code reads.
"""

from collections.abc import Callable, Iterator

from canary.plan import RolloutPlan
from canary.rollout import route, traps_ahead
from canary.rollout.begin import STOP
from canary.rollout.service import Service
from canary.rollout.trap import Trap


def traps(service: Service, plan: RolloutPlan | None) -> tuple[Trap, ...]:
    """Return every trap that can be seen, the ones that harm users now first."""
    found = [trap for look in _OF_SERVICE for trap in look(service)]
    if plan is not None:
        found += [trap for look_at in _OF_PLAN for trap in look_at(service, plan)]
    return tuple(found)


def _standard_mode(service: Service) -> Iterator[Trap]:
    if service.mode == "Standard":
        yield Trap(
            "standard-mode",
            "Standard mode ignores canaryTrafficPercent in silence: every edit of the template "
            "reaches all users",
            "create the service in Knative mode; the mode of a live one cannot be changed",
            is_now=True,
        )


def _stopped(service: Service) -> Iterator[Trap]:
    if service.annotations.get(STOP) == "true":
        yield Trap(
            "stopped",
            f"{STOP} is true: the Knative service is deleted, and status with it, so the next "
            "start is a first deployment",
            "remove the annotation, and wait until the service is Ready",
            is_now=True,
        )


def _first_deployment(service: Service) -> Iterator[Trap]:
    if not service.rolled_out and service.mode != "Standard":
        yield Trap(
            "first-deployment",
            "status has no latestRolledoutRevision: the percent is ignored, and 100 % goes to "
            "the latest revision",
            "wait until the first revision is Ready",
        )


def _out_of_range(service: Service) -> Iterator[Trap]:
    if service.percent is not None and not 0 <= service.percent <= 100:
        yield Trap(
            "percent-out-of-range",
            f"canaryTrafficPercent is {service.percent}: KServe takes it, Knative refuses the "
            "whole Knative service, and no edit has an effect any more",
            "set it to a number in 0..100",
            is_now=True,
        )


def _not_ready_at_100(service: Service) -> Iterator[Trap]:
    if service.percent in (None, 100) and service.latest_created != service.latest_ready:
        yield Trap(
            "not-ready-at-100",
            f"{service.latest_created} is not Ready and the percent is "
            f"{'absent' if service.percent is None else 100}: {service.latest_ready or 'nothing'} "
            "keeps the users, and loses all of them at once when it becomes Ready",
            "set canaryTrafficPercent to 0 before it is",
            is_now=True,
        )


def _armed(service: Service) -> Iterator[Trap]:
    is_newest = service.latest_created == service.latest_ready
    if service.percent is None or not 0 <= service.percent < 100 or not is_newest:
        return
    before = service.previous_rolled_out
    is_sent_back = before not in ("", service.latest_ready) and service.rolled_out == before
    if service.rolled_out == service.latest_ready or is_sent_back:
        yield Trap(
            "percent-before-template",
            f"canaryTrafficPercent is {service.percent} and {service.latest_ready} was rolled out "
            f"already: {100 - service.percent} % of the users go to the version before it, "
            f"{before or 'once there is one'}",
            "set 100, and give the percent in the same write as the new template",
            is_now=True,
        )


def _unjudged(service: Service) -> Iterator[Trap]:
    ready, created = service.latest_ready, service.latest_created
    is_canary = ready not in ("", service.rolled_out) and service.percent not in (None, 100)
    if is_canary and created != ready:
        yield Trap(
            "another-template",
            f"{created} takes over the {service.percent} % of {ready} when it becomes Ready, "
            "whoever has judged that one",
            "set 0, and begin anew with the template that is to be judged",
            is_now=True,
        )


def _rejected_template(service: Service) -> Iterator[Trap]:
    if service.percent == 0 and service.latest_created not in ("", service.rolled_out):
        yield Trap(
            "rejected-template",
            f"all users are on {service.rolled_out}, but the template is that of "
            f"{service.latest_created}: removing the percent ships it, and the next rollout begins "
            "by sending it users",
            "apply the old template with percent 0, wait until its revision is Ready, then set 100",
            is_now=True,
        )


def _frozen(service: Service) -> Iterator[Trap]:
    if why := route.why_frozen(service):
        yield Trap(
            "route-frozen",
            f"{why}; Knative leaves the Route as it is, so no percent has an effect, 0 neither",
            "apply a template whose revision becomes Ready, with percent 0",
            is_now=True,
        )


def _unreconciled(service: Service) -> Iterator[Trap]:
    if why := route.why_unreconciled(service):
        yield Trap(
            "not-reconciled",
            f"{why}; the template has made no revision",
            "put the last template that worked back",
            is_now=True,
        )


def _removal(service: Service) -> Iterator[Trap]:
    if service.percent not in (None, 100) and service.rolled_out != service.latest_ready:
        yield Trap(
            "removing-the-percent",
            f"removing canaryTrafficPercent, {service.percent} now, is no rollback: it sends all "
            f"users to {service.latest_ready}, the same as 100",
            "to roll back set 0; `r1-canary abort` does, and restores the template",
        )


_OF_SERVICE: tuple[Callable[[Service], Iterator[Trap]], ...] = (
    _standard_mode,
    _stopped,
    _out_of_range,
    _frozen,
    _unreconciled,
    _not_ready_at_100,
    _armed,
    _unjudged,
    _rejected_template,
    _removal,
    _first_deployment,
    traps_ahead.tag_routing,
    traps_ahead.scale_to_zero,
    traps_ahead.autoscaler,
    traps_ahead.gitops,
    traps_ahead.shared_settings,
    traps_ahead.moving_tag,
    traps_ahead.long_name,
)
_OF_PLAN: tuple[Callable[[Service, RolloutPlan], Iterator[Trap]], ...] = (
    traps_ahead.no_gate,
    traps_ahead.min_replicas,
    traps_ahead.progress_deadline,
    traps_ahead.low_bake,
)
