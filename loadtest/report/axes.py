"""Axes that a reader can read: durations in ms and s, round ticks, the warm-up shaded."""

import math
from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from loadtest.report.quantity import Scale, duration, number, scale_of, share
from loadtest.report.svg import MUTED, RED

_LOG_FROM: Final = 8.0
# Decades shown, and the ticks within each.
_STEPS: Final = ((0.8, (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8)), (2.2, (1, 2, 5)))


Side = Literal["x", "y"]


def floats(values: list[float | None]) -> np.ndarray:
    """Return the values with NaN for those that are not known."""
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def over_time(axes: Axes, title: str, *, warmup_s: float) -> None:
    """Make the x-axis the run's time; what the analysis cut as warm-up is shaded."""
    axes.set_title(title)
    axes.set_xlabel("seconds into the run")
    show_numbers(axes.xaxis)
    if warmup_s > 0:
        axes.axvspan(0, min(warmup_s, axes.get_xlim()[1]), color=MUTED, alpha=0.13, linewidth=0)


def show_durations(axes: Axes, side: Side, values: np.ndarray) -> None:
    """Scale an axis of seconds: from zero, or in logarithms where the values span much."""
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        _axis(axes, side).set_ticks([])
        return
    least, most = float(known.min()), float(known.max())
    if most < _LOG_FROM * least:
        axes.set(**{f"{side}lim": (0, most * 1.08)})
        _axis(axes, side).set_major_formatter(FuncFormatter(_in(scale_of("s", most))))
    else:
        show_logarithms(axes, side, least / 1.2, most * 1.2)
        _axis(axes, side).set_major_formatter(FuncFormatter(_duration))


def show_logarithms(axes: Axes, side: Side, least: float, most: float) -> None:
    """Show ``least..most`` in logarithms; the wider it is, the fewer ticks has a decade."""
    axes.set(**{f"{side}scale": "log", f"{side}lim": (least, most)})
    lowest, highest = math.floor(math.log10(least)), math.ceil(math.log10(most))
    decades = math.log10(most / least)
    steps = next((steps for limit, steps in _STEPS if decades < limit), (1,))
    ticks = [step * 10.0**power for power in range(lowest, highest + 1) for step in steps]
    axis = _axis(axes, side)
    axis.set_major_locator(FixedLocator([tick for tick in ticks if least <= tick <= most]))
    axis.set_minor_locator(NullLocator())


def show_numbers(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(_number))


def show_shares(axis: Axis) -> None:
    axis.set_major_formatter(FuncFormatter(_share))


def mark_failures(axes: Axes, at: np.ndarray) -> None:
    """Mark failures along the top, as they have no latency to be drawn at."""
    if len(at):
        axes.plot(
            at,
            np.full(len(at), 0.97),
            transform=axes.get_xaxis_transform(),
            color=RED,
            marker="x",
            markersize=4,
            linestyle="",
            label="failed",
        )


def add_legend(axes: Axes) -> None:
    """Put the legend above the axes, where no mark can lie, and the title above it."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.set_title(axes.get_title(loc="left"), pad=19)
        place = (-0.01, 0.995)
        axes.legend(handles, labels, loc="lower left", bbox_to_anchor=place, ncols=len(labels))


def _number(value: float, _: int) -> str:
    return number(value)


def _axis(axes: Axes, side: Side) -> Axis:
    return axes.xaxis if side == "x" else axes.yaxis


def _share(value: float, _: int) -> str:
    return share(value)


def _in(scale: Scale) -> Callable[[float, int], str]:
    return lambda value, _: scale.full(value)


def _duration(value: float, _: int) -> str:
    return duration(value)
