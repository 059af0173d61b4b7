"""What the judge says, and why."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """No data, stale data and a Prometheus that is down are inconclusive, never a pass."""

    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric's state, with its numbers; ``text`` is one line that says it with them."""

    metric: str
    verdict: Verdict
    text: str
    # Of the share that says most; 0 to 1, None without events.
    canary_share: float | None
    stable_share: float | None
    num_canary: int
    num_stable: int
    # The metric's part of the weighted mean against "no worse than the tolerance, and within the
    # cap": the findings' parts add up to the e-value that reaches ``Judged.worse_threshold``.
    e_worse: float
    # Against "at the margin or beyond", of the share that is proven least.
    e_good: float


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict of everything seen so far, metrics in the plan's order."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    # One line: the finding that decided, or what is missing.
    reason: str
    worse_threshold: float
    good_threshold: float
