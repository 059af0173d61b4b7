"""How far counters went in one interval, by raw samples alone.

rate() and increase() extrapolate to the borders of their window and so make up events; here each
event is counted in exactly one of two adjoining intervals.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

from canary.prometheus.series import Series, Unreadable

Resets = Mapping[tuple[str, str], Set[float]]

# A gauge that changes with the process, and may rise where counters would have to fall.
PROCESS_START: Final = "process_start_time_seconds"


def base_of(series: Series, start: float) -> float | None:
    """Return the last value at or before the start; None where there is none."""
    index = bisect_right(series.times, start)
    return series.values[index - 1] if index else None


def resets_of(all_series: Iterable[Series]) -> Resets:
    """Return, by target, the times of samples before which its process had begun anew.

    One counter that falls tells of all of its target: the others may have outgrown their old value
    by the next scrape.
    """
    resets: dict[tuple[str, str], set[float]] = defaultdict(set)
    for series in all_series:
        has_begun_anew = series.labels.get("__name__") == PROCESS_START
        for index in range(1, len(series.values)):
            earlier, later = series.values[index - 1], series.values[index]
            if later < earlier or (has_begun_anew and later != earlier):
                resets[series.target].add(series.times[index])
    return resets


def delta(series: Series, start: float, end: float, resets: Set[float]) -> float:
    """Return the events after the start, up to the end; the counter began at 0 before its first
    sample where none is at or before the start.
    """
    total, last, last_time = 0.0, base_of(series, start) or 0.0, -1.0
    for time, value in zip(series.times, series.values, strict=True):
        if start < time <= end:
            is_reset = value < last or any(last_time < reset <= time for reset in resets)
            total += value if is_reset else value - last
            last = value
        if time <= end:
            last_time = time
    return total


def events(series: Sequence[Series], start: float, end: float, resets: Resets) -> int:
    """Return the events of several counters together; fractions of events are Unreadable."""
    total = 0
    for each in series:
        moved = delta(each, start, end, resets.get(each.target, frozenset()))
        if abs(moved - round(moved)) > 1e-6 * max(1.0, moved):
            raise Unreadable(f"{each} went on by {moved:g}, must count whole events")
        total += round(moved)
    return total
