"""The measured window's distributions and gates: three passes over the records in flat memory."""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

from loadtest.analysis.distributions import (
    PERCENTS,
    Asked,
    Exact,
    Exceedance,
    Spread,
    Window,
    distribution_of,
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
from loadtest.config import RunConfig
from loadtest.objectives import GateSpec, Scalar
from loadtest.report.schema import Distribution, Gate


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
        config: RunConfig,
    ) -> None:
        self._stored = stored
        self._window = window
        self._gates = gates
        self._confidence = config.confidence
        is_stream = config.protocol.is_stream
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

    def _judge(self, spec: GateSpec, tallies: Tallies) -> Gate:
        if isinstance(spec.metric, Scalar):
            return _judge_scalar(spec, spec.metric, tallies, self._confidence)
        spread = self._spreads.get(spec.metric)
        if spread is None or spread.count == 0:
            return not_measured(spec, f"no request of the measured window has {spec.metric}")
        if spec.percent is None:
            return judge_mean(spec, _mean_found(spread), self._confidence)
        over = self._exceedances[spec.metric, spec.limit_ns].tally
        found = self._exact[spec.metric].percentile(Asked(spec.percent, self._confidence))
        return judge_percentile(spec, found, over, self._confidence)

    def _count_exceedances(self) -> dict[tuple[str, int], Exceedance]:
        limits = {
            (name, limit_of(spread, percent))
            for name, spread in self._measured_spreads()
            for percent in self._percents(name)
        }
        limits |= {(str(gate.metric), gate.limit_ns) for gate in self._gates_on_percentiles()}
        found = {key: Exceedance(key[1], self._window) for key in sorted(limits)}
        self._feed((name, exceedance) for (name, _), exceedance in found.items())
        return found

    def _find_exact(self) -> dict[str, Exact]:
        found = {}
        for name, spread in self._measured_spreads():
            effective = {}
            for percent in self._percents(name):
                count = self._exceedances[name, limit_of(spread, percent)].tally.effective
                for each in (two_sided(self._confidence), self._confidence):
                    effective[Asked(percent, each)] = count
            found[name] = Exact(spread, effective)
        self._feed(found.items())
        return found

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

    def _gates_on_percentiles(self) -> list[GateSpec]:
        return [
            gate
            for gate in self._gates
            if gate.percent is not None and self._spreads.get(str(gate.metric)) is not None
        ]

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
