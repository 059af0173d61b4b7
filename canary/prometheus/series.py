"""Prometheus' answers, parsed once; whatever is odd in them is Unreadable, never a number."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from canary.errors import CanaryError


class Unreadable(CanaryError):
    """Prometheus does not say what was asked; the text says why, with the numbers."""


class NotYet(Unreadable):
    """It passes: the same interval, longer by then, may be read later and lacks nothing."""


@dataclass(frozen=True, slots=True)
class Series:
    """Samples of one series, times rising, values finite and not negative."""

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def target(self) -> tuple[str, str]:
        """Return the job and the instance that were scraped."""
        return self.labels.get("job", ""), self.labels.get("instance", "")

    def until(self, end: float) -> "Series":
        """Return the series without what is later."""
        kept = sum(time <= end for time in self.times)
        return Series(self.labels, self.times[:kept], self.values[:kept])

    def __str__(self) -> str:
        shown = ("job", "instance", "revision", "pod", "le", "outcome", "reason")
        labels = ",".join(f'{key}="{self.labels[key]}"' for key in shown if key in self.labels)
        return f"{self.labels.get('__name__', '')}{{{labels}}}"


@dataclass(slots=True)
class _Seen:
    labels: set[frozenset[tuple[str, str]]] = field(default_factory=set)


def parse_series(data: Any) -> list[Series]:
    """Return the series of a query's ``data``, a vector or a matrix."""
    seen = _Seen()
    try:
        kind, result = data["resultType"], data["result"]
        if kind not in ("vector", "matrix"):
            raise Unreadable(f"Prometheus answers with a {kind}, not with series")
        return [_parse_one(entry, kind, seen) for entry in result]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreadable(
            f"Prometheus' answer has not the form of its API: {type(error).__name__}"
        ) from None


def _parse_one(entry: Any, kind: str, seen: _Seen) -> Series:
    if "histogram" in entry or "histograms" in entry:
        raise Unreadable("Prometheus answers with a native histogram; classic buckets are read")
    samples = [entry["value"]] if kind == "vector" else entry["values"]
    times = tuple(float(time) for time, _ in samples)
    values = tuple(float(value) for _, value in samples)
    series = Series(dict(entry["metric"]), times, values)
    identity = frozenset(series.labels.items())
    if identity in seen.labels:
        raise Unreadable(f"{series} comes twice in one answer")
    seen.labels.add(identity)
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise Unreadable(f"{series} has samples whose times do not rise")
    for value in values:
        if not math.isfinite(value) or value < 0:
            raise Unreadable(f"{series} is {value:g}, must be finite and at least 0")
    return series
