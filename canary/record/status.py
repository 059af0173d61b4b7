"""A rollout as other programs read it: the form of `--output json`, which only ever gains keys."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from canary.judgement.verdict import Finding, Judged
from canary.record.entry import ENDED, Told, canary_percent, e_worse_of_all, stage_of
from canary.record.quantity import moment
from canary.rollout.state import Rollout

VERSION: Final = 1


def as_json(
    rollout: Rollout, judged: Judged | None, told: Sequence[Told], now: float
) -> dict[str, Any]:
    """Return what JSON can hold; times are RFC 3339 of the cluster's clock, shares 0 to 1.

    An e-value beyond 1e300 is told as 1e300.
    """
    return {
        "version": VERSION,
        **summary(rollout),
        "now": moment(now),
        "stages": [
            {
                "percent": step.percent,
                "min_duration_s": step.min_duration,
                "min_requests": step.min_requests,
                "approval": step.approval,
            }
            for step in rollout.plan.stages
        ],
        "stage_requests": rollout.stage_requests,
        "stage_s": rollout.stage_s,
        "intervals": rollout.evidence.num_intervals,
        "gaps": rollout.evidence.num_gaps,
        "gap": rollout.evidence.gap or None,
        "watch_deadline": moment(rollout.watch_deadline),
        "judged": None if judged is None else _judged(judged),
        "decisions": [told_json(one) for one in told],
    }


def summary(rollout: Rollout) -> dict[str, Any]:
    """Return the keys that `status`, `history` and a notification share."""
    hold = rollout.hold
    return {
        "rollout": rollout.id,
        "service": rollout.plan.service,
        "namespace": rollout.plan.namespace,
        "began": moment(rollout.began),
        "phase": rollout.phase.value,
        "phase_since": moment(rollout.phase_since),
        "has_ended": rollout.phase in ENDED,
        "stage": stage_of(rollout),
        "percent": canary_percent(rollout, rollout.known),
        "wanted_percent": canary_percent(rollout, rollout.wanted),
        "stable_revision": rollout.stable_revision,
        "canary_revision": rollout.canary_revision,
        "hold": hold
        and {"kind": hold.kind.value, "reason": hold.reason, "since": moment(hold.since)},
        "reason": rollout.reason or None,
    }


def told_json(told: Told) -> dict[str, Any]:
    """Return a decision with its numbers."""
    note = told.note
    return {
        "number": told.number,
        "time": moment(told.time),
        "reason": note.reason,
        "text": note.text,
        "is_warning": note.is_warning,
        "numbers": _numbers(note.numbers),
    }


def _judged(judged: Judged) -> dict[str, Any]:
    return {
        "verdict": judged.verdict.value,
        "reason": judged.reason,
        "e_worse": min(e_worse_of_all(judged), 1e300),
        "worse_threshold": judged.worse_threshold,
        "good_threshold": judged.good_threshold,
        "findings": [_finding(finding) for finding in judged.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "metric": finding.metric,
        "verdict": finding.verdict.value,
        "text": finding.text,
        "canary_share": finding.canary_share,
        "stable_share": finding.stable_share,
        "num_canary": finding.num_canary,
        "num_stable": finding.num_stable,
        "e_worse": min(finding.e_worse, 1e300),
        "e_good": min(finding.e_good, 1e300),
    }


def _numbers(numbers: Mapping[str, float | int | str | None]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in numbers.items()
    }
