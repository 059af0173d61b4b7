"""What is to be proved of a share of events, and the evidence for it, over any leading shape."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.judgement import eprocess
from canary.judgement.eprocess import Array, Ints, Tables
from canary.policies import MetricPolicy
from canary.shares import Direction, Share

# A share of a metric with several is let pass without its margin where it is proven to be below
# this in the canary (its P97 lies below that edge), or above 1 minus this in the stable revision:
# at 5 requests/s shares between 1 and 3 % would need days for the margin.
RARE: Final = 0.03
# Proof beyond the threshold is dropped, so that a canary that turns bad loses it soon; in nats.
_SPARE: Final = 1.0
# Evidence for rolling back is beyond every threshold here, and no number overflows.
_MOST: Final = 40.0
# Of the evidence for rolling back, after each interval: half is forgotten in 11 intervals, so that
# bursts of one arm, each over in an interval or two, do not add up over an hour. What grows by less
# than 6 % an interval is not found; at little traffic longer intervals help.
KEPT: Final = 0.94


class Claim(StrEnum):
    """What an e-process is evidence for; it is against the opposite."""

    # An odds ratio above the tolerance, or below its inverse.
    MORE = "more"
    FEWER = "fewer"
    # An odds ratio below the margin, or above its inverse.
    NOT_MORE = "not_more"
    NOT_FEWER = "not_fewer"
    # Shares of one arm alone.
    ABOVE_CAP = "above_cap"
    CANARY_RARE = "canary_rare"
    CANARY_COMMON = "canary_common"
    STABLE_RARE = "stable_rare"
    STABLE_COMMON = "stable_common"


# Loads per pod are alike up to this ratio.
LOAD_RATIO: Final = 1.25


@dataclass(frozen=True, slots=True)
class Load:
    """Per pod of the canary to the stable revision's, arrays of one shape; NaN is not known.

    A batch that is less full is faster by itself: what unequal load alone could bring about is no
    evidence. For rolling back it is unequal by the requests that came, which the canary cannot
    cause; by those under way a slow canary would excuse itself (Little's law). For a proof it is
    unequal by those under way, and where they are not known nothing is proven good.
    """

    requests: Array
    in_flight: Array

    def explains(self, claim: Claim) -> NDArray[np.bool_]:
        """Return where evidence for a claim may come of the load alone."""
        match claim:
            case Claim.MORE:
                return np.asarray(self.requests > LOAD_RATIO)
            case Claim.FEWER:
                return np.asarray(self.requests < 1 / LOAD_RATIO)
            case Claim.ABOVE_CAP:
                return np.zeros_like(self.requests, dtype=np.bool_)
            case Claim.NOT_MORE | Claim.CANARY_RARE | Claim.STABLE_COMMON:
                return ~np.asarray(self.in_flight >= 1 / LOAD_RATIO)
            case Claim.NOT_FEWER | Claim.STABLE_RARE | Claim.CANARY_COMMON:
                return ~np.asarray(self.in_flight <= LOAD_RATIO)


@dataclass(frozen=True, slots=True)
class Criteria:
    """Of one share: any of ``worse`` speaks for rolling back, by their mean.

    It is proven good when each group of ``proofs`` is, by the mean of its claims.
    """

    tolerance: float
    margin: float
    # The cap, or RARE where the metric has several shares.
    rare: float
    worse: tuple[Claim, ...]
    proofs: tuple[tuple[Claim, ...], ...]

    @property
    def claims(self) -> frozenset[Claim]:
        """Return every claim that evidence is gathered for."""
        return frozenset((*self.worse, *(claim for group in self.proofs for claim in group)))


def criteria_of(policy: MetricPolicy, share: Share, num_shares: int) -> Criteria:
    """Return how a share is judged that is one of ``num_shares`` of its metric."""
    is_either = share.direction is Direction.EITHER
    has_rare = policy.cap is not None or num_shares > 1
    not_more = [Claim.NOT_MORE]
    not_fewer = [Claim.NOT_FEWER]
    if has_rare:
        not_more.append(Claim.CANARY_RARE)
        not_fewer.append(Claim.STABLE_RARE)
    if num_shares > 1:
        not_more.append(Claim.STABLE_COMMON)
        not_fewer.append(Claim.CANARY_COMMON)
    worse = [Claim.MORE]
    if is_either:
        worse.append(Claim.FEWER)
    if policy.cap is not None:
        worse.append(Claim.ABOVE_CAP)
    return Criteria(
        tolerance=policy.tolerance,
        margin=policy.margin,
        rare=RARE if policy.cap is None else policy.cap,
        worse=tuple(worse),
        proofs=(tuple(not_more), tuple(not_fewer)) if is_either else (tuple(not_more),),
    )


Wealth = Mapping[Claim, Array]
_WHOLE: Final[Array] = np.ones(())


def gather(
    wealth: Wealth,
    num_before: Ints,
    tables: Tables,
    criteria: Criteria,
    *,
    load: Load | None = None,
    proves: bool = True,
    power: Array = _WHOLE,
    false_promotion: float,
) -> dict[Claim, Array]:
    """Return the log wealth of every claim, [..., len(GRID)], after one interval more.

    ``wealth`` is empty at the beginning; ``num_before`` intervals have gone into it. ``load`` is
    None where it does not matter. An interval that proves nothing speaks against the canary alone.
    Each likelihood ratio is raised to ``power``, at most 1, which leaves its mean at most 1
    (Jensen): events that are alike in groups count as one a group.
    """
    after = {}
    for claim in sorted(criteria.claims):
        ratios = power[..., None] * log_ratios(claim, tables, criteria)
        factors = np.minimum(ratios, eprocess.MAX_LOG_FACTOR)
        if load is not None:
            factors = np.where(load.explains(claim)[..., None], np.minimum(factors, 0.0), factors)
        if not proves and claim not in criteria.worse:
            factors = np.minimum(factors, 0.0)
        kept = KEPT if claim in criteria.worse else 1.0
        after[claim] = eprocess.accumulate(wealth.get(claim), factors, num_before, kept=kept)
    for claim in criteria.worse:
        after[claim] = np.minimum(after[claim], _MOST)
    for group in criteria.proofs:
        # One alternative of one claim at the ceiling is enough to reach the threshold.
        alone = len(group) * eprocess.GRID.size / false_promotion
        for claim in group:
            after[claim] = np.minimum(after[claim], math.log(alone) + _SPARE)
    return after


def log_worse(wealth: Wealth, num_intervals: Ints, criteria: Criteria) -> Array:
    """Return the log e-value against "no worse than the tolerance, and within the cap"."""
    return _log_mean_of(criteria.worse, wealth, num_intervals)


def log_proof(wealth: Wealth, num_intervals: Ints, criteria: Criteria) -> Array:
    """Return the log e-value against "at or beyond a margin, and neither rare nor common"."""
    groups = [_log_mean_of(group, wealth, num_intervals) for group in criteria.proofs]
    return np.asarray(np.min(groups, axis=0))


def is_proven(
    before: NDArray[np.bool_],
    wealth: Wealth,
    num_intervals: Ints,
    criteria: Criteria,
    false_promotion: float,
) -> NDArray[np.bool_]:
    """Return whether a share counts as proven good, having been so ``before`` or not.

    Once reached a proof stands: that a canary at the margin throughout ever reaches it has
    probability ``false_promotion`` at most (Ville). It falls where the share speaks against the
    canary as strongly, so that one that turns bad later is not promoted while it is found out.
    """
    needed = -math.log(false_promotion)
    is_good = before | (log_proof(wealth, num_intervals, criteria) >= needed)
    return np.asarray(is_good & (log_worse(wealth, num_intervals, criteria) < needed))


def _log_mean_of(claims: tuple[Claim, ...], wealth: Wealth, num_intervals: Ints) -> Array:
    logs = [eprocess.log_mean(wealth[claim], num_intervals) for claim in claims]
    return np.asarray(np.logaddexp.reduce(logs, axis=0) - math.log(len(logs)))


def log_ratios(claim: Claim, tables: Tables, criteria: Criteria) -> Array:
    """Return a claim's log likelihood ratios, one for each alternative: [..., len(GRID)]."""
    canary = tables.canary_bad, tables.canary_total
    stable = tables.stable_bad, tables.stable_total
    grid = eprocess.GRID
    match claim:
        case Claim.MORE | Claim.FEWER:
            arms = tables if claim is Claim.MORE else tables.swapped
            bound = criteria.tolerance
            return eprocess.log_likelihood_ratios(arms, bound, bound * grid)
        case Claim.NOT_MORE | Claim.NOT_FEWER:
            arms = tables if claim is Claim.NOT_MORE else tables.swapped
            bound = criteria.margin
            return eprocess.log_likelihood_ratios(arms, bound, bound / grid)
        case Claim.ABOVE_CAP:
            above = eprocess.log_binomial_ratios(*canary, criteria.rare, grid)
            # What all users meet is no fault of the canary's; one event may be chance.
            twice = 2 * tables.stable_bad * tables.canary_total
            beyond_one = (tables.canary_bad - 1) * tables.stable_total
            is_shared = (twice >= beyond_one) & (tables.stable_bad > 0)
            return np.where(is_shared[..., None], np.minimum(above, 0.0), above)
        case Claim.CANARY_RARE | Claim.STABLE_RARE:
            arm = canary if claim is Claim.CANARY_RARE else stable
            return eprocess.log_binomial_ratios(*arm, criteria.rare, 1 / grid)
        case Claim.CANARY_COMMON | Claim.STABLE_COMMON:
            arm = canary if claim is Claim.CANARY_COMMON else stable
            return eprocess.log_binomial_ratios(*arm, 1 - RARE, grid)
