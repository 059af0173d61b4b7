"""What must be true before the first patch; all that is not is told at once."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from canary.cluster.cluster import Cluster
from canary.commands.opening import Opened
from canary.commands.printing import say
from canary.errors import Conflict, Forbidden, InputError, Unreachable
from canary.gate import refusals as gate_refusals
from canary.judgement.beforehand import caps_exceeded, required, silent
from canary.metrics import shares_of
from canary.plan import RolloutPlan
from canary.prometheus import PrometheusReader
from canary.rollout.begin import NOTHING, begin, refusals
from canary.rollout.parts import Part, why_starved
from canary.rollout.service import Pods, Service
from canary.rollout.state import Rollout
from canary.samples import Count

# Of the service's requests, for what depends on their rate.
_LATELY_S = 300.0
# Of a service that others edit meanwhile.
_MAX_READS = 8


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found; a rollout may begin where ``refusals`` and ``unreachable`` are empty."""

    service: Service
    # Requests/s of the service lately; None where nobody knows.
    rate_rps: float | None
    pods: tuple[Pods, ...]
    # Of the target once admitted, and of the live template were it written again now; "" where
    # admission refuses it.
    fingerprint: str
    stable_fingerprint: str
    defaults_digest: str | None
    refusals: tuple[str, ...]
    # What may keep a good canary from being promoted, and hinders no beginning.
    warnings: tuple[str, ...]
    # The stable revision's counts lately, by Share.key.
    counts: Mapping[str, Count]
    # Why Prometheus does not answer; "" where it does.
    unreachable: str


def parts_left(opened: Opened, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Return the rollouts that come after the one whose template is live; all where none is."""
    if len(parts) == 1:
        return parts
    for number, part in enumerate(parts, 1):
        if _dry_run(opened.cluster, opened.service, part.template, ()).is_live:
            return parts[number:]
    return parts


def preflight(
    opened: Opened, part: Part, *, then: Sequence[Part] = (), rate_rps: float | None = None
) -> Preflight:
    """Look at everything that a rollout needs; ``rate_rps`` is asked of Prometheus where None.

    ``then`` are the rollouts that are to follow: what can be told of them is told now.
    """
    cluster, service, plan = opened.cluster, opened.service, part.plan
    metrics = _ask_prometheus(plan, service.rolled_out, service.previous_rolled_out)
    rate_rps = metrics.rate_rps if rate_rps is None else rate_rps
    rights = _again(lambda: cluster.missing_permissions(plan.namespace, plan.service))
    admitted = _dry_run(cluster, service, part.template, rights)
    service = admitted.service
    pods, why_no_pods = _pods(cluster, service, rights)
    # A rate that nobody could be asked for is no fault of the file's.
    is_unasked = rate_rps is None and bool(metrics.unreachable)
    starved = () if is_unasked else (why_starved(each, rate_rps) for each in (part, *then))
    found = [
        *(f"a right is missing: {right}; see manifests/components/canary-rbac" for right in rights),
        *refusals(plan, service, pods, part.template),
        *([NOTHING] if admitted.is_live else []),
        *chain.from_iterable(starved),
        *why_no_pods,
        *metrics.lacks,
        *why_unanswered(plan),
        *admitted.why_refused,
    ]
    return Preflight(
        service,
        rate_rps,
        pods,
        admitted.target,
        admitted.stable,
        metrics.digest,
        tuple(dict.fromkeys(found)),
        metrics.warnings,
        metrics.counts,
        metrics.unreachable,
    )


def begin_rollout(opened: Opened, part: Part, *, then: Sequence[Part] = (), id: str) -> Rollout:
    """Return a rollout that may begin; InputError has a line for each reason why not.

    Raises Unreachable where nothing else is wrong and Prometheus does not answer.
    """
    found = preflight(opened, part, then=then)
    if found.refusals:
        lines = (*found.refusals, *((found.unreachable,) if found.unreachable else ()))
        raise InputError("\n".join(lines))
    if found.unreachable:
        raise Unreachable(found.unreachable)
    for warning in found.warnings:
        say(warning)
    rollout = begin(
        part.plan,
        found.service,
        part.template,
        found.fingerprint,
        found.pods,
        opened.cluster.now(),
        id,
        stable_fingerprint=found.stable_fingerprint,
    )
    return replace(rollout, defaults_digest=found.defaults_digest)


def why_unanswered(plan: RolloutPlan) -> list[str]:
    """Return why the gate could pass no canary."""
    return [] if plan.gate is None else gate_refusals(plan.gate, plan.judgement)


@dataclass(frozen=True, slots=True)
class _Metrics:
    rate_rps: float | None = None
    digest: str | None = None
    lacks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    counts: Mapping[str, Count] = field(default_factory=dict)
    unreachable: str = ""


def _ask_prometheus(plan: RolloutPlan, stable: str, previous: str) -> _Metrics:
    if not stable:
        return _Metrics()
    reader = PrometheusReader(plan.prometheus)
    shares = shares_of(plan)
    try:
        lacks = reader.check(required(plan, shares), stable, interval_s=plan.judgement.interval)
        digests = reader.defaults_digest([stable])
        num_requests, counts = reader.past(shares, stable, _LATELY_S)
        warnings = (
            *caps_exceeded(plan, shares, counts),
            *silent(plan, shares, counts, num_requests),
        )
        # Just after a promotion most of what came lately went to the revision before.
        rate_rps = reader.rate([name for name in (stable, previous) if name], _LATELY_S)
        return _Metrics(rate_rps, digests.get(stable), tuple(lacks), warnings, counts)
    except Unreachable as error:
        return _Metrics(unreachable=str(error))
    finally:
        reader.close()


def _again(ask: Callable[[], list[str]]) -> list[str]:
    """Return what is answered; what a Conflict refuses once, such as a quota's, is asked again."""
    for _ in range(_MAX_READS - 1):
        with suppress(Conflict):
            return ask()
    return ask()


@dataclass(frozen=True, slots=True)
class _Admitted:
    """Fingerprints of the target and of the live template, of one reading of the service."""

    service: Service
    target: str = ""
    stable: str = ""
    why_refused: tuple[str, ...] = ()

    @property
    def is_live(self) -> bool:
        """Return whether the target is what is live, as it is or as it would be written now."""
        return self.target != "" and self.target in (self.service.fingerprint, self.stable)


def _dry_run(
    cluster: Cluster, service: Service, predictor: Mapping[str, Any], rights: Sequence[str]
) -> _Admitted:
    """Return the fingerprints that admission gives both templates, or why it gives none.

    A rollback writes the live one again. The service is the one that they are for: what others
    edit meanwhile is read again.
    """
    for _ in range(_MAX_READS):
        target = ""
        try:
            target = cluster.dry_run_template(service, predictor, 0)
            return _Admitted(
                service, target, cluster.dry_run_template(service, service.template, 0)
            )
        except Conflict:
            service = cluster.read_service(service.namespace, service.name)
        except InputError as error:
            what = "the live template could not be put back: " if target else ""
            return _Admitted(service, why_refused=(f"{what}{error}",))
        except Forbidden as error:
            return _Admitted(service, why_refused=() if rights else (str(error),))
    raise Unreachable(f"{service.name} was edited {_MAX_READS} times while it was looked at")


def _pods(
    cluster: Cluster, service: Service, rights: Sequence[str]
) -> tuple[tuple[Pods, ...], list[str]]:
    """Return the pods of the revision that serves now; none where a missing right hides them."""
    if not service.rolled_out:
        return (), []
    try:
        return (cluster.pods_of(service.namespace, service.rolled_out),), []
    except Forbidden as error:
        return (), [] if rights else [str(error)]
