"""The measured window's distributions and gates: three passes over the records in flat memory."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from loadtest.analysis.distributions import (
    PERCENTS,
    Asked,
    Exact,
    Exceedance,
    Spread,
    Window,
    distribution_of,
    levels_below,
    limit_of,
)
from loadtest.analysis.gates import (
    MeanFound,
    judge_mean,
    judge_percentile,
    judge_share_gate,
    not_measured,
)
from loadtest.analysis.intervals import two_sided
from loadtest.analysis.metrics import Samples, Stored, measured, metric_names, samples_of
from loadtest.analysis.tallies import Tallies
from loadtest.objectives import GateSpec, ObjectiveSpec, Scalar
from loadtest.report.schema import Distribution, Gate

# Enough samples lie beyond these to see by how they depend on each other.
_BODY: Final = (50.0, 90.0)


class Sink(Protocol):
    """Takes the samples of one metric, chunk by chunk."""

    def add(self, samples: Samples) -> None: ...


class Measurement:
    """Everything of the measured window, read when built."""

    def __init__(
        self,
        stored: Stored,
        window: Window,
        gates: Sequence[GateSpec],
        objectives: Sequence[ObjectiveSpec],
        *,
        is_stream: bool,
        confidence: float,
    ) -> None:
        self._stored = stored
        self._window = window
        self._gates = gates
        self._objectives = objectives
        self._confidence = confidence
        self._spreads = {name: Spread(name, window) for name in metric_names(is_stream=is_stream)}
        self._feed((name, spread) for name, spread in self._spreads.items())
        self._exceedances = self._count_exceedances()
        self._exact = self._find_exact()

    def distributions(self) -> dict[str, Distribution]:
        return {
            name: distribution_of(
                spread, self._exact.get(name), self._percents(name), self._confidence
            )
            for name, spread in self._spreads.items()
        }

    def judge(self, tallies: Tallies) -> list[Gate]:
        """Return each gate judged, in the order they were asked for."""
        return [self._judge(spec, tallies) for spec in self._gates]

    @property
    def effective_of_objectives(self) -> float:
        """How many independent requests the share that meets all objectives is known by, at most.

        Infinite where no objective was given or measured.
        """
        found = (
            self._effective_at(objective.metric, objective.limit_ns)
            for objective in self._objectives
            if self._is_measured(objective.metric)
        )
        return min(found, default=math.inf)

    def _judge(self, spec: GateSpec, tallies: Tallies) -> Gate:
        if isinstance(spec.metric, Scalar):
            return _judge_scalar(spec, spec.metric, tallies, self._confidence)
        spread = self._spreads.get(spec.metric)
        if spread is None or spread.count == 0:
            return not_measured(spec, f"no request of the measured window has {spec.metric}")
        if spec.percent is None:
            return judge_mean(spec, _mean_found(spread), self._confidence)
        over = self._exceedances[spec.metric, spec.limit_ns].tally
        over = replace(over, effective=self._effective_at(spec.metric, spec.limit_ns))
        found = self._exact[spec.metric].percentile(Asked(spec.percent, self._confidence))
        return judge_percentile(spec, found, over, self._confidence)

    def _effective_at(self, metric: str, limit: int) -> float:
        """Return the effective count of reaching a limit, which none may have reached."""
        levels = (limit, *self._levels(metric, limit))
        return min(self._exceedances[metric, level].tally.effective for level in levels)

    def _levels(self, metric: str, limit: int) -> list[int]:
        return levels_below(limit, limit_of(self._spreads[metric], 50))

    def _is_measured(self, metric: str) -> bool:
        return metric in self._spreads and self._spreads[metric].count > 0

    def _count_exceedances(self) -> dict[tuple[str, int], Exceedance]:
        limits = {
            (name, limit_of(spread, percent))
            for name, spread in self._measured_spreads()
            for percent in self._percents(name)
        }
        for metric, limit in self._judged_limits():
            if self._is_measured(metric):
                limits |= {(metric, level) for level in (limit, *self._levels(metric, limit))}
        found = {key: Exceedance(key[1], self._window) for key in sorted(limits)}
        self._feed((name, exceedance) for (name, _), exceedance in found.items())
        return found

    def _find_exact(self) -> dict[str, Exact]:
        found = {}
        for name, spread in self._measured_spreads():
            effective = {}
            for percent in self._percents(name):
                count = self._effective_of(spread, name, percent)
                for each in (two_sided(self._confidence), self._confidence):
                    effective[Asked(percent, each)] = count
            found[name] = Exact(spread, effective)
        self._feed(found.items())
        return found

    def _effective_of(self, spread: Spread, name: str, percent: float) -> float:
        """Return the effective count of exceeding a percentile, as few as of those further in."""
        counts = (
            self._exceedances[name, limit_of(spread, inner)].tally.effective
            for inner in (percent, *_BODY)
            if inner <= percent
        )
        return min(counts)

    def _feed(self, sinks: Iterable[tuple[str, Sink]]) -> None:
        """Read the records once, and give each sink its metric's samples."""
        by_metric: dict[str, list[Sink]] = {}
        for name, sink in sinks:
            by_metric.setdefault(name, []).append(sink)
        for chunk in self._stored.chunks():
            rows, gaps = measured(*chunk, self._window.begin)
            for name, fed in by_metric.items():
                samples = samples_of(name, rows, gaps)
                for sink in fed:
                    sink.add(samples)

    def _measured_spreads(self) -> list[tuple[str, Spread]]:
        return [(name, spread) for name, spread in self._spreads.items() if spread.count]

    def _judged_limits(self) -> set[tuple[str, int]]:
        """Return metric and limit of each percentile gate and objective."""
        gates = {(str(one.metric), one.limit_ns) for one in self._gates if one.percent is not None}
        return gates | {(str(one.metric), one.limit_ns) for one in self._objectives}

    def _percents(self, name: str) -> list[float]:
        asked = {gate.percent for gate in self._gates if gate.metric == name}
        return sorted({percent for percent in asked if percent is not None} | set(PERCENTS))


def _mean_found(spread: Spread) -> MeanFound:
    effective = spread.effective
    return MeanFound(
        value=spread.mean,
        std=math.sqrt(spread.variance),
        effective_count=effective.count,
        num_batches=effective.num_batches,
        num_samples=spread.count,
        num_censored=spread.histogram.num_censored,
    )


def _judge_scalar(spec: GateSpec, scalar: Scalar, tallies: Tallies, confidence: float) -> Gate:
    if not scalar.is_share:
        rate = tallies.rate(scalar)
        if rate is None:
            return not_measured(spec, "the measured window has no length")
        return judge_mean(spec, rate, confidence)
    tally = tallies.share(scalar)
    if tally.count == 0:
        return not_measured(spec, f"no request of the measured window counts for {scalar}")
    return judge_share_gate(spec, tally, confidence)
