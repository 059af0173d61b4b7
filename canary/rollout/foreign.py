"""Telling the tool's own edits from everybody else's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from canary.rollout.route import live_of
from canary.rollout.seen import Seen
from canary.rollout.service import Service
from canary.rollout.state import Phase, Rollout

_MAX_SHOWN = 80
# Values below these may be secrets.
_UNSHOWN = ("env", "envFrom", "args", "command")
BEFORE_ROLLBACK = (Phase.STARTING, Phase.GATING, Phase.STEPPING, Phase.PROMOTING)


def settle(rollout: Rollout, service: Service, seen: Seen) -> Rollout:
    """Return the rollout that knows of its own patches' coming about.

    ``seen.patched`` tells a person who has put the old percent back from a patch that was lost.
    Once the spec has moved, no older patch can land: each names the resourceVersion it was for.
    """
    if seen.patched is not None and seen.patched == rollout.wanted:
        rollout = replace(rollout, known=seen.patched, superseded=())
        if why_readmitted(seen) is not None:
            rollout = _readmitted(rollout, seen)
    live = live_of(service)
    if live != rollout.known and live in (rollout.wanted, *rollout.superseded):
        return replace(rollout, known=live, superseded=())
    return rollout


def why_readmitted(seen: Seen) -> str | None:
    """Return what admission has made of the last patch, where that is another template.

    One that changes the percent is not understood, and held like any foreign edit.
    """
    asked, written = seen.patched, seen.written
    if asked is None or written is None or asked.percent != written.percent:
        return None
    if asked.fingerprint == written.fingerprint:
        return None
    return (
        "admission changed the template when it was patched: a webhook or KServe writes other "
        "defaults than it did at the start"
    )


def _readmitted(rollout: Rollout, seen: Seen) -> Rollout:
    """Return the rollout that takes what was written for the template that was asked for."""
    asked, written = seen.patched, seen.written
    assert asked is not None
    assert written is not None
    known = replace(rollout, known=written, wanted=written)
    fingerprint = written.fingerprint
    if rollout.is_stable(asked.fingerprint):
        return replace(known, stable=replace(rollout.stable, fingerprint=fingerprint))
    if asked.fingerprint == rollout.target.fingerprint:
        return replace(known, target=replace(rollout.target, fingerprint=fingerprint))
    return known


def learn_canary(rollout: Rollout, service: Service) -> Rollout:
    """Return the rollout that names the revision which the target template has made."""
    is_target = service.fingerprint == rollout.target.fingerprint
    is_new = service.latest_created not in ("", rollout.stable_revision)
    if rollout.canary_revision is None and is_target and is_new:
        return replace(rollout, canary_revision=service.latest_created)
    return rollout


def why_foreign(rollout: Rollout, service: Service, seen: Seen) -> str | None:
    """Return what was changed by another, with field, value and manager; None where nothing was."""
    if live_of(service) != rollout.known:
        return _why_spec(rollout, service)
    if rollout.phase not in BEFORE_ROLLBACK or why_readmitted(seen) is not None:
        return None
    drift = seen.drift
    if drift is not None and drift != rollout.accepted_drift:
        return f"the generation defaults were changed: {drift}"
    if rollout.canary_revision not in (None, service.latest_created):
        return (
            f"status.components.predictor.latestCreatedRevision is {service.latest_created}, was "
            f"to be {rollout.canary_revision}: nobody has judged it"
        )
    return None


def _why_spec(rollout: Rollout, service: Service) -> str:
    ours = {live.fingerprint for live in (rollout.known, rollout.wanted, *rollout.superseded)}
    if service.fingerprint in ours:
        return (
            f"spec.predictor.canaryTrafficPercent is {service.percent}, was to be "
            f"{rollout.wanted.percent}{_by(service.percent_manager)}"
        )
    return f"{_first_difference(rollout, service)}{_by(service.template_manager)}"


def _by(manager: str) -> str:
    return f"; last written by {manager}" if manager else ""


def _first_difference(rollout: Rollout, service: Service) -> str:
    is_start = rollout.is_stable(rollout.known.fingerprint)
    sent = rollout.stable if is_start else rollout.target
    for path, expected, value in _differences(sent.predictor, service.template, ()):
        name = ".".join(("spec.predictor", *path))
        if set(path) & set(_UNSHOWN):
            return f"{name} is not what it was"
        return f"{name} is {_shown(value)}, was to be {_shown(expected)}"
    return "spec.predictor, or a label or annotation that makes a revision, is not what it was"


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _differences(
    sent: Any, live: Any, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], object, object]]:
    """Yield what of ``sent`` is not so in ``live``; what admission has added is no difference."""
    if isinstance(sent, Mapping) and isinstance(live, Mapping):
        for key, value in sent.items():
            yield from _differences(value, live.get(key), (*path, str(key)))
    elif _is_list(sent) and _is_list(live) and len(sent) == len(live):
        for index, (one, other) in enumerate(zip(sent, live, strict=True)):
            yield from _differences(one, other, (*path, str(index)))
    elif str(sent) != str(live):
        yield path, sent, live


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
