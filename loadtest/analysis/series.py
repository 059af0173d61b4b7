"""The run over time, and a sample of its requests to plot."""

import math
from typing import Final

import numpy as np

from loadtest.analysis.metrics import Bools, Ints, Rows, Samples, is_of, samples_of
from loadtest.analysis.quantiles import bucket_of, least_of
from loadtest.record import CUT_OFF, NEVER, Outcome
from loadtest.report.schema import Scatter, Series

MAX_ROWS: Final = 600
MAX_POINTS: Final = 5000
# Of a row, so that a rate drawn from it is more than one request's coming or not.
_LEAST_REQUESTS: Final = 5
_LEAST_ROWS: Final = 20
# 64 buckets to a doubling: a plotted percentile is within 1 %.
_BITS: Final = 6
# From 1 us to 4.8 hours; what lies beyond is plotted at the edge.
_LEAST_BUCKET: Final = int(bucket_of(np.array([1 << 10]), _BITS)[0])
_NUM_BUCKETS: Final = 34 << _BITS


def row_width_ns(span_ns: int, num_requests: int) -> int:
    """Return the least width of 1, 2 or 5 times a power of ten ms that gives few enough rows.

    At most 600, and at least five requests to a row, but 20 rows of any run.
    """
    num_rows = min(MAX_ROWS, max(_LEAST_ROWS, num_requests // _LEAST_REQUESTS))
    least = max(span_ns / num_rows, 1e6)
    power = 10 ** math.floor(math.log10(least))
    width = next(power * step for step in (1, 2, 5, 10) if power * step >= least)
    # The last ns of the span must have a row too.
    return int(width) if span_ns // int(width) < MAX_ROWS else int(width) * 2


class SeriesBuilder:
    """Fills rows from the run's epoch until ``end`` ns, the last end of a request."""

    def __init__(self, end: int, num_requests: int, *, is_stream: bool) -> None:
        self._width = row_width_ns(end, num_requests)
        self._number = end // self._width + 1
        self._is_stream = is_stream
        names = ("offered", "sent", "completed", "errors", "taken_up", "ended", "output_tokens")
        self._totals = {name: np.zeros(self._number, np.int64) for name in names}
        self._lateness = np.full(self._number, NEVER, np.int64)
        self._latencies = {name: RowPercentiles(self._number) for name in ("ttft", "e2e")}

    def add(self, rows: Rows, gaps: Ints) -> None:
        is_taken_up = rows["started"] != NEVER
        is_ok = is_of(rows, Outcome.OK)
        is_error = ~is_ok & ~is_of(rows, *CUT_OFF)
        has_usage = rows["completion_tokens"] > 0
        self._count("offered", rows["scheduled"])
        self._count("sent", rows["scheduled"][rows["sent"] != NEVER])
        self._count("completed", rows["finished"][is_ok])
        self._count("errors", rows["scheduled"][is_error])
        self._count("taken_up", rows["started"][is_taken_up])
        self._count("ended", rows["finished"][is_taken_up & (rows["finished"] != NEVER)])
        self._totals["output_tokens"] += np.bincount(
            self._row_of(rows["finished"][has_usage]),
            weights=rows["completion_tokens"][has_usage],
            minlength=self._number,
        ).astype(np.int64)
        late = samples_of("lateness", rows, gaps)
        np.maximum.at(self._lateness, self._row_of(late.at), late.values)
        for name, percentiles in self._latencies.items():
            if name == "e2e" or self._is_stream:
                samples = samples_of(name, rows, gaps)
                percentiles.add(self._row_of(samples.at), samples)

    def build(self) -> Series:
        totals = self._totals
        in_flight = np.cumsum(totals["taken_up"] - totals["ended"])
        return Series(
            width_s=self._width * 1e-9,
            at_s=[i * self._width * 1e-9 for i in range(self._number)],
            offered=totals["offered"].tolist(),
            sent=totals["sent"].tolist(),
            completed=totals["completed"].tolist(),
            errors=totals["errors"].tolist(),
            in_flight=in_flight.tolist(),
            output_tokens=totals["output_tokens"].tolist(),
            lateness_most_s=[_seconds(value) for value in self._lateness.tolist()],
            ttft_p50_s=self._latencies["ttft"].at(0.5),
            ttft_p99_s=self._latencies["ttft"].at(0.99),
            e2e_p50_s=self._latencies["e2e"].at(0.5),
            e2e_p99_s=self._latencies["e2e"].at(0.99),
        )

    def _count(self, name: str, times: Ints) -> None:
        self._totals[name] += np.bincount(self._row_of(times), minlength=self._number)

    def _row_of(self, times: Ints) -> Ints:
        return np.clip(times // self._width, 0, self._number - 1)


class RowPercentiles:
    """A coarse histogram of ns for each row; censored samples count as longer than any other."""

    def __init__(self, num_rows: int) -> None:
        # [num_rows, num_buckets + 1], the last column for the censored
        self._counts = np.zeros((num_rows, _NUM_BUCKETS + 1), np.int32)

    def add(self, at_row: Ints, samples: Samples) -> None:
        buckets = np.clip(bucket_of(samples.values, _BITS) - _LEAST_BUCKET, 0, _NUM_BUCKETS - 1)
        columns = np.where(samples.is_censored, _NUM_BUCKETS, buckets)
        np.add.at(self._counts, (at_row, columns), 1)

    def at(self, share: float) -> list[float | None]:
        """Return each row's quantile in s; None without samples, or where it is censored."""
        totals = np.cumsum(self._counts, axis=1, dtype=np.int64)
        counts = totals[:, -1]
        ranks = np.maximum(np.ceil(counts * share), 1)
        columns = (totals < ranks[:, None]).sum(axis=1)
        is_known = (counts > 0) & (columns < _NUM_BUCKETS)
        return [
            _middle_s(int(column)) if known else None
            for column, known in zip(columns, is_known, strict=True)
        ]


class ScatterBuilder:
    """Every n-th request of the run, at most 5,000."""

    def __init__(self, num_records: int, *, is_stream: bool) -> None:
        self._stride = max(1, -(-num_records // MAX_POINTS))
        self._is_stream = is_stream
        self._seen = 0
        self._scatter = Scatter(scheduled_s=[], ttft_s=[], e2e_s=[], lateness_s=[], outcomes=[])

    def add(self, rows: Rows) -> None:
        picked = rows[-self._seen % self._stride :: self._stride]
        self._seen += len(rows)
        due = picked["scheduled"]
        has_ttft = np.full(len(picked), self._is_stream) & (picked["first_chunk"] != NEVER)
        self._scatter.scheduled_s.extend((due * 1e-9).tolist())
        self._scatter.ttft_s.extend(_since(due, picked["first_chunk"], has_ttft))
        self._scatter.e2e_s.extend(_since(due, picked["finished"], is_of(picked, Outcome.OK)))
        self._scatter.lateness_s.extend(_since(due, picked["started"], picked["started"] != NEVER))
        self._scatter.outcomes.extend(Outcome(code).name.lower() for code in picked["outcome"])

    def build(self) -> Scatter:
        return self._scatter


def _since(due: Ints, times: Ints, is_known: Bools) -> list[float | None]:
    spans = ((times - due) * 1e-9).tolist()
    return [span if known else None for span, known in zip(spans, is_known, strict=True)]


def _seconds(ns: int) -> float | None:
    return None if ns == NEVER else ns * 1e-9


def _middle_s(column: int) -> float:
    low = least_of(column + _LEAST_BUCKET, _BITS)
    return (low + least_of(column + _LEAST_BUCKET + 1, _BITS)) / 2 * 1e-9
