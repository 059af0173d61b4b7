"""Pictures of a run; each is absent where there is nothing to plot."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from loadtest.report.axes import (
    add_legend,
    floats,
    mark_failures,
    over_time,
    show_durations,
    show_numbers,
)
from loadtest.report.distribution_plots import (
    LEAST_S,
    latency_cdf,
    latency_tail,
    lateness_cdf,
    thresholds,
    token_cdf,
)
from loadtest.report.quantity import duration, number
from loadtest.report.schema import MetricSeries, Report
from loadtest.report.svg import BLUE, GREEN, MUTED, ORANGE, RED, Plot, dots, draw

_TTFT: Final = ("TTFT", BLUE)
_E2E: Final = ("end to end", ORANGE)


def run_plots(report: Report) -> dict[str, list[Plot]]:
    """Return the plots of a run by section: latency, load, sending, tokens, metrics."""
    sections = {
        "latency": [
            latency_scatter(report),
            percentiles_over_time(report),
            latency_cdf(report),
            latency_tail(report),
        ],
        "load": [rates_over_time(report), in_flight(report)],
        "sending": [lateness_over_time(report), lateness_cdf(report)],
        "tokens": [token_cdf(report), tokens_over_time(report)],
    }
    return {name: [plot for plot in plots if plot] for name, plots in sections.items()}


def latency_scatter(report: Report) -> Plot | None:
    scatter = report.scatter
    at = np.asarray(scatter.scheduled_s)
    if not len(at):
        return None
    failed = np.array([outcome.lower() != "ok" for outcome in scatter.outcomes], dtype=bool)
    clouds = [
        (label, colour, np.where(failed, np.nan, floats(values)))
        for (label, colour), values in ((_E2E, scatter.e2e_s), (_TTFT, scatter.ttft_s))
    ]

    def paint(axes: Axes) -> None:
        for label, colour, ys in clouds:
            if np.isfinite(ys).any():
                dots(axes, at, ys, colour=colour, label=label)
        mark_failures(axes, at[failed])
        over_time(axes, "latency from the scheduled time", warmup_s=report.steadiness.warmup_s)
        show_durations(axes, "y", np.concatenate([ys for _, _, ys in clouds]))
        add_legend(axes)

    medians = ", ".join(_middle(label, ys) for label, _, ys in clouds)
    alt = f"Scatter of {len(at)} requests over the run: {medians}; {failed.sum()} failed."
    caption = f"{len(at):,} requests by when they were due, {failed.sum():,} of them failed."
    return Plot("Latency over time", caption, draw("scatter", alt, paint))


def percentiles_over_time(report: Report) -> Plot | None:
    series = report.series
    lines = [
        ("TTFT p50", BLUE, ":", floats(series.ttft_p50_s)),
        ("TTFT p99", BLUE, "-", floats(series.ttft_p99_s)),
        ("e2e p50", ORANGE, ":", floats(series.e2e_p50_s)),
        ("e2e p99", ORANGE, "-", floats(series.e2e_p99_s)),
    ]
    lines = [line for line in lines if np.isfinite(line[3]).any()]
    if not lines:
        return None
    at = np.asarray(series.at_s) + series.width_s / 2
    ttft_limits, e2e_limits = thresholds(report, "ttft"), thresholds(report, "e2e")
    limits = np.array([*ttft_limits, *e2e_limits])

    def paint(axes: Axes) -> None:
        for label, colour, style, ys in lines:
            axes.plot(at, ys, color=colour, linestyle=style, label=label)
        over_time(axes, "latency", warmup_s=report.steadiness.warmup_s)
        show_durations(axes, "y", np.concatenate([line[3] for line in lines] + [limits]))
        axes.hlines(ttft_limits, *axes.get_xlim(), color=BLUE, linestyle="--", linewidth=1)
        axes.hlines(e2e_limits, *axes.get_xlim(), color=ORANGE, linestyle="--", linewidth=1)
        add_legend(axes)

    alt = "Percentiles over the run: " + "; ".join(
        f"{label} from {duration(float(np.nanmin(ys)))} to {duration(float(np.nanmax(ys)))}"
        for label, _, _, ys in lines
    )
    caption = f"By {duration(series.width_s)} of when due; dotted the median, dashed the gates."
    return Plot("Percentiles over time", caption, draw("percentiles", alt, paint))


def rates_over_time(report: Report) -> Plot | None:
    series = report.series
    if not sum(series.offered):
        return None
    at, width = np.asarray(series.at_s), series.width_s
    lines = [
        ("offered", MUTED, np.asarray(series.offered) / width),
        ("completed", BLUE, np.asarray(series.completed) / width),
    ]
    if sum(series.errors):
        lines.append(("errors", RED, np.asarray(series.errors) / width))

    def paint(axes: Axes) -> None:
        for label, colour, ys in lines:
            axes.plot(at, ys, color=colour, drawstyle="steps-post", label=label)
        over_time(axes, "requests a second", warmup_s=report.steadiness.warmup_s)
        axes.set_ylim(bottom=0)
        add_legend(axes)

    alt = "Requests a second over the run: " + "; ".join(
        f"{label} {number(float(ys.mean()))} on average" for label, _, ys in lines
    )
    caption = "Offered where due, completed where answered, errors where the request was due."
    return Plot("Offered and completed", caption, draw("rates", alt, paint))


def in_flight(report: Report) -> Plot | None:
    series = report.series
    if not any(series.in_flight):
        return None

    def paint(axes: Axes) -> None:
        axes.fill_between(series.at_s, series.in_flight, color=BLUE, alpha=0.15, linewidth=0)
        axes.plot(series.at_s, series.in_flight, color=BLUE)
        over_time(axes, "requests under way", warmup_s=report.steadiness.warmup_s)
        axes.set_ylim(bottom=0)

    alt = f"Requests under way over the run, at most {max(series.in_flight)}."
    caption = "A climb that does not end says that the rate is above what is served."
    return Plot("In flight", caption, draw("in-flight", alt, paint))


def lateness_over_time(report: Report) -> Plot | None:
    at, late = np.asarray(report.scatter.scheduled_s), floats(report.scatter.lateness_s)
    known = np.isfinite(late)
    if not known.any():
        return None
    limit = report.saturation.lateness_limit_s

    def paint(axes: Axes) -> None:
        # A send on the nanosecond has no place on a logarithmic axis.
        shown = np.maximum(late[known], LEAST_S)
        dots(axes, at[known], shown, colour=GREEN, label="a send")
        over_time(axes, "lateness of sends", warmup_s=report.steadiness.warmup_s)
        axes.axhline(limit, color=RED, linestyle="--", linewidth=1.1, label="limit")
        show_durations(axes, "y", np.append(shown, limit))
        add_legend(axes)

    alt = f"Lateness of sends over the run, at most {duration(float(late[known].max()))}."
    caption = f"From due to sent; above {duration(limit)} is late."
    return Plot("Lateness over time", caption, draw("lateness", alt, paint))


def tokens_over_time(report: Report) -> Plot | None:
    series = report.series
    if not sum(series.output_tokens):
        return None
    rates = np.asarray(series.output_tokens) / series.width_s

    def paint(axes: Axes) -> None:
        axes.plot(series.at_s, rates, color=BLUE, drawstyle="steps-post")
        over_time(axes, "output tokens a second", warmup_s=report.steadiness.warmup_s)
        axes.set_ylim(bottom=0)

    alt = f"Output tokens a second over the run, {number(float(rates.mean()))} on average."
    caption = "By when their request was due."
    return Plot("Output tokens", caption, draw("output-tokens", alt, paint))


def metric(series: MetricSeries, number_on_page: int) -> Plot:
    """Return a small plot of a gauge's values, or of a counter's increase a second."""
    at, values = np.asarray(series.at_s), np.asarray(series.values)
    is_counter = series.kind == "counter" and len(at) > 1
    if is_counter:
        # A server that starts again counts from zero.
        values = np.maximum(np.diff(values), 0) / np.maximum(np.diff(at), 1e-9)
        at = at[1:]

    def paint(axes: Axes) -> None:
        axes.plot(at, values, color=BLUE, marker="" if len(at) > 1 else "o")
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        show_numbers(axes.xaxis)
        show_numbers(axes.yaxis)
        axes.set_title("a second" if is_counter else "value")

    labels = ", ".join(f"{key}={value}" for key, value in series.labels.items())
    low, high = number(float(values.min())), number(float(values.max()))
    alt = f"{series.name} over the run, from {low} to {high}."
    svg = draw(f"metric-{number_on_page}", alt, paint, width=4.0, height=2.4)
    return Plot(series.name, labels, svg)


def _middle(label: str, values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return f"{label} median {duration(float(np.median(known)) if len(known) else None)}"
