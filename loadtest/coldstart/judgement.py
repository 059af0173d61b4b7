"""Cold starts judged: few as they are, percentiles stand only where order statistics bound them."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Final

from loadtest.analysis.distributions import Tally
from loadtest.analysis.gates import MeanFound, judge_mean, judge_percentile, not_measured
from loadtest.analysis.intervals import percentile_ranks, two_sided
from loadtest.errors import UsageError
from loadtest.objectives import (
    GateSpec,
    Metric,
    ObjectiveSpec,
    Operator,
    parse_gate,
    parse_objective,
)
from loadtest.report.coldstart_schema import ColdStart, Statistic
from loadtest.report.schema import Gate, Percentile, Verdict

Spec = GateSpec | ObjectiveSpec
_METRICS: Final = (Metric.TTFT, Metric.E2E)
_PERCENTS: Final = (50.0, 90.0, 99.0)


def parse_slo(text: str) -> Spec:
    """Read 'p50_ttft<30s', 'mean_e2e<1s' or 'max_ttft<60s': the last is of each cold start.

    Raises UsageError.
    """
    spec: Spec = (
        parse_objective(text.strip().removeprefix("max_"))
        if text.strip().startswith("max_")
        else parse_gate(text)
    )
    if spec.metric not in _METRICS:
        raise UsageError(
            f"gate {text.strip()!r}: {spec.metric} is not of cold starts, must be one of "
            f"{', '.join(_METRICS)}"
        )
    return spec


def summarize(starts: Iterable[ColdStart], confidence: float) -> dict[str, Statistic]:
    """Return what the cold ones have in common, by metric and by phase."""
    values: dict[str, list[float]] = {}
    for start in starts:
        if not start.is_cold:
            continue
        named = [("ttft", start.ttft_s), ("e2e", start.e2e_s)]
        named += [(phase.name, phase.value) for phase in start.phases if phase.is_finished]
        for name, value in named:
            if value is not None:
                values.setdefault(name, []).append(value)
    return {name: _statistic(sorted(found), confidence) for name, found in values.items()}


def _statistic(values: Sequence[float], confidence: float) -> Statistic:
    found = [_percentile(values, percent, confidence) for percent in _PERCENTS]
    return Statistic(
        count=len(values),
        least=values[0],
        most=values[-1],
        mean=statistics.fmean(values),
        percentiles=[one for one in found if one.is_sufficient and one.low is not None],
    )


def _percentile(
    values: Sequence[float], percent: float, confidence: float, count: int | None = None
) -> Percentile:
    """Return the percentile of ``count`` cold starts, of which those without a value are longer."""
    ranks = percentile_ranks(percent, count or len(values), each=two_sided(confidence))
    value, low, high = (
        values[rank - 1] if rank is not None and rank <= len(values) else None
        for rank in (ranks.value, ranks.low, ranks.high)
    )
    is_sufficient = ranks.high is not None
    return Percentile(value=value, low=low, high=high, percent=percent, is_sufficient=is_sufficient)


def judge(spec: Spec, starts: Iterable[ColdStart], confidence: float) -> Gate:
    """Judge a gate by the cold starts; one without the value counts as longer than any."""
    cold = [start for start in starts if start.is_cold]
    found = [start.ttft_s if spec.metric is Metric.TTFT else start.e2e_s for start in cold]
    values = sorted(value for value in found if value is not None)
    if not cold:
        return not_measured(_as_gate(spec), "no cold start was measured")
    if isinstance(spec, ObjectiveSpec):
        return _judge_most(spec, values, len(cold))
    if spec.percent is not None:
        percentile = _percentile(values, spec.percent, confidence, len(cold))
        num_over = len(cold) - sum(_is_met(spec, value) for value in values)
        return judge_percentile(spec, percentile, Tally(num_over, len(cold), len(cold)), confidence)
    if len(values) < len(cold):
        missing = len(cold) - len(values)
        return not_measured(spec, f"{missing} of {len(cold)} cold starts have no {spec.metric}")
    return judge_mean(spec, _mean(values), confidence)


def _judge_most(spec: ObjectiveSpec, values: Sequence[float], count: int) -> Gate:
    """Judge what was measured and nothing beyond: no interval is claimed."""
    num_met = sum(_is_met(spec, value) for value in values)
    return Gate(
        text=f"max_{spec.text}",
        value=values[-1] if len(values) == count else None,
        low=None,
        high=None,
        threshold=spec.threshold,
        verdict=Verdict.PASS if num_met == count else Verdict.FAIL,
        reason=f"{num_met} of {count} cold starts met it",
        num_samples=count,
        num_needed=None,
    )


def _as_gate(spec: Spec) -> GateSpec:
    if isinstance(spec, GateSpec):
        return spec
    return GateSpec(f"max_{spec.text}", spec.metric, None, spec.operator, spec.threshold)


def _is_met(spec: Spec, value: float) -> bool:
    if spec.operator is Operator.LESS:
        return value < spec.threshold
    return value <= spec.threshold


def _mean(values: Sequence[float]) -> MeanFound:
    return MeanFound(
        value=statistics.fmean(values),
        std=statistics.stdev(values) if len(values) > 1 else 0.0,
        effective_count=len(values),
        num_batches=len(values),
        num_samples=len(values),
    )
