"""What a server's metrics page says over a run: pure, scrapes go in and a Capture comes out."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from loadtest.errors import AnswerError
from loadtest.report.schema import Capture, MetricSeries

# The predictor's and KServe's, vLLM's, GPU exporters', and what every client library says.
PREFIXES: Final = ("r1_", "gen_ai_", "request_", "vllm:", "DCGM_FI_", "nvidia_", "process_")
MAX_SERIES: Final = 500
MAX_POINTS: Final = 600

START_TIME: Final = "process_start_time_seconds"
# Suffixes of the samples that are kept of each kind: no buckets, no quantiles, no _created.
KEPT: Final = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_sum", "_count"),
    "summary": ("_sum", "_count"),
}

Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a page; ``labels`` are in order of name."""

    name: str
    kind: str
    labels: tuple[tuple[str, str], ...]
    value: float


def parse_page(page: bytes) -> list[Sample]:
    """Return the samples that are kept, none of them NaN or infinite.

    Raises AnswerError where it is no page in Prometheus' text format, or says nothing of what is
    kept: the names that begin with one of PREFIXES.
    """
    try:
        samples = list(_kept(page.decode()))
    except (ValueError, IndexError):
        # The parser's own; its message would quote the page.
        raise AnswerError("is no metrics page in Prometheus' text format") from None
    if not page.endswith(b"\n"):
        raise AnswerError("was cut short: its last line has no end")
    if not samples:
        raise AnswerError(f"has no metric that begins with {', '.join(PREFIXES)}")
    return samples


def _kept(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        if not family.name.startswith(PREFIXES):
            continue
        names = {family.name + suffix for suffix in KEPT.get(family.type, ())}
        # The parser gives every counter OpenMetrics' suffix, DCGM's on the page have none.
        has_added = family.type == "counter" and f"{family.name}_total" not in text
        for sample in family.samples:
            # The text format shows when a counter was made as a gauge of its own.
            is_kept = sample.name in names and not sample.name.endswith("_created")
            if is_kept and math.isfinite(sample.value):
                name = family.name if has_added else sample.name
                labels = tuple(sorted(sample.labels.items()))
                yield Sample(name, family.type, labels, sample.value)


class MetricsPage:
    """Scrapes of one page, in order of time; memory does not grow with their number.

    A counter's increase is right across restarts of the server but for what it counted between the
    last scrape and its end. A series that appears after the first scrape began at zero.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._tracks: dict[Key, _Track] = {}
        self._failures: dict[str, int] = {}
        self._num_scrapes = 0
        self._num_restarts = 0
        self._num_falls = 0
        self._num_left_out = 0
        self._start_time: float | None = None

    def fail(self, reason: str) -> None:
        """Count a scrape that failed."""
        self._failures[reason] = self._failures.get(reason, 0) + 1

    def add(self, at_ns: int, samples: list[Sample]) -> None:
        """Take a scrape at that time of CLOCK_MONOTONIC."""
        self._note_start(samples)
        num_left_out = 0
        for sample in samples:
            track = self._track(sample)
            if track is None:
                num_left_out += 1
                continue
            if track.has_fallen(sample.value):
                self._num_falls += 1
            track.add(at_ns, sample.value)
        self._num_left_out = max(self._num_left_out, num_left_out)
        self._num_scrapes += 1

    def capture(self, epoch_ns: int) -> Capture:
        """Return the whole, with times since the run's epoch."""
        return Capture(
            url=self._url,
            num_scrapes=self._num_scrapes,
            failures=dict(self._failures),
            num_restarts=self._num_restarts,
            num_falls=self._num_falls,
            num_series_left_out=self._num_left_out,
            series=[track.series(key, epoch_ns) for key, track in self._tracks.items()],
        )

    def _track(self, sample: Sample) -> "_Track | None":
        key = (sample.name, sample.labels)
        if key not in self._tracks:
            if len(self._tracks) == MAX_SERIES:
                return None
            base = sample.value if self._num_scrapes == 0 else 0.0
            self._tracks[key] = _Track(sample.kind, base)
        return self._tracks[key]

    def _note_start(self, samples: list[Sample]) -> None:
        """Where the process is another one, every counter has begun anew, even one that grew."""
        start_time = next((sample.value for sample in samples if sample.name == START_TIME), None)
        if self._start_time is not None and start_time not in (None, self._start_time):
            self._num_restarts += 1
            for track in self._tracks.values():
                track.base = 0.0
        self._start_time = start_time or self._start_time


@dataclass(slots=True)
class _Track:
    """One series; beyond MAX_POINTS points only every second, every fourth ... is kept."""

    kind: str
    # What a counter's next value is compared with.
    base: float
    increase: float = 0.0
    stride: int = 1
    num_seen: int = 0
    at_ns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    last: tuple[int, float] | None = None

    def has_fallen(self, value: float) -> bool:
        return self.kind != "gauge" and value < self.base

    def add(self, at_ns: int, value: float) -> None:
        self.increase += value if self.has_fallen(value) else value - self.base
        self.base = value
        self.last = (at_ns, value)
        if self.num_seen % self.stride == 0:
            self.at_ns.append(at_ns)
            self.values.append(value)
        if len(self.values) == MAX_POINTS:
            del self.at_ns[1::2], self.values[1::2]
            self.stride *= 2
        self.num_seen += 1

    def series(self, key: Key, epoch_ns: int) -> MetricSeries:
        """The points that are kept, the last one of all among them."""
        assert self.last is not None, "a series begins with a point"
        points = list(zip(self.at_ns, self.values, strict=True))
        if points[-1] != self.last:
            points.append(self.last)
        name, labels = key
        return MetricSeries(
            name=name,
            kind=self.kind,
            labels=dict(labels),
            at_s=[(at_ns - epoch_ns) / 1e9 for at_ns, _ in points],
            values=[value for _, value in points],
            increase=None if self.kind == "gauge" else self.increase,
        )
