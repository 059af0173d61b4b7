"""Pictures of a rollout; each is absent where there is nothing to plot."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import blended_transform_factory

from canary.judgement.verdict import Judged
from canary.record.entry import Entry, e_worse_of_all
from canary.record.quantity import duration, e_value, share
from canary.record.svg import BAD, CANARY, GOOD, INK, LINES, MUTED, STABLE, Plot, add_legend, draw
from canary.samples import Arm, Gap, Interval

# E-values are shown in this range: beyond it they decide nothing more.
_LEAST_E: Final = 1e-4
_MOST_E: Final = 1e8
_EDGE: Final = re.compile(r"(\w+)>([0-9.e+-]+)(s?)")
_MAX_EDGES: Final = 4
_MAX_DOTS: Final = 80
_TOGETHER: Final = "together"
_MAX_LINES: Final = len(LINES)


def plots_of(entries: Sequence[Entry]) -> list[Plot]:
    """Return the plots that the entries of one rollout have something for, in reading order."""
    plots = [
        traffic(entries),
        error_share(entries),
        latency_share(entries, "ttft", "Time to first token"),
        latency_share(entries, "inter_token", "Gaps between tokens"),
        latency_share(entries, "longest_gap", "Longest gap of an answer"),
        evidence(entries, "worse", "Evidence that it is worse", BAD),
        evidence(entries, "good", "Evidence that it is good", GOOD),
        load(entries),
    ]
    return [plot for plot in plots if plot is not None]


def traffic(entries: Sequence[Entry]) -> Plot | None:
    if len(entries) < 2:
        return None
    at = [_minute(entry, entries) for entry in entries]
    wanted = [entry.percent for entry in entries]
    seen = [entry.known_percent for entry in entries]

    def paint(axes: Axes) -> None:
        axes.fill_between(at, seen, step="post", color=CANARY, alpha=0.15, linewidth=0)
        axes.plot(at, seen, color=CANARY, drawstyle="steps-post", label="seen in the spec")
        axes.plot(at, wanted, color=MUTED, drawstyle="steps-post", lw=1, ls=":", label="wanted")
        _mark_gaps(axes, entries)
        axes.set_ylim(-2, 102)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        _over_time(axes, entries)

    alt = f"Users of the canary over time, at most {max(seen)} percent, {seen[-1]} at the end."
    caption = "Users of the canary, in percent. Ticks at the foot: looks that told nothing."
    return Plot("Traffic", caption, draw("traffic", alt, paint))


def error_share(entries: Sequence[Entry]) -> Plot | None:
    return _shares(entries, ["errors"], "Errors", "Failed requests so far, of all of a revision.")


def latency_share(entries: Sequence[Entry], metric: str, title: str) -> Plot | None:
    """Plot the shares above the edges that tell most: neither hardly any nor nearly all."""
    keys = _telling_edges(entries, metric)
    caption = "Answers so far that were slower than each edge. Dashed: the stable revision."
    return _shares(entries, keys, title, caption)


def evidence(entries: Sequence[Entry], test: str, title: str, colour: str) -> Plot | None:
    """Plot the e-values of one test by metric, with the threshold, on a logarithmic axis."""
    looks = [(entry, entry.judged) for entry in entries if entry.judged is not None]
    if not looks:
        return None
    at = [_minute(entry, entries) for entry, _ in looks]
    judgements = [judged for _, judged in looks]
    lines = _e_values(judgements, test)
    colours = dict(zip(lines, LINES, strict=False))
    if test == "worse" and len(lines) > 1:
        lines[_TOGETHER] = np.array([e_worse_of_all(judged) for judged in judgements])
        colours[_TOGETHER] = INK
    last = looks[-1][1]
    threshold = last.worse_threshold if test == "worse" else last.good_threshold

    def paint(axes: Axes) -> None:
        for metric, values in lines.items():
            shown = np.clip(values, _LEAST_E, _MOST_E)
            axes.plot(at, shown, color=colours[metric], label=metric, **_dots(at))
        axes.axhline(
            threshold, color=colour, ls="--", lw=1.1, label=f"decides: {e_value(threshold)}"
        )
        axes.axhline(1, color=MUTED, lw=0.8)
        axes.set_yscale("log")
        low = min(float(np.nanmin([np.clip(v, _LEAST_E, 1) for v in lines.values()])), 0.3)
        top = max(float(np.nanmax([np.clip(v, 1, _MOST_E) for v in lines.values()])), threshold)
        axes.set_ylim(low / 2, top * 4)
        axes.minorticks_off()
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: e_value(value)))
        _over_time(axes, entries)

    most = {metric: np.nanmax(values) for metric, values in lines.items()}
    alt = f"{title}: threshold {e_value(threshold)}; most: " + ", ".join(
        f"{metric} {e_value(float(value))}" for metric, value in most.items()
    )
    decides = "their sum decides" if test == "worse" else "each is to be proven"
    caption = f"E-values on a logarithmic axis; 1 says nothing, and {decides}."
    return Plot(title, caption, draw(f"e-{test}", alt, paint, num_labels=len(lines) + 1))


def load(entries: Sequence[Entry]) -> Plot | None:
    """Plot the requests under way per pod: unequal load makes latencies incomparable."""
    looks = [
        (entry, entry.sample)
        for entry in entries
        if isinstance(entry.sample, Interval)
        and entry.sample.canary.in_flight is not None
        and entry.sample.stable.in_flight is not None
    ]
    if not looks:
        return None
    at = [_minute(entry, entries) for entry, _ in looks]
    canary = np.array([sample.canary.in_flight for _, sample in looks], dtype=float)
    stable = np.array([sample.stable.in_flight for _, sample in looks], dtype=float)

    def paint(axes: Axes) -> None:
        axes.plot(at, canary, color=CANARY, label="canary")
        axes.plot(at, stable, color=STABLE, ls="--", label="stable")
        axes.set_ylim(bottom=0)
        _over_time(axes, entries)

    alt = "Requests under way per ready pod over time, of both revisions."
    caption = "Requests under way per ready pod: where they differ, so do batches."
    return Plot("Load of a pod", caption, draw("load", alt, paint))


def _shares(entries: Sequence[Entry], keys: Sequence[str], title: str, caption: str) -> Plot | None:
    looks = [(entry, entry.sample) for entry in entries if isinstance(entry.sample, Interval)]
    if not looks or not keys:
        return None
    at = [_minute(entry, entries) for entry, _ in looks]
    canary = {key: _so_far([sample.canary for _, sample in looks], key) for key in keys}
    stable = {key: _so_far([sample.stable for _, sample in looks], key) for key in keys}
    if np.isnan([*canary.values(), *stable.values()]).all():
        return None
    colours = LINES if len(keys) > 1 else (CANARY,)

    def paint(axes: Axes) -> None:
        for place, key in enumerate(keys):
            label = _edge_label(key) if len(keys) > 1 else "canary"
            other = STABLE if len(keys) == 1 else colours[place]
            axes.plot(at, stable[key], color=other, ls="--", lw=1.1,
                      label=None if len(keys) > 1 else "stable")  # fmt: skip
            axes.plot(at, canary[key], color=colours[place], label=label, **_dots(at))
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: share(value)))
        _mark_gaps(axes, entries)
        _over_time(axes, entries)

    alt = f"{title} over time; at the end: " + "; ".join(
        f"{key}: canary {share(_last(canary[key]))}, stable {share(_last(stable[key]))}"
        for key in keys
    )
    return Plot(title, caption, draw(f"shares-{keys[0].split('>')[0]}", alt, paint))


def _so_far(arms: Iterable[Arm], key: str) -> np.ndarray:
    """Return the share of all events up to each interval; NaN before the first."""
    counts = np.array([(c.bad, c.total) if (c := arm.counts.get(key)) else (0, 0) for arm in arms])
    bad, total = counts.cumsum(axis=0).T
    shares: np.ndarray = np.full(len(counts), np.nan)
    np.divide(bad, total, out=shares, where=total > 0)
    return shares


def _last(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else None


def _telling_edges(entries: Sequence[Entry], metric: str) -> list[str]:
    arms = [entry.sample.stable for entry in entries if isinstance(entry.sample, Interval)]
    keys = {key for arm in arms for key in arm.counts if (m := _EDGE.match(key)) and m[1] == metric}
    ends = {key: _last(_so_far(arms, key)) for key in keys}
    rising = sorted(keys, key=_edge_of)
    telling = sorted(rising, key=lambda key: abs((ends[key] or 0.0) - 0.1))[:_MAX_EDGES]
    return sorted(telling, key=_edge_of)


def _edge_of(key: str) -> float:
    found = _EDGE.match(key)
    return float(found[2]) if found else 0.0


def _edge_label(key: str) -> str:
    found = _EDGE.match(key)
    return f"> {found[2]} {found[3]}".strip() if found else key


def _e_values(judgements: Sequence[Judged], test: str) -> dict[str, np.ndarray]:
    """Return each metric's e-values, NaN where it was not judged; those that say most."""
    found = [{f.metric: getattr(f, f"e_{test}") for f in judged.findings} for judged in judgements]
    names = list(dict.fromkeys(name for one in found for name in one))
    lines = {name: np.array([one.get(name, np.nan) for one in found]) for name in names}
    most = sorted(names, key=lambda name: -float(np.nanmax(lines[name])))[:_MAX_LINES]
    return {name: lines[name] for name in names if name in most}


def _mark_gaps(axes: Axes, entries: Sequence[Entry]) -> None:
    at = [_minute(entry, entries) for entry in entries if isinstance(entry.sample, Gap)]
    if at:
        # x in data, y in shares of the axes.
        foot = blended_transform_factory(axes.transData, axes.transAxes)
        axes.plot(at, [0.03] * len(at), transform=foot, color=BAD, marker="|", ls="",
                  markersize=8, label="no data", clip_on=False)  # fmt: skip


def _dots(at: Sequence[float]) -> dict[str, Any]:
    """Return a mark for each look where there are so few that each is to be seen."""
    return {"marker": ".", "markersize": 3} if len(at) <= _MAX_DOTS else {}


def _over_time(axes: Axes, entries: Sequence[Entry]) -> None:
    """Give every plot the same time, with a line where a phase or a stage began."""
    for earlier, later in pairwise(entries):
        if (earlier.phase, earlier.stage) != (later.phase, later.stage):
            axes.axvline(_minute(later, entries), color=MUTED, lw=0.7, ls=(0, (1, 3)))
    axes.set_xlim(0, max(_minute(entries[-1], entries), 0.1) * 1.01)
    axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 3, 5, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda minutes, _: duration(minutes * 60)))
    add_legend(axes)


def _minute(entry: Entry, entries: Sequence[Entry]) -> float:
    return (entry.time - entries[0].began) / 60
