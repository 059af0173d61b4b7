"""Whether run B is better or worse than run A, by more than a margin that matters.

Runs of the same requests are compared pair by pair: whole blocks of consecutive pairs are drawn
again, so that what moves both runs alike cancels, and neighbours may depend on each other. Other
runs are drawn apart. A change is better or worse where its whole interval lies beyond the margin,
same where it lies within, else undecided. The whole verdict allows for the number of changes by
Bonferroni: each is judged again at ``1 - (1 - confidence) / num_changes``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from loadtest.analysis.pairing import (
    Side,
    columns,
    paired_columns,
    rate_columns,
    why_not_paired,
    window_of,
)
from loadtest.analysis.resample import (
    Column,
    Floats,
    block_length,
    bounds,
    resample,
    statistics,
)
from loadtest.analysis.share_difference import difference_of_shares
from loadtest.errors import ExitCode, UsageError
from loadtest.report.schema import Change, Comparison, Interval

Decision = Literal["better", "worse", "same", "undecided"]
Columns = Mapping[str, Column]

_PERCENTS: Final = (50.0, 90.0, 99.0)
_STATISTICS: Final = ("mean", "p50", "p90", "p99")
_SHARES: Final = ("error_rate", "accuracy")
_RATES: Final = ("throughput", "output_tokens")
_HIGHER_IS_BETTER: Final = ("accuracy", *_RATES)
# Of hits or of misses in both runs: with fewer a bootstrap of a share is too narrow.
_NUM_EVENTS: Final = 20
_EXIT_CODES: Final[Mapping[Decision, ExitCode]] = {
    "better": ExitCode.PASS,
    "same": ExitCode.PASS,
    "worse": ExitCode.FAIL,
    "undecided": ExitCode.INSUFFICIENT,
}


def compare(
    a: Side,
    b: Side,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    margin: float = 0.05,
    share_margin: float = 0.01,
    num_resamples: int = 2000,
) -> Comparison:
    """Return the changes from A to B; raises UsageError for a margin or confidence out of range.

    ``margin`` is of ratios, from ``1 / (1 + margin)`` to ``1 + margin``; ``share_margin`` of the
    differences of error_rate and accuracy, whose ratios mean little near 0. A latency that is
    known from below counts with that in the mean, and as longest in percentiles.
    """
    _check(confidence, margin, share_margin)
    why_not = why_not_paired(a, b)
    drawn = _Draw(rng, num_resamples)
    if why_not:
        of_requests = drawn.apart(columns(a), columns(b))
        of_rates = drawn.apart(rate_columns(a, window_of(a)), rate_columns(b, window_of(b)))
        num_pairs = 0
    else:
        paired_a, paired_b, num_pairs = paired_columns(a, b)
        of_requests = drawn.together(paired_a, paired_b)
        window = _common(window_of(a), window_of(b))
        of_rates = drawn.together(rate_columns(a, window), rate_columns(b, window))
    limits = _Limits(confidence, margin, share_margin)
    found = [*of_requests, *of_rates]
    changes = [_change(numbers, limits) for numbers in found]
    strict = _Limits(1 - (1 - confidence) / max(len(found), 1), margin, share_margin)
    verdict = _overall([c.verdict for c in changes], [_judge(n, strict) for n in found])
    return Comparison(
        a=a.name,
        b=b.name,
        is_paired=not why_not,
        why_not_paired=why_not,
        num_pairs=num_pairs,
        confidence=confidence,
        margin=margin,
        share_margin=share_margin,
        changes=changes,
        verdict=verdict,
        exit_code=_EXIT_CODES[verdict],
    )


@dataclass(frozen=True, slots=True)
class _Limits:
    confidence: float
    margin: float
    share_margin: float


@dataclass(frozen=True, slots=True)
class _Numbers:
    """One statistic of one metric: of both runs, and of their resamples [num_resamples]."""

    metric: str
    statistic: str
    a: float
    b: float
    samples_a: Floats
    samples_b: Floats
    num_a: int
    num_b: int

    @property
    def unit(self) -> str:
        if self.metric in _SHARES:
            return "1"
        return "1/s" if self.metric in _RATES else "s"


class _Draw:
    """Resamples of two runs, with the same blocks for both or with their own."""

    def __init__(self, rng: np.random.Generator, num_resamples: int) -> None:
        self._rng = rng
        self._num_resamples = num_resamples

    def together(self, a: Columns, b: Columns) -> list[_Numbers]:
        names = _names(a, b)
        if not names:
            return []
        both = [*(a[name] for name in names), *(b[name] for name in names)]
        samples = self._resample(both)
        return _numbers(a, b, names, samples[:, : len(names)], samples[:, len(names) :])

    def apart(self, a: Columns, b: Columns) -> list[_Numbers]:
        names = _names(a, b)
        if not names:
            return []
        samples_a, samples_b = (self._resample([side[name] for name in names]) for side in (a, b))
        return _numbers(a, b, names, samples_a, samples_b)

    def _resample(self, chosen: list[Column]) -> Floats:
        return resample(
            chosen,
            _PERCENTS,
            # At least the order that Künsch gives; it also keeps the number of blocks low.
            length=max(round(len(chosen[0].values) ** (1 / 3)), *map(_length, chosen)),
            rng=self._rng,
            num_resamples=self._num_resamples,
        )


def _check(confidence: float, margin: float, share_margin: float) -> None:
    if not 0.5 < confidence < 1:
        raise UsageError(f"confidence is {confidence:g}, must be over 0.5 and below 1")
    for name, value in (("margin", margin), ("share_margin", share_margin)):
        if not 0 < value < 1:
            raise UsageError(f"{name} is {value:g}, must be over 0 and below 1")


def _common(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return max(a[0], b[0]), min(a[1], b[1])


def _names(a: Columns, b: Columns) -> list[str]:
    """Return the metrics that both runs have."""
    return [name for name in a if name in b and _count(a[name]) and _count(b[name])]


def _count(column: Column) -> int:
    return int(np.count_nonzero(~np.isnan(column.values)))


def _length(column: Column) -> int:
    """Return the length of blocks that suits the slowest change in the column.

    Taken of the indicators that a value is above the median and the 90th percentile, which are
    bounded and known for a censored value too.
    """
    values = column.values[~np.isnan(column.values)]
    levels = np.quantile(values, (0, 0.5, 0.9), method="inverted_cdf")
    return max(block_length((values > level).astype(np.float64)) for level in levels)


def _numbers(
    a: Columns, b: Columns, names: list[str], samples_a: Floats, samples_b: Floats
) -> list[_Numbers]:
    numbers = []
    for row, name in enumerate(names):
        at_a, at_b = statistics(a[name], _PERCENTS), statistics(b[name], _PERCENTS)
        is_mean_only = name in _SHARES or name in _RATES
        for column, statistic in enumerate(_STATISTICS[:1] if is_mean_only else _STATISTICS):
            numbers.append(
                _Numbers(
                    name,
                    "share" if name in _SHARES else statistic,
                    float(at_a[column]),
                    float(at_b[column]),
                    samples_a[:, row, column],
                    samples_b[:, row, column],
                    _count(a[name]),
                    _count(b[name]),
                )
            )
    return numbers


def _change(numbers: _Numbers, limits: _Limits) -> Change:
    difference, ratio = _difference(numbers, limits), _ratio(numbers, limits)
    return Change(
        metric=numbers.metric,
        statistic=numbers.statistic,
        unit=numbers.unit,
        a=_finite(numbers.a),
        b=_finite(numbers.b),
        difference=_interval(numbers.b - numbers.a, difference),
        ratio=_interval(numbers.b / numbers.a if numbers.a else math.nan, ratio),
        verdict=_judge(numbers, limits),
    )


def _difference(numbers: _Numbers, limits: _Limits) -> tuple[float, float] | None:
    if numbers.metric in _SHARES and _num_events(numbers) < _NUM_EVENTS:
        return difference_of_shares(
            (numbers.a, numbers.num_a), (numbers.b, numbers.num_b), limits.confidence
        )
    if not _is_sufficient(numbers, limits.confidence):
        return None
    with np.errstate(invalid="ignore"):
        return bounds(numbers.samples_b - numbers.samples_a, limits.confidence)


def _ratio(numbers: _Numbers, limits: _Limits) -> tuple[float, float] | None:
    if not _is_sufficient(numbers, limits.confidence):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return bounds(numbers.samples_b / numbers.samples_a, limits.confidence)


def _is_sufficient(numbers: _Numbers, confidence: float) -> bool:
    """Return whether a percentile has a sample beyond it in each run, with that confidence."""
    if not numbers.statistic.startswith("p"):
        return min(numbers.num_a, numbers.num_b) >= 2
    share = float(numbers.statistic[1:]) / 100
    needed = math.log((1 - confidence) / 2) / math.log(share)
    return min(numbers.num_a, numbers.num_b) >= needed


def _num_events(numbers: _Numbers) -> float:
    hits = numbers.a * numbers.num_a + numbers.b * numbers.num_b
    return min(hits, numbers.num_a + numbers.num_b - hits)


def _interval(value: float, found: tuple[float, float] | None) -> Interval:
    low, high = found or (math.nan, math.nan)
    return Interval(value=_finite(value), low=_finite(low), high=_finite(high))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _judge(numbers: _Numbers, limits: _Limits) -> Decision:
    if numbers.metric in _SHARES:
        found = _difference(numbers, limits)
        lower, upper = -limits.share_margin, limits.share_margin
    else:
        found = _ratio(numbers, limits)
        lower, upper = 1 / (1 + limits.margin), 1 + limits.margin
    if found is None:
        return "undecided"
    low, high = found
    if low > upper:
        return "better" if numbers.metric in _HIGHER_IS_BETTER else "worse"
    if high < lower:
        return "worse" if numbers.metric in _HIGHER_IS_BETTER else "better"
    return "same" if lower <= low and high <= upper else "undecided"


def _overall(verdicts: list[Decision], strict: list[Decision]) -> Decision:
    """Return worse or better only where a strict verdict is; same where nothing is open."""
    if "worse" in strict:
        return "worse"
    if not verdicts or "undecided" in verdicts or "worse" in verdicts:
        return "undecided"
    return "better" if "better" in strict else "same"
