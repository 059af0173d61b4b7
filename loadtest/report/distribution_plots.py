"""Pictures of how a run's numbers are distributed; each is absent where there are none."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from loadtest.report.axes import add_legend, show_durations, show_logarithms, show_shares
from loadtest.report.quantity import duration
from loadtest.report.schema import Report
from loadtest.report.svg import BLUE, GREEN, ORANGE, Plot, draw

# Below it a duration is noise of the clock; a logarithmic axis has to end somewhere.
LEAST_S: Final = 1e-6
# A few quick ones must not stretch the axis.
_SHOWN_FROM: Final = 0.005
_GATE: Final = re.compile(r"\s*(?:p[\d.]+|mean)_(\w+?)\s*[<>]")


@dataclass(frozen=True, slots=True)
class _Curve:
    """A distribution by its points, (value, share at or below); ``limits`` are drawn beside it."""

    label: str
    colour: str
    values: np.ndarray
    shares: np.ndarray
    limits: list[float]


def thresholds(report: Report, metric: str) -> list[float]:
    """Return, in seconds, what the gates hold a percentile or the mean of the metric to."""
    found = [(gate, _GATE.match(gate.text)) for gate in report.gates]
    return sorted({gate.threshold for gate, match in found if match and match[1] == metric})


def latency_cdf(report: Report) -> Plot | None:
    """Return the share of requests at or below each latency."""
    caption = "Share of requests at or below; what is missing to 100 % did not end in time."
    return _cdf("cdf", "Distribution of latency", f"{caption} Dashed: gates.", _latencies(report))


def latency_tail(report: Report) -> Plot | None:
    """Return the share of requests above each latency, in logarithms: where p99 and p99.9 are."""
    curves = _latencies(report)
    if not curves:
        return None
    least = min(float(1 - curve.shares[curve.shares < 1].max(initial=0)) for curve in curves)

    def paint(axes: Axes) -> None:
        for curve in curves:
            axes.plot(curve.values, 1 - curve.shares, color=curve.colour, label=curve.label)
            axes.vlines(curve.limits, 0, 1, color=curve.colour, linestyle="--", linewidth=1)
        axes.set_title("share above")
        show_logarithms(axes, "y", least / 1.3, 1.0)
        show_shares(axes.yaxis)
        show_durations(axes, "x", _shown(curves))
        add_legend(axes)

    caption = "At 1 % a curve is at its p99, at 0.1 % at its p99.9. Dashed: gates."
    return Plot("Tail of latency", caption, draw("tail", _words("Share above", curves), paint))


def lateness_cdf(report: Report) -> Plot | None:
    """Return the share of sends that were at most so late, beside the limit."""
    limits = [report.saturation.lateness_limit_s]
    caption = "Share of sends that were at most so late; dashed: the limit."
    curves = _curve(report, "lateness", "lateness", GREEN, limits)
    return _cdf("lateness-cdf", "Distribution of lateness", caption, curves)


def token_cdf(report: Report) -> Plot | None:
    """Return the share of requests, and of gaps, at or below each time between tokens."""
    caption = "Share of requests (time per output token) and of gaps at or below. Dashed: gates."
    curves = [
        *_curve(report, "tpot", "per output token", BLUE, thresholds(report, "tpot")),
        *_curve(report, "gap", "gap between chunks", ORANGE, thresholds(report, "gap")),
    ]
    return _cdf("token-cdf", "Distribution of token times", caption, curves)


def _latencies(report: Report) -> list[_Curve]:
    return [
        *_curve(report, "ttft", "TTFT", BLUE, thresholds(report, "ttft")),
        *_curve(report, "e2e", "end to end", ORANGE, thresholds(report, "e2e")),
    ]


def _curve(report: Report, name: str, label: str, colour: str, limits: list[float]) -> list[_Curve]:
    found = report.distributions.get(name)
    if found is None or not found.cdf:
        return []
    known = [(p.value, p.percent / 100) for p in found.percentiles if p.value is not None]
    points = np.array(sorted([*found.cdf, *known]))
    values = np.maximum(points[:, 0], LEAST_S)
    return [_Curve(label, colour, values, points[:, 1], limits)]


def _cdf(name: str, title: str, caption: str, curves: list[_Curve]) -> Plot | None:
    if not curves:
        return None

    def paint(axes: Axes) -> None:
        for curve in curves:
            (line,) = axes.plot(curve.values, curve.shares, color=curve.colour, label=curve.label)
            line.set_drawstyle("steps-post")
            axes.vlines(curve.limits, 0, 1, color=curve.colour, linestyle="--", linewidth=1)
        axes.set_title("share at or below")
        axes.set_ylim(0, 1.02)
        show_shares(axes.yaxis)
        show_durations(axes, "x", _shown(curves))
        add_legend(axes)

    return Plot(title, caption, draw(name, _words(title, curves), paint))


def _shown(curves: list[_Curve]) -> np.ndarray:
    """Return the values that the axis has to hold."""
    bulk = [curve.values[curve.shares >= _SHOWN_FROM] for curve in curves]
    return np.concatenate([*bulk, *(curve.limits for curve in curves)])


def _words(title: str, curves: list[_Curve]) -> str:
    spans = [
        f"{curve.label} from {duration(float(curve.values[0]))} "
        f"to {duration(float(curve.values[-1]))}"
        for curve in curves
    ]
    return f"{title}: {'; '.join(spans)}."
