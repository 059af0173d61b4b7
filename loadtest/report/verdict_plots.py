"""Pictures of a knee search and of a comparison."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from loadtest.report.axes import (
    add_legend,
    floats,
    show_durations,
    show_logarithms,
    show_numbers,
    show_shares,
)
from loadtest.report.quantity import number, share
from loadtest.report.schema import Comparison, KneeReport
from loadtest.report.svg import BLUE, GREEN, MUTED, ORANGE, RED, SURFACE, Plot, draw

_OF_CHANGE: Final = {"better": GREEN, "worse": RED, "same": MUTED, "undecided": ORANGE}


def knee_plots(report: KneeReport) -> list[Plot]:
    """Return the throughput-latency curve, and the share of misses with its fit and the knee."""
    return [_throughput_latency(report), _misses(report)] if report.stages else []


def _throughput_latency(report: KneeReport) -> Plot:
    stages = sorted(report.stages, key=lambda stage: stage.completed_rps)
    rates = [stage.completed_rps for stage in stages]
    lines = [
        ("e2e p50", ORANGE, ":", floats([stage.e2e_p50_s for stage in stages])),
        ("e2e p99", ORANGE, "-", floats([stage.e2e_p99_s for stage in stages])),
        ("TTFT p99", BLUE, "-", floats([stage.ttft_p99_s for stage in stages])),
    ]
    lines = [line for line in lines if np.isfinite(line[3]).any()]

    def paint(axes: Axes) -> None:
        for label, colour, style, ys in lines:
            axes.plot(rates, ys, color=colour, linestyle=style, marker="o", ms=4, label=label)
        _mark_knee(axes, report)
        axes.set_title("latency")
        axes.set_xlabel("completed requests a second")
        show_numbers(axes.xaxis)
        show_durations(axes, "y", np.concatenate([np.empty(0), *(line[3] for line in lines)]))
        add_legend(axes)

    alt = f"Latency against throughput at {len(stages)} rates; {_knee_words(report)}."
    caption = "Each mark is a stage; the shaded band is the knee's interval."
    return Plot("Throughput and latency", caption, draw("throughput", alt, paint))


def _misses(report: KneeReport) -> Plot:
    stages = [stage for stage in report.stages if stage.miss_ratio.value is not None]
    rates = [stage.rate for stage in stages]
    ratios = [stage.miss_ratio for stage in stages]
    values = floats([ratio.value for ratio in ratios])
    lows = floats([ratio.low if ratio.low is not None else 0.0 for ratio in ratios])
    highs = floats([ratio.high if ratio.high is not None else 1.0 for ratio in ratios])

    def paint(axes: Axes) -> None:
        _mark_knee(axes, report)
        if report.fit:
            axes.plot(*zip(*report.fit, strict=True), color=BLUE, label="isotonic fit")
        axes.vlines(rates, lows, highs, color=ORANGE, linewidth=1.4)
        axes.plot(rates, values, "o", color=ORANGE, ms=5, mec=SURFACE, label="measured")
        axes.set_title("requests that miss an objective")
        axes.set_xlabel("requests a second")
        show_numbers(axes.xaxis)
        show_shares(axes.yaxis)
        axes.set_ylim(bottom=0)
        add_legend(axes)

    alt = f"Share of requests that miss an objective against the rate; {_knee_words(report)}."
    caption = "Bars are intervals; the vertical line is the knee."
    return Plot("Misses against rate", caption, draw("misses", alt, paint))


def forest(comparison: Comparison) -> Plot | None:
    """Return the ratios B over A with their intervals, beside the margin of no change."""
    # Ratios of shares mean little near zero: they are judged by their difference.
    changes = [c for c in comparison.changes if c.ratio.value and c.unit != "1"]
    if not changes:
        return None
    margin = comparison.margin
    ratios = [change.ratio for change in changes]
    bounds = [bound for r in ratios for bound in (r.value, r.low, r.high) if bound]
    least, most = min(*bounds, 1 / (1 + margin)) / 1.1, max(*bounds, 1 + margin) * 1.1

    def paint(axes: Axes) -> None:
        axes.axvspan(1 / (1 + margin), 1 + margin, color=MUTED, alpha=0.13, linewidth=0)
        axes.axvline(1, color=MUTED, linewidth=1)
        for row, change in enumerate(changes):
            value, low, high = change.ratio.value, change.ratio.low, change.ratio.high
            assert value is not None
            colour = _OF_CHANGE[change.verdict]
            # An unknown bound lies beyond the picture.
            axes.hlines(row, low or least, high or most, color=colour, linewidth=1.6)
            axes.plot(value, row, "o", color=colour, ms=6.5, mec=SURFACE)
        show_logarithms(axes, "x", least, most)
        axes.xaxis.set_major_formatter(FuncFormatter(_times))
        axes.set_yticks(range(len(changes)), [f"{c.metric} {c.statistic}" for c in changes])
        axes.set_ylim(len(changes) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_title("B over A")

    alt = f"Ratios of B over A with intervals, {len(changes)} of them; the table has the numbers."
    caption = f"An interval within the band, the margin of {share(margin)}, is no change."
    height = 1.1 + 0.3 * len(changes)
    return Plot("Change", caption, draw("forest", alt, paint, height=height, left=1.9))


def _times(value: float, _: int) -> str:
    return f"{value:g}×"


def _mark_knee(axes: Axes, report: KneeReport) -> None:
    knee = report.knee_rps
    if knee.value is None:
        return
    rates = [stage.rate for stage in report.stages]
    low = knee.low if knee.low is not None else min(rates)
    high = knee.high if knee.high is not None else max(rates)
    axes.axvspan(low, high, color=GREEN, alpha=0.16, linewidth=0)
    axes.axvline(knee.value, color=GREEN, linewidth=1.4, label=f"knee {number(knee.value)}/s")


def _knee_words(report: KneeReport) -> str:
    knee = report.knee_rps
    if knee.value is None:
        return "no knee was found"
    return f"knee at {number(knee.value)} a second ({number(knee.low)} to {number(knee.high)})"
