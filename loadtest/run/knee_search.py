"""The search for the knee: one open-loop run a rate, until the rates tell where it lies."""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from loadtest.analysis.intervals import share_interval
from loadtest.analysis.knee import (
    KneeFit,
    KneeGate,
    KneeSettings,
    StageCounts,
    allowed_share,
    fit_knee,
    next_rate,
    stage_requests,
    stage_seconds,
)
from loadtest.analysis.stages import count_stage
from loadtest.config import Arrivals, RunConfig
from loadtest.definitions import DEFINITIONS
from loadtest.errors import ExitCode, UsageError
from loadtest.objectives import Metric, parse_gate
from loadtest.records.stored import Stored
from loadtest.report.schema import Interval, KneeReport, Report, Stage, Verdict
from loadtest.run.execution import Plan, execute
from loadtest.run.interrupts import Interrupts
from loadtest.run.load import Watcher

# Of a stage's time, before what is counted.
_WARMUP_SHARE: Final = 0.2
# Of a stage, whatever the gates, and in multiples of the longest threshold of a latency.
_LEAST_STAGE_S: Final = 5.0
_NUM_THRESHOLDS: Final = 10
# Of resampling, apart from the arrivals' and the prompts'.
_STREAM: Final = 3


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked of a search, beyond its gates."""

    start: float
    least: float
    most: float
    tolerance: float
    max_stages: int
    most_stage_s: float

    def __post_init__(self) -> None:
        # KneeSettings checks the others.
        if not 0 < self.most_stage_s < math.inf:
            raise UsageError(f"--most-stage-s is {self.most_stage_s:g}, must be above 0 and finite")


def knee_settings(config: RunConfig, search: Search) -> KneeSettings:
    """Return the decider's settings; raises UsageError where gates or rates do not allow one."""
    gates = tuple(KneeGate(text, allowed_share(parse_gate(text))) for text in config.slo)
    return KneeSettings(
        gates=gates,
        start=search.start,
        least=search.least,
        most=search.most,
        tolerance=search.tolerance,
        max_stages=search.max_stages,
        confidence=config.confidence,
    )


def least_seconds(config: RunConfig) -> float:
    """Return how long a stage must last for a queue to show, however many requests are due in it.

    An overload is seen once the queue has grown beyond the gates' thresholds.
    """
    thresholds = [
        gate.threshold for gate in map(parse_gate, config.slo) if isinstance(gate.metric, Metric)
    ]
    return max([_LEAST_STAGE_S, *(_NUM_THRESHOLDS * threshold for threshold in thresholds)])


def stage_config(config: RunConfig, rate: float, measured_s: float, number: int) -> RunConfig:
    """Return the run of one stage: the same but for its rate, its length and its seed."""
    duration_s = measured_s / (1 - _WARMUP_SHARE)
    return config.model_copy(
        update={
            "arrivals": Arrivals.POISSON,
            "rate": rate,
            "duration_s": duration_s,
            # Poisson's count strays by its square root; eight of them are never reached.
            "max_requests": int(rate * duration_s + 8 * (rate * duration_s) ** 0.5 + 10),
            "warmup": f"{duration_s * _WARMUP_SHARE:g}s",
            "seed": config.seed + number,
        }
    )


def search_knee(
    plan: Plan,
    search: Search,
    directory: Path,
    interrupts: Interrupts,
    *,
    watch: Callable[[RunConfig], AbstractContextManager[Watcher]],
    on_stage: Callable[[Stage], None],
) -> KneeReport:
    """Run stages into directories of their own, and return what they tell; Ctrl-C ends it early."""
    settings = knee_settings(plan.config, search)
    counts: list[StageCounts] = []
    reports: list[Report] = []
    stages: list[Stage] = []
    while not interrupts.num and (rate := next_rate(counts, settings)) is not None:
        seconds = stage_seconds(rate, counts, settings, most_s=search.most_stage_s)
        seconds = min(max(seconds, least_seconds(plan.config)), search.most_stage_s)
        number = len(counts) + 1
        config = stage_config(plan.config, rate, seconds, number)
        place = directory / f"stage-{number:02d}"
        place.mkdir()
        with watch(config) as watcher:
            report = execute(replace(plan, config=config), place, interrupts, [watcher])
        reports.append(report)
        counts.append(count_stage(Stored(place), report, config, rate))
        stages.append(_stage(report, counts[-1], settings))
        on_stage(stages[-1])
    if not stages:
        raise UsageError("the search was interrupted before its first stage had ended")
    return _knee_report(plan, settings, counts, reports, stages, interrupts)


def announce(config: RunConfig, search: Search) -> str:
    """Return the bounds of the whole search, in one line."""
    settings = knee_settings(config, search)
    return (
        f"at most {search.max_stages} stages of at most {search.most_stage_s:g} s and a fifth for "
        f"warm-up, from {search.start:g} rps within {search.least:g} to {search.most:g} rps; "
        f"at least {stage_requests([], settings)} requests a stage where that time allows it"
    )


def _stage(report: Report, counts: StageCounts, settings: KneeSettings) -> Stage:
    requests = int(counts.requests.sum())
    # Of several gates, the one that is broken most.
    shares = counts.misses.sum(axis=1) / max(requests, 1)
    over = [share / gate.allowed for share, gate in zip(shares, settings.gates, strict=True)]
    worst = int(np.argmax(over))
    return Stage(
        rate=counts.rate,
        num_requests=requests,
        duration_s=report.rates.window_s,
        sent_rps=report.rates.sent_rps,
        completed_rps=report.rates.completed_rps,
        miss_ratio=share_interval(
            int(counts.misses[worst].sum()), requests, confidence=settings.confidence
        ),
        gates=report.gates,
        ttft_p99_s=_percentile(report, "ttft", 99),
        e2e_p50_s=_percentile(report, "e2e", 50),
        e2e_p99_s=_percentile(report, "e2e", 99),
        output_tokens_per_s=report.rates.output_tokens_per_s,
        is_saturated=counts.is_saturated,
        is_met=bool(requests) and over[worst] <= 1,
    )


def _percentile(report: Report, name: str, percent: float) -> float | None:
    distribution = report.distributions.get(name)
    if distribution is None:
        return None
    found = [one.value for one in distribution.percentiles if one.percent == percent]
    return found[0] if found else None


def _knee_report(
    plan: Plan,
    settings: KneeSettings,
    counts: list[StageCounts],
    reports: list[Report],
    stages: list[Stage],
    interrupts: Interrupts,
) -> KneeReport:
    last = reports[-1]
    rng = np.random.default_rng([plan.config.seed, _STREAM])
    fit = fit_knee(counts, settings, rng)
    verdict, exit_code = _verdict(stages, fit)
    ended = {"end": "interrupted"} if interrupts.num else {}
    return KneeReport(
        run=last.run.model_copy(
            update={
                "started_at": reports[0].run.started_at,
                "duration_s": sum(report.run.duration_s for report in reports),
                "drain_s": sum(report.run.drain_s for report in reports),
                **ended,
            }
        ),
        target=last.target,
        config=last.config,
        objectives=[gate.text for gate in settings.gates],
        stages=stages,
        knee_rps=Interval(value=fit.rate, low=fit.low, high=fit.high),
        fit=fit.curve,
        verdict=verdict,
        exit_code=ExitCode.INTERRUPTED if interrupts.num else exit_code,
        reason=fit.reason,
        definitions=DEFINITIONS,
    )


def _verdict(stages: Sequence[Stage], fit: KneeFit) -> tuple[Verdict, ExitCode]:
    """A knee within its tolerance passes; one that the client's own limit hides is saturated."""
    if fit.is_within_tolerance:
        return Verdict.PASS, ExitCode.PASS
    told = [stage for stage in stages if stage.num_requests and not stage.is_saturated]
    if fit.rate is None and told and not any(stage.is_met for stage in told):
        return Verdict.FAIL, ExitCode.FAIL
    if fit.rate is None and any(stage.is_saturated for stage in stages):
        return Verdict.SATURATED, ExitCode.SATURATED
    return Verdict.INSUFFICIENT, ExitCode.INSUFFICIENT
