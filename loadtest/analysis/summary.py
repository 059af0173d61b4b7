"""A finished run's records and what went with them, made into its report."""

from collections.abc import Sequence
from typing import Any

from loadtest.analysis.cross_checks import cross_checks
from loadtest.analysis.distributions import Window
from loadtest.analysis.gates import EXIT_CODES, doubted, overall
from loadtest.analysis.measurement import Measurement
from loadtest.analysis.metrics import Stored
from loadtest.analysis.overview import Extent, Totals, extent_of
from loadtest.analysis.saturation import judge_saturation
from loadtest.analysis.series import ScatterBuilder, SeriesBuilder
from loadtest.analysis.steadiness import Timeline, steadiness_of, warmup_cut
from loadtest.analysis.tallies import Good, Tallies
from loadtest.config import RunConfig
from loadtest.definitions import DEFINITIONS
from loadtest.errors import ExitCode
from loadtest.net.shown import shown_url
from loadtest.objectives import (
    GateSpec,
    ObjectiveSpec,
    objectives_from,
    parse_gate,
    parse_objective,
    parse_warmup,
)
from loadtest.report.schema import (
    Capture,
    Counts,
    ErrorSample,
    File,
    Report,
    Run,
    Saturation,
    Scatter,
    Series,
    Steadiness,
    Target,
    Tokens,
    Verdict,
    Worker,
)


def summarize(
    stored: Stored,
    config: RunConfig,
    run: Run,
    target: Target,
    workers: Sequence[Worker],
    captures: Sequence[Capture],
    errors: Sequence[ErrorSample],
    files: Sequence[File],
    *,
    cpu_ratios: Sequence[float],
    busy_p99_s: float,
    busy_most_s: float,
) -> Report:
    """Return the whole report; reads the records ten times at most, in memory that is flat."""
    gates = [parse_gate(text) for text in config.slo]
    objectives = objectives_from(gates, [parse_objective(text) for text in config.objective])
    look = FirstLook(stored, parse_warmup(config.warmup), is_stream=config.protocol.is_stream)
    measurement, tallies = _measure(stored, config, look.window, gates, objectives)
    distributions = measurement.distributions()
    judged = measurement.judge(tallies)
    if look.is_cut_unasked and Verdict.PASS in {gate.verdict for gate in judged}:
        whole, of_whole = _measure(stored, config, look.whole, gates, objectives)
        warmup_s = look.steadiness.warmup_s
        uncut = whole.judge(of_whole)
        judged = [doubted(*both, warmup_s) for both in zip(judged, uncut, strict=True)]
    client = _saturation(tallies, config, run, cpu_ratios, busy_p99_s, busy_most_s)
    verdict = overall(
        judged,
        is_saturated=client.is_saturated,
        # All due at one time: an answer, but nothing measured over time.
        num_answered=tallies.num_answered if look.window.seconds > 0 else 0,
    )
    return Report(
        run=run,
        target=target,
        config=without_secrets(config),
        counts=look.counts,
        errors=list(errors),
        rates=tallies.rates(config.confidence),
        tokens=look.tokens,
        answers=tallies.answers(config.confidence),
        distributions=distributions,
        objectives=[objective.text for objective in objectives],
        steadiness=look.steadiness,
        saturation=client,
        gates=judged,
        verdict=verdict,
        exit_code=ExitCode.INTERRUPTED if run.end == "interrupted" else EXIT_CODES[verdict],
        series=look.series,
        scatter=look.scatter,
        captures=list(captures),
        cross_checks=cross_checks(
            captures, config.protocol, look.counts, look.tokens, distributions
        ),
        workers=list(workers),
        files=list(files),
        definitions=DEFINITIONS,
    )


class FirstLook:
    """What is known of the whole run, and the measured window, which follows from it."""

    def __init__(self, stored: Stored, warmup_s: float | None, *, is_stream: bool) -> None:
        extent = extent_of(stored)
        timeline = Timeline(extent.first_due, extent.last_due)
        totals = Totals()
        series = SeriesBuilder(extent.end, stored.num_records, is_stream=is_stream)
        scatter = ScatterBuilder(stored.num_records, is_stream=is_stream)
        for rows, gaps in stored.chunks():
            timeline.add(rows, gaps)
            totals.add(rows)
            series.add(rows, gaps)
            scatter.add(rows)
        self.whole = Window(extent.first_due, extent.last_due)
        self.window = _window(extent, timeline, warmup_s)
        self.is_cut_unasked = warmup_s is None and self.window != self.whole
        self.steadiness: Steadiness = steadiness_of(
            timeline, self.window, is_given=warmup_s is not None
        )
        self.counts: Counts = totals.counts()
        self.tokens: Tokens = totals.tokens()
        self.series: Series = series.build()
        self.scatter: Scatter = scatter.build()


def without_secrets(config: RunConfig) -> dict[str, Any]:
    """Return the settings as they may be shown: of headers their names, of URLs no query."""
    shown = config.model_dump(mode="json")
    shown["header"] = [header.partition(":")[0].strip() for header in config.header]
    shown["target"] = shown_url(config.target)
    shown["metrics_url"] = [shown_url(url) for url in config.metrics_url]
    shown["pushgateway"] = config.pushgateway and shown_url(config.pushgateway)
    return shown


def _window(extent: Extent, timeline: Timeline, warmup_s: float | None) -> Window:
    """Return the measured window; a warm-up that is all of the run leaves its last ns."""
    cut = warmup_cut(timeline) if warmup_s is None else round(warmup_s * 1e9)
    return Window(cut, max(cut, extent.last_due))


def _measure(
    stored: Stored,
    config: RunConfig,
    window: Window,
    gates: Sequence[GateSpec],
    objectives: Sequence[ObjectiveSpec],
) -> tuple[Measurement, Tallies]:
    measurement = Measurement(
        stored,
        window,
        gates,
        objectives,
        is_stream=config.protocol.is_stream,
        confidence=config.confidence,
    )
    tallies = Tallies(
        window,
        Good(objectives, config.check_answers),
        is_stream=config.protocol.is_stream,
        lateness_limit_s=config.lateness_limit_s,
        most_good_effective=measurement.effective_of_objectives,
    )
    for rows, gaps in stored.chunks():
        tallies.add(rows, gaps)
    return measurement, tallies


def _saturation(
    tallies: Tallies,
    config: RunConfig,
    run: Run,
    cpu_ratios: Sequence[float],
    busy_p99_s: float,
    busy_most_s: float,
) -> Saturation:
    return judge_saturation(
        num_late=tallies.num_late,
        num_taken_up=tallies.num_taken_up,
        num_not_sent=tallies.num_not_sent,
        is_interrupted=run.end == "interrupted",
        lateness_limit_s=config.lateness_limit_s,
        cpu_ratios=cpu_ratios,
        busy_p99_s=busy_p99_s,
        busy_most_s=busy_most_s,
    )
