"""How many requests of the canary a proof needs, where it is as good as the stable revision."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from canary.judgement import eprocess
from canary.judgement.criteria import Criteria, log_ratios
from canary.judgement.eprocess import Tables
from canary.judgement.evidence import share_criteria
from canary.plan import RolloutPlan
from canary.samples import Count
from canary.shares import Share

# Events of the arm that has fewer, in the table from which the growth is read.
_NUM_EVENTS: Final = 20_000


def requests_needed(
    plan: RolloutPlan, shares: tuple[Share, ...], stable: Mapping[str, Count], percent: int
) -> dict[str, int | None]:
    """Return by metric about how many canary requests prove it, at the stable revision's shares.

    ``stable`` holds past counts by Share.key. None where a share is not counted yet, or cannot be
    proven at all, such as an error share at its cap.
    """
    needed: dict[str, int | None] = {}
    for share in shares:
        rule = share_criteria(plan, shares)[share.key]
        count = stable.get(share.key)
        number = None
        if count is not None and count.total:
            nats = nats_needed(rule, plan.judgement.false_promotion)
            number = events_needed(rule, count.bad / count.total, percent / 100, nats)
        before = needed.get(share.metric, 0)
        needed[share.metric] = None if number is None or before is None else max(before, number)
    return needed


def nats_needed(rule: Criteria, false_promotion: float) -> float:
    """Return the growth of the log wealth that reaches the threshold from the beginning."""
    num_claims = max(len(group) for group in rule.proofs)
    # The first start has half of the prior's mass.
    return math.log(2 * num_claims * eprocess.GRID.size / false_promotion)


def events_needed(rule: Criteria, share: float, canary_part: float, nats: float) -> int | None:
    """Return the canary's events until the proof has grown by ``nats``, both shares being equal.

    ``canary_part`` is the canary's part of all events; None where the proof does not grow.
    """
    smaller = min(canary_part, 1 - canary_part)
    canary, stable = (_NUM_EVENTS * part / smaller for part in (canary_part, 1 - canary_part))
    counts = (share * canary, canary, share * stable, stable)
    tables = Tables(*(np.array(round(count)) for count in counts))
    growth = min(
        max(float(log_ratios(claim, tables, rule).max()) for claim in group)
        for group in rule.proofs
    )
    return math.ceil(nats / growth * canary) if growth > 0 else None
