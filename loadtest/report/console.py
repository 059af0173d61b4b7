"""A report as a terminal shows it: the numbers first, the verdict last."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.report import remarks
from loadtest.report.quantity import UNKNOWN, duration, number, share
from loadtest.report.schema import (
    Comparison,
    Distribution,
    Gate,
    Interval,
    KneeReport,
    Report,
    Stage,
    Verdict,
)

_STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INSUFFICIENT: "bold yellow",
    Verdict.SATURATED: "bold magenta",
    Verdict.NONE: "bold",
}


def print_report(console: Console, report: Report) -> None:
    console.print(_summary(report))
    console.print(_latencies(report))
    if report.errors:
        console.print(_errors(report))
    for warning in remarks.run_warnings(report):
        console.print(Text(f"! {warning}", style="yellow"))
    _print_verdict(console, report.gates, report.verdict, remarks.run_headline(report))


def print_stage(console: Console, stage: Stage) -> None:
    met = "saturated" if stage.is_saturated else "met" if stage.is_met else "not met"
    if stage.num_requests == 0:
        console.print(f"{number(stage.rate)} rps: no request was due")
        return
    console.print(
        f"{number(stage.rate)} rps: {stage.num_requests} requests, "
        f"{share(stage.miss_ratio.value)} miss, p99 {duration(stage.e2e_p99_s)}: {met}"
    )


def print_knee(console: Console, report: KneeReport) -> None:
    headline = remarks.knee_headline(report)
    for warning in remarks.knee_warnings(report):
        console.print(Text(f"! {warning}", style="yellow"))
    console.print(Text(f"{headline.word}: {headline.sentence}", style=_STYLES[report.verdict]))
    console.print(Text(report.reason))


def print_comparison(console: Console, report: Comparison) -> None:
    table = Table(title=f"B {report.b} against A {report.a}", title_justify="left")
    for name in ("", "A", "B", "B / A", "interval", "verdict"):
        table.add_column(name, justify="left" if name in ("", "verdict") else "right")
    for change in report.changes:
        table.add_row(
            f"{change.statistic} {change.metric}",
            _of(change.unit, change.a),
            _of(change.unit, change.b),
            number(change.ratio.value),
            f"{number(change.ratio.low)} to {number(change.ratio.high)}",
            change.verdict,
        )
    console.print(table)
    paired = "paired by request" if report.is_paired else f"not paired: {report.why_not_paired}"
    console.print(f"{report.num_pairs} requests, {paired}")
    console.print(Text(report.verdict.upper(), style="bold"))


def _summary(report: Report) -> Table:
    rates = report.rates
    table = Table.grid(padding=(0, 2))
    table.add_row(
        "Requests",
        f"{report.counts.sent} sent of {report.counts.scheduled} scheduled in "
        f"{duration(report.run.duration_s)}; measured: {duration(rates.window_s)}",
    )
    table.add_row(
        "Rate",
        f"{number(rates.offered_rps)} offered, {number(rates.sent_rps)} sent, "
        f"{number(rates.completed_rps)} completed a second",
    )
    if rates.output_tokens_per_s is not None:
        table.add_row("Tokens", f"{number(rates.output_tokens_per_s)} output tokens a second")
    table.add_row("Errors", _share(rates.error_rate))
    if rates.goodput_ratio is not None:
        met = ", ".join(report.objectives) or "answered"
        table.add_row("Goodput", f"{_share(rates.goodput_ratio)} ({met})")
    if report.answers is not None:
        table.add_row("Right answers", _share(report.answers.accuracy))
    return table


def _latencies(report: Report) -> Table:
    table = Table(box=None, padding=(0, 2))
    table.add_column("", no_wrap=True)
    percents = (50.0, 90.0, 99.0, 99.9)
    for name in ("mean", *(f"p{percent:g}" for percent in percents), "most"):
        table.add_column(name, justify="right")
    for name, distribution in report.distributions.items():
        by_percent = {one.percent: one for one in distribution.percentiles}
        table.add_row(
            remarks.label_of(name),
            _of(distribution.unit, distribution.mean.value),
            *(
                _percentile(distribution, by_percent[percent].value)
                if percent in by_percent
                else UNKNOWN
                for percent in percents
            ),
            _of(distribution.unit, distribution.most),
        )
    return table


def _errors(report: Report) -> Table:
    table = Table(title="Errors", title_justify="left", box=None, padding=(0, 2))
    for name in ("number", "outcome", "what was said"):
        table.add_column(name)
    for error in report.errors[:10]:
        table.add_row(str(error.count), remarks.words(error.outcome), Text(error.detail))
    return table


def _print_verdict(
    console: Console, gates: list[Gate], verdict: Verdict, headline: remarks.Headline
) -> None:
    for gate in gates:
        line = Text(f"{gate.verdict.upper():12}", style=_STYLES[gate.verdict])
        console.print(line + Text(f" {gate.text}: {gate.reason}"))
    console.print(Text(f"{headline.word}: {headline.sentence}", style=_STYLES[verdict]))


def _percentile(distribution: Distribution, value: float | None) -> str:
    if value is None:
        return f"> {_of(distribution.unit, distribution.most)}"
    return _of(distribution.unit, value)


def _of(unit: str, value: float | None) -> str:
    return duration(value) if unit == "s" else number(value)


def _share(interval: Interval) -> str:
    return f"{share(interval.value)} ({share(interval.low)} to {share(interval.high)})"
