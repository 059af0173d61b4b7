"""What the templates show and the report does not hold as such: rows, tiles, bars."""

from dataclasses import dataclass
from typing import Final, Self

from loadtest.report.quantity import SHARE, Scale, duration, number, scale_of, scale_of_gate, share
from loadtest.report.remarks import label_of
from loadtest.report.schema import (
    Capture,
    Change,
    Distribution,
    Gate,
    MetricSeries,
    Percentile,
    Report,
    Worker,
)

# A page of a large server has thousands of series; the JSON has them all.
_MAX_ROWS: Final = 300
_MAX_TELLING: Final = 9
# Parts of names that tell a saturated server from an idle one, best first.
_TELLING: Final = (
    "waiting",
    "running",
    "queue",
    "in_flight",
    "kv_blocks_used",
    "cache_usage",
    "util",
    "completion_tokens",
    "generation_tokens",
    "preempt",
    "fb_used",
    "power",
)
_TILES: Final = {"ttft": "First token", "e2e": "End to end"}
_FIRST: Final = ("ttft", "e2e", "tpot", "gap", "tokens_per_chunk", "ttft_sent", "e2e_sent")


@dataclass(frozen=True, slots=True)
class LatencyRow:
    """A distribution, its numbers on one scale."""

    name: str
    label: str
    distribution: Distribution
    scale: Scale
    percentiles: dict[float, Percentile]

    @classmethod
    def of(cls, name: str, found: Distribution) -> Self:
        percentiles = {percentile.percent: percentile for percentile in found.percentiles}
        return cls(name, label_of(name), found, _scale(found), percentiles)


def latency_rows(distributions: dict[str, Distribution]) -> list[LatencyRow]:
    """Return those with samples, the first-asked-for first."""
    names = sorted(distributions, key=_rank)
    return [LatencyRow.of(name, distributions[name]) for name in names if distributions[name].count]


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _scale(found: Distribution) -> Scale:
    return scale_of(found.unit, found.mean.value if found.mean.value is not None else found.most)


@dataclass(frozen=True, slots=True)
class GateBar:
    """Places from 0 to 100 of a gate's interval, its threshold and the side that meets it."""

    value: float | None
    low: float
    high: float
    threshold: float
    met_from: float
    met_to: float
    alt: str


def gate_bar(gate: Gate) -> GateBar | None:
    """Return the bar; None where nothing was measured. An unknown bound is at the edge."""
    if gate.value is None and gate.low is None and gate.high is None:
        return None
    known = [bound for bound in (gate.value, gate.low, gate.high, gate.threshold) if bound]
    most = max(known, default=1.0) * 1.25
    limit = _place(gate.threshold, most)
    is_below = "<" in gate.text
    scale = scale_of_gate(gate.text)
    return GateBar(
        value=None if gate.value is None else _place(gate.value, most),
        low=0.0 if gate.low is None else _place(gate.low, most),
        high=100.0 if gate.high is None else _place(gate.high, most),
        threshold=limit,
        met_from=0.0 if is_below else limit,
        met_to=limit if is_below else 100.0,
        alt=f"{scale.full(gate.value)}, from {scale.full(gate.low)} to {scale.full(gate.high)}, "
        f"against {scale.full(gate.threshold)}",
    )


def _place(value: float, most: float) -> float:
    return round(min(max(100 * value / most, 0.0), 100.0), 2)


@dataclass(frozen=True, slots=True)
class Tile:
    """One number in large type."""

    name: str
    value: str
    more: str = ""


def tiles(report: Report) -> list[Tile]:
    """Return the numbers that a reader asks for first."""
    rates = report.rates
    error = rates.error_rate
    shown = [
        Tile("Offered", f"{number(rates.offered_rps)}/s", f"{number(rates.sent_rps)}/s sent"),
        Tile("Completed", f"{number(rates.completed_rps)}/s", f"in {duration(rates.window_s)}"),
    ]
    shown += [
        _latency_tile(row) for row in latency_rows(report.distributions) if row.name in _TILES
    ]
    shown.append(Tile("Errors", share(error.value), SHARE.span(error.low, error.high)))
    if rates.goodput_rps is not None:
        ratio = rates.goodput_ratio.value if rates.goodput_ratio else None
        shown.append(Tile("Goodput", f"{number(rates.goodput_rps)}/s", f"{share(ratio)} good"))
    if rates.output_tokens_per_s is not None:
        asked_for = f"{number(rates.prompt_tokens_per_s)}/s of prompts"
        shown.append(Tile("Output tokens", f"{number(rates.output_tokens_per_s)}/s", asked_for))
    return shown


def _latency_tile(row: LatencyRow) -> Tile:
    return Tile(f"{_TILES[row.name]} p99", _at(row, 99), f"median {_at(row, 50)}")


def _at(row: LatencyRow, percent: float) -> str:
    found, most = row.percentiles.get(percent), row.distribution.most
    if found is not None and found.value is None and most is not None:
        return f"> {row.scale.full(most)}"
    return row.scale.full(found.value if found else None)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A series of the server's in numbers."""

    name: str
    labels: str
    kind: str
    first: float
    least: float
    most: float
    last: float
    increase: float | None


@dataclass(frozen=True, slots=True)
class CaptureTable:
    """A scraped page in numbers; ``num_left_out`` series are in the JSON alone."""

    capture: Capture
    rows: list[MetricRow]
    num_left_out: int


def capture_table(capture: Capture) -> CaptureTable:
    # Buckets are cumulative and mean nothing one by one.
    rows = [
        MetricRow(
            name=series.name,
            labels=", ".join(f"{key}={value}" for key, value in series.labels.items()),
            kind=series.kind,
            first=series.values[0],
            least=min(series.values),
            most=max(series.values),
            last=series.values[-1],
            increase=series.increase,
        )
        for series in capture.series
        if series.values and not series.name.endswith("_bucket")
    ][:_MAX_ROWS]
    return CaptureTable(capture, rows, len(capture.series) - len(rows))


def telling(captures: list[Capture]) -> list[MetricSeries]:
    """Return the few series that say whether the server was the limit."""
    found = [
        (place, series)
        for capture in captures
        for series in capture.series
        if (place := _telling_place(series)) is not None
    ]
    found.sort(key=lambda item: item[0])
    return [series for _, series in found[:_MAX_TELLING]]


def _telling_place(series: MetricSeries) -> int | None:
    if series.kind not in ("gauge", "counter") or len(series.values) < 2:
        return None
    name = series.name.lower()
    return next((place for place, part in enumerate(_TELLING) if part in name), None)


def worker_rows(report: Report) -> list[tuple[Worker, float | None]]:
    """Return each worker with its CPU time over time, where that is known."""
    ratios: list[float | None] = list(report.saturation.cpu_ratios)
    unknown: list[float | None] = [None] * len(report.workers)
    return list(zip(report.workers, ratios + unknown, strict=False))


def change_rows(changes: list[Change]) -> list[tuple[Change, Scale]]:
    """Return each change with a scale that fits both its numbers."""
    return [
        (change, scale_of(change.unit, change.a if change.a is not None else change.b))
        for change in changes
    ]
