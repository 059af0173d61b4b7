"""A cold-start report as a terminal shows it: each start, what is common, the verdict last."""

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.report.coldstart_schema import ColdStart, ColdStartReport, Phase, Statistic
from loadtest.report.quantity import UNKNOWN, duration
from loadtest.report.schema import Verdict

_STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INSUFFICIENT: "bold yellow",
    Verdict.NONE: "bold",
}

# More cold starts than this do not fit beside each other; each has had its line.
_MAX_COLUMNS: Final = 4


def print_start(console: Console, start: ColdStart) -> None:
    """Print one line as soon as it is known."""
    ended = "" if start.outcome == "ok" else f" ({start.outcome}: {start.detail})"
    console.print(
        Text(f"{start.number}: first token after {duration(start.ttft_s)}{ended}"), highlight=False
    )
    for remark in start.remarks:
        console.print(Text(f"! {remark}", style="yellow"))


def print_cold_starts(console: Console, report: ColdStartReport) -> None:
    if report.starts:
        console.print(_table(report))
        note = "in brackets: what Kubernetes' whole seconds and the clocks leave open"
        console.print(Text(note, style="dim"))
    for start in report.starts:
        for remark in start.remarks:
            console.print(Text(f"! {start.number}: {remark}", style="yellow"))
    for gate in report.gates:
        line = Text(f"{gate.verdict.upper():12}", style=_STYLES[gate.verdict])
        console.print(line + Text(f" {gate.text}: {gate.reason}"))
    if report.reason:
        console.print(Text(f"! ended early: {report.reason}", style="yellow"))
    done = f"{len(report.starts)} of {report.num_asked} cold starts"
    word = "measured" if report.verdict is Verdict.NONE else report.verdict
    console.print(Text(f"{word.upper()}: {done}", style=_STYLES[report.verdict]))


def _table(report: ColdStartReport) -> Table:
    shown = report.starts if len(report.starts) <= _MAX_COLUMNS else []
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    for start in shown:
        table.add_column(str(start.number), justify="right")
    table.add_column("least to most", justify="right")
    table.add_column("p50", justify="right")
    for name in _phase_names(report.starts):
        cells = [_phase(start, name) for start in shown]
        table.add_row(name.replace("_", " "), *cells, *_common(report.statistics.get(name)))
    firsts = [duration(start.ttft_s) for start in shown]
    table.add_row("first token in all", *firsts, *_common(report.statistics.get("ttft")))
    ends = [duration(start.e2e_s) for start in shown]
    table.add_row("whole answer", *ends, *_common(report.statistics.get("e2e")))
    return table


def _phase_names(starts: list[ColdStart]) -> list[str]:
    """Return the names in the order in which they come, each once."""
    return list(dict.fromkeys(phase.name for start in starts for phase in start.phases))


def _phase(start: ColdStart, name: str) -> str:
    found: list[Phase] = [phase for phase in start.phases if phase.name == name]
    if not found:
        return UNKNOWN
    (phase,) = found
    assert phase.low is not None
    assert phase.high is not None
    shown = duration(phase.value)
    if phase.low != phase.high:
        shown = f"{phase.value:.1f} s ({phase.low:.1f} to {phase.high:.1f})"
    return shown if phase.is_finished else f"> {shown}"


def _common(statistic: Statistic | None) -> tuple[str, str]:
    if statistic is None:
        return UNKNOWN, UNKNOWN
    reach = f"{duration(statistic.least)} to {duration(statistic.most)}"
    median = [one for one in statistic.percentiles if one.percent == 50]
    return reach, duration(median[0].value) if median else UNKNOWN
