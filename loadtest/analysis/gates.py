"""Each gate judged by how sure the measurement is, and the run's verdict from all of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from loadtest.analysis.distributions import Tally
from loadtest.analysis.intervals import mean_bounds, share_bounds
from loadtest.errors import ExitCode
from loadtest.objectives import GateSpec, Metric, Scalar
from loadtest.report.schema import Gate, Percentile, Verdict

# No run sends more; a share or mean that needs them is as good as on its threshold.
_MOST_NEEDED: Final = 10**12

EXIT_CODES: Final = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INSUFFICIENT: ExitCode.INSUFFICIENT,
    Verdict.SATURATED: ExitCode.SATURATED,
    Verdict.NONE: ExitCode.PASS,
}


@dataclass(frozen=True, slots=True)
class MeanFound:
    """A mean, or a rate a second as the mean over ``effective_count`` spans of time.

    ``num_censored`` of the samples are known only from below, and so is their mean.
    """

    value: float
    std: float
    effective_count: float
    num_batches: int
    num_samples: int
    num_censored: int = 0
    # The reach of the bounds is at least this: of a rate, one request over the window.
    least_reach: float = 0.0


def overall(gates: Sequence[Gate], *, is_saturated: bool, num_answered: int) -> Verdict:
    """Return the run's verdict: saturated over fail over insufficient over pass.

    A run without one answered request has measured nothing, so it cannot pass.
    """
    verdicts = {gate.verdict for gate in gates}
    if is_saturated:
        return Verdict.SATURATED
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    if Verdict.INSUFFICIENT in verdicts or num_answered == 0:
        return Verdict.INSUFFICIENT
    return Verdict.PASS if verdicts else Verdict.NONE


def judge_percentile(spec: GateSpec, found: Percentile, over: Tally, confidence: float) -> Gate:
    """Judge 'p99_x<T' by the share of samples that reach T, which must be surely under 1 %.

    The interval of a share is exact, and needs no value beyond T to have been measured; a sample
    that was censored below T may have reached it or not. The gate shows the percentile and its
    bounds.
    """
    assert spec.percent is not None
    allowed = float(1 - Fraction(str(spec.percent)) / 100)
    judged = judge_share(over, allowed, is_upper_limit=True, confidence=confidence)
    missed = spec.text[spec.text.index(spec.operator) :]
    return Gate(
        text=spec.text,
        value=found.value,
        low=found.low,
        high=found.high,
        threshold=spec.threshold,
        verdict=judged.verdict,
        reason=f"{over.num_hits} of {over.count} samples are not {missed}{_say_unknown(over)}: "
        f"{judged.reason}; {_percent(allowed)} is the limit",
        num_samples=over.count,
        num_needed=judged.num_needed,
    )


def judge_share_gate(spec: GateSpec, tally: Tally, confidence: float) -> Gate:
    """Judge 'error_rate<0.1%' and its like by the exact interval of a share."""
    judged = judge_share(
        tally, spec.threshold, is_upper_limit=spec.operator.is_upper_limit, confidence=confidence
    )
    return Gate(
        text=spec.text,
        value=tally.num_hits / tally.count,
        low=judged.low,
        high=judged.high,
        threshold=spec.threshold,
        verdict=judged.verdict,
        reason=f"{tally.num_hits} of {tally.count} requests: {judged.reason}",
        num_samples=tally.count,
        num_needed=judged.num_needed,
    )


def judge_mean(spec: GateSpec, found: MeanFound, confidence: float) -> Gate:
    """Judge a mean or a rate by Student's interval; a censored mean may fail but never pass."""
    low, high = _mean_bounds(found, confidence)
    verdict = _compare(low, high, spec)
    return Gate(
        text=spec.text,
        value=None if found.num_censored else found.value,
        low=low,
        high=high,
        threshold=spec.threshold,
        verdict=verdict,
        reason=_say_mean(found, low, high, confidence, _unit(spec)),
        num_samples=found.num_samples,
        num_needed=_mean_needed(spec, found, low, high)
        if verdict is Verdict.INSUFFICIENT
        else None,
    )


def doubted(cut: Gate, uncut: Gate, warmup_s: float) -> Gate:
    """Return the gate as it stands after a warm-up that nobody asked for was cut.

    What passes only by it is insufficient: whether it was the warm-up is for the user to say.
    """
    if cut.verdict is not Verdict.PASS or uncut.verdict is Verdict.PASS:
        return cut
    reason = (
        f"passes only without the first {warmup_s:.3g} s, which the automatic warm-up left out; "
        f"with them it is {uncut.verdict}: {uncut.reason}; a warm-up that is given decides"
    )
    return cut.model_copy(update={"verdict": Verdict.INSUFFICIENT, "reason": reason})


def not_measured(spec: GateSpec, reason: str) -> Gate:
    """Return the gate without a sample."""
    return Gate(
        text=spec.text,
        value=None,
        low=None,
        high=None,
        threshold=spec.threshold,
        verdict=Verdict.INSUFFICIENT,
        reason=reason,
        num_samples=0,
        num_needed=None,
    )


@dataclass(frozen=True, slots=True)
class JudgedShare:
    """Whether a share is surely on the right side of its limit, or surely on the wrong one."""

    verdict: Verdict
    low: float
    high: float
    reason: str
    num_needed: int | None


def judge_share(
    tally: Tally, limit: float, *, is_upper_limit: bool, confidence: float
) -> JudgedShare:
    """Judge by Clopper and Pearson's bounds, each of which holds with ``confidence`` alone.

    The low one takes what is unknown for no hits, the high one for hits.
    """
    low, high = _bounds(tally, tally.count, confidence)
    said = f"{_say_share(tally)}, with {_say(confidence)} confidence"
    if low <= limit <= high:
        needed = _needed(tally, limit, confidence)
        more = "" if needed is None else f"; {needed} instead of {tally.count} would decide"
        said += f" from {_percent(low)} to {_percent(high)}{more}"
        return JudgedShare(Verdict.INSUFFICIENT, low, high, said, needed)
    is_below = high < limit
    said += f" at most {_percent(high)}" if is_below else f" at least {_percent(low)}"
    verdict = Verdict.PASS if is_below is is_upper_limit else Verdict.FAIL
    return JudgedShare(verdict, low, high, said, None)


def _bounds(tally: Tally, count: int, confidence: float) -> tuple[float, float]:
    """Return the share's bounds as if it had been measured on ``count`` samples."""
    scale = count / tally.count
    low, high = (
        share_bounds(hits * scale, count, each=confidence, effective_count=tally.effective * scale)
        for hits in (tally.num_hits, tally.num_hits + tally.num_unknown)
    )
    return low[0], high[1]


def _needed(tally: Tally, limit: float, confidence: float) -> int | None:
    """Return how many samples in all would decide, were the share to stay as it is.

    None where no number would, or only one out of reach: the share is on its limit.
    """

    def is_enough(count: int) -> bool:
        low, high = _bounds(tally, count, confidence)
        return not low <= limit <= high

    return _least(is_enough, tally.count)


def _least(is_enough: Callable[[int], bool], too_few: int) -> int | None:
    """Return the least count above ``too_few`` that is enough, by doubling and halving."""
    enough = too_few * 2
    while not is_enough(enough):
        too_few, enough = enough, enough * 2
        if enough > _MOST_NEEDED:
            return None
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        too_few, enough = (too_few, middle) if is_enough(middle) else (middle, enough)
    return enough


def _mean_bounds(found: MeanFound, confidence: float) -> tuple[float | None, float | None]:
    low, high = mean_bounds(
        found.value,
        found.std,
        effective_count=found.effective_count,
        num_batches=found.num_batches,
        each=confidence,
    )
    if low is None or high is None:
        return None, None
    low, high = (
        min(low, found.value - found.least_reach),
        max(high, found.value + found.least_reach),
    )
    return low, None if found.num_censored else high


def _compare(low: float | None, high: float | None, spec: GateSpec) -> Verdict:
    is_upper = spec.operator.is_upper_limit
    if high is not None and high < spec.threshold:
        return Verdict.PASS if is_upper else Verdict.FAIL
    if low is not None and low > spec.threshold:
        return Verdict.FAIL if is_upper else Verdict.PASS
    return Verdict.INSUFFICIENT


def _mean_needed(
    spec: GateSpec, found: MeanFound, low: float | None, high: float | None
) -> int | None:
    """Return how many samples bring the bounds as near as the threshold is."""
    distance = abs(found.value - spec.threshold)
    if low is None or high is None or distance == 0:
        return None
    needed = math.ceil(found.num_samples * ((high - low) / 2 / distance) ** 2) + 1
    return needed if needed <= _MOST_NEEDED else None


def _say_mean(
    found: MeanFound, low: float | None, high: float | None, confidence: float, unit: str
) -> str:
    if low is None:
        return f"{found.num_samples} samples give no interval"
    if high is None:
        return (
            f"over {low:.4g} {unit} with {_say(confidence)} confidence, but {found.num_censored} "
            f"of {found.num_samples} samples are known only from below"
        )
    return (
        f"{found.value:.4g} {unit} over {found.num_samples} samples, from {low:.4g} to {high:.4g} "
        f"{unit}, each bound with {_say(confidence)} confidence"
    )


def _say_unknown(over: Tally) -> str:
    if not over.num_unknown:
        return ""
    return f" and {over.num_unknown}, timed out or cut off, are known only to exceed less than that"


def _say_share(tally: Tally) -> str:
    least = _percent(tally.num_hits / tally.count)
    if not tally.num_unknown:
        return least
    return f"{least} to {_percent((tally.num_hits + tally.num_unknown) / tally.count)}"


def _say(confidence: float) -> str:
    return f"{confidence * 100:g}%"


def _unit(spec: GateSpec) -> str:
    if isinstance(spec.metric, Metric):
        return "s"
    return "tok/s" if spec.metric is Scalar.OUTPUT_TOKENS else "rps"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
