"""What Prometheus says of both revisions since the last look, and the verdict on it."""

from dataclasses import replace

from canary.judgement.evidence import absorb
from canary.judgement.judge import flood, judge
from canary.judgement.verdict import Verdict
from canary.prometheus import PrometheusReader
from canary.rollout.seen import Reading
from canary.rollout.state import Rollout
from canary.shares import Share


def judge_interval(
    reader: PrometheusReader, shares: tuple[Share, ...], rollout: Rollout, start: float | None
) -> Reading:
    """Return the evidence after the interval since ``start``, and its verdict; or Unreachable.

    Without a start there is no interval yet, and the evidence only says where it begins.
    """
    plan, canary = rollout.plan, rollout.canary_revision
    assert canary is not None
    sample = reader.read(shares, canary, rollout.stable_revision, start, reader.now())
    if start is None:
        begun = replace(rollout.evidence, until=sample.end)
        return Reading(begun, judge(plan, shares, begun), None)
    evidence = absorb(plan, shares, rollout.evidence, sample)
    judged = judge(plan, shares, evidence)
    if why := flood(sample):
        judged = replace(judged, verdict=Verdict.ROLL_BACK, reason=why)
    return Reading(evidence, judged, sample)


def why_drifted(reader: PrometheusReader, rollout: Rollout) -> str | None:
    """Return which digest of the generation defaults is not the one at the start."""
    stable, before = rollout.stable_revision, rollout.defaults_digest
    now = reader.defaults_digest([stable]).get(stable)
    if now is None or before is None or now == before:
        return None
    return f"{stable} serves with {now}, began with {before}"
