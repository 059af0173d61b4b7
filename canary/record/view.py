"""A rollout as a terminal shows it; every text of it may come from another program."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from canary.judgement.verdict import Finding, Judged, Verdict
from canary.plan import Step
from canary.record.entry import ENDED, Told, canary_percent, e_worse_of_all
from canary.record.quantity import (
    UNKNOWN,
    clock,
    duration,
    e_value,
    moment,
    one_line,
    progress,
    share,
)
from canary.rollout.state import HoldKind, Phase, Rollout

_BAR: Final = 48
_GAUGE: Final = 10
# What the findings take beside the metric and the gauges.
_NUMBERS_WIDTH: Final = 62
_MAX_TOLD: Final = 6
_STYLES: Final = {
    Verdict.PROMOTE: "green",
    Verdict.ROLL_BACK: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
}
_BACK: Final = (Phase.ROLLING_BACK, Phase.CLEANING, Phase.ROLLED_BACK)
_PHASE_STYLES: Final = {
    Phase.PROMOTED: "bold green",
    **dict.fromkeys(_BACK, "bold red"),
}
_DOING: Final = {
    Phase.STARTING: "waiting for the canary to be Ready",
    Phase.GATING: "asking both revisions before any user",
    Phase.STEPPING: "",
    Phase.PROMOTING: "giving all users to the canary",
    Phase.PROMOTED: "all users are on the canary",
    Phase.ROLLING_BACK: "giving all users back to the stable revision",
    Phase.CLEANING: "putting the stable template back",
    Phase.ROLLED_BACK: "all users are on the stable revision",
}


def render(
    rollout: Rollout, judged: Judged | None, told: Sequence[Told], now: float
) -> RenderableType:
    """Return the whole picture; ``now`` is of the cluster's clock."""
    parts: list[RenderableType] = [_headline(rollout, now)]
    if rollout.hold is not None:
        since = duration(now - rollout.hold.since)
        is_passing = rollout.hold.kind is HoldKind.INCONCLUSIVE
        ends = "once there is evidence, or by" if is_passing else "by"
        why = one_line(rollout.hold.reason)
        text = f"{why}\nSince {since}; ends {ends} resume, promote or abort."
        parts.append(Panel(Text(text), title=f"held: {rollout.hold.kind}", style="yellow"))
    elif rollout.reason:
        parts.append(Text(f"! {one_line(rollout.reason)}", style="red"))
    parts += [_traffic(rollout), _stages(rollout)]
    if judged is not None:
        parts += [_Findings(judged), Text(one_line(judged.reason), style=_STYLES[judged.verdict])]
    if rollout.evidence.gap:
        parts.append(Text(f"! no data: {one_line(rollout.evidence.gap)}", style="yellow"))
    if told:
        parts.append(_last(told))
    return Group(*parts)


def told_line(told: Told) -> str:
    """Return a decision as one line."""
    sign = "! " if told.note.is_warning else ""
    return f"{moment(told.time)}  {sign}{told.note.reason}: {one_line(told.note.text)}"


def history(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of what status.summary tells of each rollout, the newest first."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("began", "took", "end", "revisions"):
        table.add_column(name, no_wrap=True)
    table.add_column("why", overflow="fold", min_width=24)
    for one in sorted(summaries, key=lambda summary: summary["began"], reverse=True):
        began, since = (datetime.fromisoformat(one[key]) for key in ("began", "phase_since"))
        phase = Phase(one["phase"])
        table.add_row(
            f"{began:%Y-%m-%d %H:%MZ}",
            duration((since - began).total_seconds()) if one["has_ended"] else "under way",
            Text(phase.replace("_", " "), _PHASE_STYLES.get(phase, "bold")),
            f"{_number(one['stable_revision'])} → {_number(one['canary_revision'] or UNKNOWN)}",
            Text(one_line(one["reason"] or "")),
        )
    return table


def _number(revision: str) -> str:
    """Return what tells revisions of one service apart: Knative's five digits."""
    return revision.rpartition("-")[2]


def _headline(rollout: Rollout, now: float) -> Text:
    plan = rollout.plan
    line = Text.assemble(
        (f"{plan.service} in {plan.namespace}", "bold"),
        "   ",
        (rollout.phase.replace("_", " "), _PHASE_STYLES.get(rollout.phase, "bold cyan")),
    )
    doing = _place(rollout) or _DOING[rollout.phase]
    end = rollout.phase_since if rollout.phase in ENDED else now
    took = f"   {duration(end - rollout.began)}   {rollout.id[:12]}"
    return line.append(f"   {doing}").append(took, style="dim")


def _place(rollout: Rollout) -> str:
    if rollout.phase is not Phase.STEPPING:
        return ""
    stages = rollout.plan.stages
    bake = ", the bake" if rollout.stage == len(stages) - 1 else ""
    return f"stage {rollout.stage + 1} of {len(stages)}{bake}"


def _percent(rollout: Rollout) -> str:
    wanted, known = (canary_percent(rollout, live) for live in (rollout.wanted, rollout.known))
    return f"{wanted} %" if wanted == known else f"{wanted} % wanted, {known} % seen"


def _traffic(rollout: Rollout) -> Text:
    percent = canary_percent(rollout, rollout.known)
    # One user in a hundred is to be seen too.
    filled = min(max(round(_BAR * percent / 100), int(percent > 0)), _BAR - int(percent < 100))
    bar = Text.assemble(("█" * filled, "magenta"), ("░" * (_BAR - filled), "blue"))
    canary = rollout.canary_revision or "not created yet"
    legend = Text.assemble(
        ("canary ", "magenta"), f"{canary}  {_percent(rollout)}   ",
        ("stable ", "blue"), f"{rollout.stable_revision}  {100 - percent} %",
    )  # fmt: skip
    return Text("\n").join([bar, legend])


def _stages(rollout: Rollout) -> Table:
    table = Table.grid(padding=(0, 2))
    for place, step in enumerate(rollout.plan.stages):
        is_bake = place == len(rollout.plan.stages) - 1
        name = f"{step.percent} %{' bake' if is_bake else ''}"
        table.add_row(*_stage(rollout, place, step, name))
    return table


def _stage(rollout: Rollout, place: int, step: Step, name: str) -> tuple[Text, ...]:
    least = f"{duration(step.min_duration)}, {step.min_requests} requests"
    if step.approval:
        least += ", approval"
    is_promoted = rollout.phase in (Phase.PROMOTING, Phase.PROMOTED)
    if is_promoted or place < rollout.stage:
        return Text("✓", "green"), Text(name), Text(least, "dim")
    if rollout.phase in _BACK and place == rollout.stage and rollout.evidence.num_intervals:
        return Text("✗", "red"), Text(name), Text(least, "dim")
    if rollout.phase is not Phase.STEPPING or place > rollout.stage:
        return Text("·", "dim"), Text(name, "dim"), Text(least, "dim")
    done = (
        f"{duration(rollout.stage_s)} of {duration(step.min_duration)}, "
        f"{rollout.stage_requests} of {step.min_requests} requests"
    )
    share_done = min(
        rollout.stage_s / step.min_duration if step.min_duration else 1.0,
        rollout.stage_requests / step.min_requests,
        1.0,
    )
    return Text("▶", "cyan"), Text(name, "bold"), _gauge(share_done, "cyan").append(f" {done}")


@dataclass(frozen=True, slots=True)
class _Findings:
    """The table of findings; a narrow terminal shortens the gauges, never a name or a number."""

    judged: Judged

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        longest = max((len(finding.metric) for finding in self.judged.findings), default=0)
        gauge = (options.max_width - longest - _NUMBERS_WIDTH) // 2
        yield _findings(self.judged, gauge=min(max(gauge, 0), _GAUGE))


def _findings(judged: Judged, *, gauge: int) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("metric", no_wrap=True)
    for name in ("canary", "of", "stable", "of"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(f"worse/{judged.worse_threshold:.4g}", no_wrap=True)
    table.add_column(f"proven/{judged.good_threshold:.4g}", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for finding in judged.findings:
        table.add_row(*_finding(finding, judged, gauge))
    if len(judged.findings) > 1:
        table.add_row(
            "together",
            "",
            "",
            "",
            "",
            _evidence(e_worse_of_all(judged), judged.worse_threshold, "red", gauge),
        )
    return table


def _finding(finding: Finding, judged: Judged, gauge: int) -> Iterator[Text]:
    yield Text(finding.metric)
    yield Text(share(finding.canary_share))
    yield Text(f"{finding.num_canary:,}", "dim")
    yield Text(share(finding.stable_share))
    yield Text(f"{finding.num_stable:,}", "dim")
    for value, threshold, style in (
        (finding.e_worse, judged.worse_threshold, "red"),
        (finding.e_good, judged.good_threshold, "green"),
    ):
        yield _evidence(value, threshold, style, gauge)
    yield Text(finding.verdict.replace("_", " "), _STYLES[finding.verdict])


def _evidence(value: float, threshold: float, style: str, gauge: int) -> Text:
    bar = _gauge(progress(value, threshold), style, width=gauge)
    return Text(f"{e_value(value):>5} ").append(bar)


def _gauge(share_done: float, style: str, *, width: int = _GAUGE) -> Text:
    filled = int(width * share_done)
    return Text.assemble(("━" * filled, style), ("─" * (width - filled), "bright_black"))


def _last(told: Sequence[Told]) -> Table:
    table = Table.grid(padding=(0, 2))
    for one in told[-_MAX_TOLD:]:
        style = "red" if one.note.is_warning else ""
        table.add_row(
            Text(clock(one.time), "dim"),
            Text(one.note.reason, style),
            Text(one_line(one.note.text)),
        )
    return table
