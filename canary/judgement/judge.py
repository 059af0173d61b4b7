"""The verdict that the evidence carries."""

import math
from collections.abc import Set
from dataclasses import dataclass
from typing import Final

import numpy as np

from canary.judgement import criteria
from canary.judgement.criteria import Criteria
from canary.judgement.evidence import Evidence, ShareEvidence, policies, share_criteria
from canary.judgement.needed import events_needed
from canary.judgement.verdict import Finding, Judged, Verdict
from canary.plan import RolloutPlan
from canary.samples import Count, Gap, Sample
from canary.shares import Share

# Of a metric in the mean over the metrics: what users feel first counts more; others 1.
_WEIGHTS: Final = {"errors": 3.0, "ttft": 3.0}
_FLOODS: Final = {"errors": "failed", "cancelled": "were given up by their clients"}
_FLOOD_SHARE: Final = 0.5
_FLOOD_REQUESTS: Final = 20


def weights(plan: RolloutPlan) -> dict[str, float]:
    """Return each judged metric's weight in the mean of their e-values; they add up to 1.

    A weighted mean of e-values is one whatever their dependence. Source: Vovk and Wang (2021).
    """
    parts = {metric: _WEIGHTS.get(metric, 1.0) for metric in policies(plan)}
    return {metric: part / sum(parts.values()) for metric, part in parts.items()}


def judge(plan: RolloutPlan, shares: tuple[Share, ...], evidence: Evidence) -> Judged:
    """Return the verdict of everything seen so far.

    An equal canary is rolled back with at most ``false_rollback``, over all looks and metrics,
    where no share is above its cap; one that is at a metric's margin throughout is proven with at
    most ``false_promotion``. What is above its cap in both revisions speaks against the canary only
    in intervals where the stable one's share is less than half: no e-value bounds that, the
    simulation does.
    """
    rules = share_criteria(plan, shares)
    good_threshold = 1 / plan.judgement.false_promotion
    worse_threshold = 1 / plan.judgement.false_rollback
    findings = []
    # Metrics that hold no promotion, proven or not.
    free = {metric for metric, policy in policies(plan).items() if policy.advisory}
    for metric, weight in weights(plan).items():
        read = [
            _read(share, rules[share.key], evidence, plan.judgement.false_promotion)
            for share in shares
            if share.metric == metric
        ]
        findings.append(_find(metric, read, weight, good_threshold, worse_threshold))
        if read and all(one.is_silent for one in read):
            free.add(metric)
    e_worse = math.fsum(finding.e_worse for finding in findings)
    verdict, reason = _decide(findings, free, evidence, e_worse, worse_threshold)
    return Judged(verdict, tuple(findings), reason, worse_threshold, good_threshold)


def flood(sample: Sample) -> str | None:
    """Return why to roll back at once: of 20 or more requests of the canary half or more failed,
    or were given up by their clients.

    Not where the stable revision does so half as often or more: all users' errors would stay.
    """
    if isinstance(sample, Gap):
        return None
    for key, what in _FLOODS.items():
        canary = sample.canary.counts.get(key, Count(0, 0))
        stable = sample.stable.counts.get(key, Count(0, 0))
        is_flood = canary.bad >= _FLOOD_SHARE * canary.total
        is_shared = stable.bad * canary.total * 2 >= canary.bad * stable.total > 0
        if canary.total >= _FLOOD_REQUESTS and is_flood and not is_shared:
            return (
                f"{key}: {canary.bad} of {canary.total} requests of the canary {what} in one "
                f"interval, {stable.bad} of {stable.total} of the stable revision"
            )
    return None


def is_suspect(judged: Judged) -> bool:
    """Return whether the evidence speaks against the canary, though not enough to roll it back.

    An equal one comes so far with at most ``false_promotion``.
    """
    return math.fsum(finding.e_worse for finding in judged.findings) >= judged.good_threshold


@dataclass(frozen=True, slots=True)
class _Reading:
    share: Share
    seen: ShareEvidence
    e_worse: float
    e_good: float
    # What is left to prove, as text.
    missing: str
    # Whether there is nothing to judge: requests ended, and none had such an event.
    is_silent: bool = False

    def __str__(self) -> str:
        seen, share = self.seen, self.share
        name = "" if share.key == share.metric else f" {share.key}"
        return (
            f"{share.metric}:{name} {_percent(seen.canary_bad, seen.canary_total)} "
            f"against {_percent(seen.stable_bad, seen.stable_total)}"
        )


def _read(share: Share, rule: Criteria, evidence: Evidence, false_promotion: float) -> _Reading:
    seen = evidence.shares.get(share.key, ShareEvidence())
    if not seen.logs:
        text = "no events of either revision"
        if seen.is_silent:
            text += " though requests ended, so nothing to judge; this does not hold the promotion"
        return _Reading(share, seen, 1.0, 1.0, text, seen.is_silent)
    wealth = {claim: np.array(logs) for claim, logs in seen.logs.items()}
    num_intervals = np.array(seen.num_intervals)
    log_good = float(criteria.log_proof(wealth, num_intervals, rule))
    return _Reading(
        share=share,
        seen=seen,
        e_worse=math.exp(float(criteria.log_worse(wealth, num_intervals, rule))),
        e_good=math.exp(log_good),
        missing=_missing(seen, rule, -math.log(false_promotion) - log_good),
    )


def _missing(seen: ShareEvidence, rule: Criteria, nats: float) -> str:
    if not seen.canary_total:
        return "no events of the canary"
    if not seen.stable_total:
        return "no events of the stable revision"
    if seen.is_proven:
        return ""
    if nats <= 0:
        return "what speaks against the canary outweighs the proof"
    share = (seen.canary_bad + seen.stable_bad) / (seen.canary_total + seen.stable_total)
    part = seen.canary_total / (seen.canary_total + seen.stable_total)
    more = events_needed(rule, share, part, nats)
    text = "not proven at these shares" if more is None else f"about {more} more requests needed"
    if seen.num_less_loaded + seen.num_unknown_load:
        text += (
            f"; requests under way per pod were fewer in {seen.num_less_loaded} and unknown in "
            f"{seen.num_unknown_load} of {seen.num_intervals} intervals, which prove nothing good"
        )
    if seen.num_more_loaded:
        text += (
            f"; requests per pod were more in {seen.num_more_loaded} of {seen.num_intervals} "
            "intervals, which do not speak against the canary"
        )
    return text


def _find(
    metric: str,
    read: list[_Reading],
    weight: float,
    good_threshold: float,
    worse_threshold: float,
) -> Finding:
    if not read:
        text = f"{metric}: no share of it is counted"
        return Finding(metric, Verdict.INCONCLUSIVE, text, None, None, 0, 0, weight, 1.0)
    e_worse = weight * math.fsum(one.e_worse for one in read) / len(read)
    worst = max(read, key=lambda one: one.e_worse)
    heard = [one for one in read if not one.is_silent] or read
    # Of those that lack something the one without events, then the one proven least.
    least = min(heard, key=lambda one: (not one.missing, bool(one.seen.logs), one.e_good))
    shown = least
    if e_worse >= worse_threshold:
        shown, verdict = worst, Verdict.ROLL_BACK
        text = f"{worst}, e-value {e_worse:.3g} of {worse_threshold:g}: worse"
    elif least.missing:
        verdict = Verdict.INCONCLUSIVE
        text = f"{least}, e-value {least.e_good:.3g} of {good_threshold:g}: {least.missing}"
    else:
        verdict = Verdict.PROMOTE
        when = "" if least.e_good >= good_threshold else " at an earlier look"
        text = f"{least}, e-value {least.e_good:.3g} of {good_threshold:g}: proven good{when}"
    seen = shown.seen
    return Finding(
        metric=metric,
        verdict=verdict,
        text=text,
        canary_share=_ratio(seen.canary_bad, seen.canary_total),
        stable_share=_ratio(seen.stable_bad, seen.stable_total),
        num_canary=seen.canary_total,
        num_stable=seen.stable_total,
        e_worse=e_worse,
        e_good=least.e_good,
    )


def _decide(
    findings: list[Finding],
    free: Set[str],
    evidence: Evidence,
    e_worse: float,
    worse_threshold: float,
) -> tuple[Verdict, str]:
    if e_worse >= worse_threshold:
        worst = max(findings, key=lambda finding: finding.e_worse)
        return Verdict.ROLL_BACK, (
            f"worse by the mean over metrics, e-value {e_worse:.3g} of {worse_threshold:g}, "
            f"most of it by {worst.text}"
        )
    if evidence.gap:
        text = f"the last interval says nothing for the canary: {evidence.gap}"
        return Verdict.INCONCLUSIVE, text
    held = [
        finding
        for finding in findings
        if finding.verdict is not Verdict.PROMOTE and finding.metric not in free
    ]
    if held:
        more = f" (and {len(held) - 1} metrics more)" if len(held) > 1 else ""
        return Verdict.INCONCLUSIVE, held[0].text + more
    proven = sum(finding.verdict is Verdict.PROMOTE for finding in findings)
    if not proven:
        return Verdict.INCONCLUSIVE, "no metric is proven good"
    return Verdict.PROMOTE, f"{proven} of {len(findings)} metrics are proven good"


def _percent(bad: int, total: int) -> str:
    return f"{bad / total:.3%} of {total}" if total else "nothing"


def _ratio(bad: int, total: int) -> float | None:
    return bad / total if total else None
