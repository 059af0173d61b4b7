"""Samples of each metric in rows of the record; loadtest/definitions.py says what they mean.

A value is a whole number of billionths of its unit: ns of a duration.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from loadtest.record import CENSORED, NEVER, Outcome

Rows = NDArray[np.void]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TOKENS_PER_CHUNK: Final = "tokens_per_chunk"


class Stored(Protocol):
    """A finished run on disk, in the order of its indices."""

    @property
    def num_records(self) -> int: ...

    def chunks(self) -> Iterator[tuple[Rows, Ints]]:
        """Yield rows and their gaps in ns, end to end: of row i max(num_chunks - 1, 0)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """``at`` is when the request was due; a censored value is what the true one exceeds."""

    at: Ints
    values: Ints
    is_censored: Bools


def samples_of(metric: str, rows: Rows, gaps: Ints) -> Samples:
    """Return the samples of one metric in the rows, in their order."""
    return _SAMPLES[metric](rows, gaps)


def metric_names(*, is_stream: bool) -> tuple[str, ...]:
    """Return the metrics that requests of such a protocol have."""
    return tuple(_SAMPLES) if is_stream else tuple(n for n in _SAMPLES if n not in _STREAM_ONLY)


def is_of(rows: Rows, *outcomes: Outcome) -> Bools:
    """Return which rows ended in one of the outcomes."""
    return np.isin(rows["outcome"], outcomes)


def num_gaps_of(rows: Rows) -> Ints:
    """Return how many of the gaps are each row's."""
    return np.maximum(rows["num_chunks"].astype(np.int64) - 1, 0)


def measured(rows: Rows, gaps: Ints, since_ns: int) -> tuple[Rows, Ints]:
    """Return what was due at ``since_ns`` or later, with its gaps."""
    is_kept = rows["scheduled"] >= since_ns
    if is_kept.all():
        return rows, gaps
    return rows[is_kept], gaps[np.repeat(is_kept, num_gaps_of(rows))]


def longest_gaps(rows: Rows, gaps: Ints) -> Ints:
    """Return the longest gap of each row in ns, NEVER where it has none."""
    num_gaps = num_gaps_of(rows)
    longest = np.full(len(rows), NEVER, np.int64)
    has_gaps = num_gaps > 0
    if has_gaps.any():
        begins = np.cumsum(num_gaps) - num_gaps
        longest[has_gaps] = np.maximum.reduceat(gaps, begins[has_gaps])
    return longest


def tpot_of(rows: Rows) -> Ints:
    """Return ns per output token after the first, NEVER where there is none to tell.

    One chunk alone, whatever tokens it holds, has no time between tokens.
    """
    tokens = rows["completion_tokens"].astype(np.int64)
    has_tpot = (tokens >= 2) & (rows["num_chunks"] >= 2)
    spans = rows["last_chunk"] - rows["first_chunk"]
    return np.where(has_tpot, spans // np.maximum(tokens - 1, 1), NEVER)


def _e2e(since: str) -> Callable[[Rows, Ints], Samples]:
    def take(rows: Rows, gaps: Ints) -> Samples:
        is_kept = is_of(rows, Outcome.OK, *CENSORED) & (rows[since] != NEVER)
        spans = np.maximum(rows["finished"][is_kept] - rows[since][is_kept], 0)
        return Samples(rows["scheduled"][is_kept], spans, is_of(rows, *CENSORED)[is_kept])

    return take


def _ttft(since: str) -> Callable[[Rows, Ints], Samples]:
    def take(rows: Rows, gaps: Ints) -> Samples:
        has_chunk = rows["first_chunk"] != NEVER
        is_kept = (is_of(rows, Outcome.OK) & has_chunk) | is_of(rows, *CENSORED)
        is_kept &= rows[since] != NEVER
        ends = np.where(has_chunk, rows["first_chunk"], rows["finished"])[is_kept]
        spans = np.maximum(ends - rows[since][is_kept], 0)
        return Samples(rows["scheduled"][is_kept], spans, ~has_chunk[is_kept])

    return take


def _tpot(rows: Rows, gaps: Ints) -> Samples:
    values = tpot_of(rows)
    is_kept = is_of(rows, Outcome.OK) & (values != NEVER)
    return _known(rows["scheduled"][is_kept], values[is_kept])


def _gap(rows: Rows, gaps: Ints) -> Samples:
    num_gaps = num_gaps_of(rows)
    is_kept = np.repeat(is_of(rows, Outcome.OK), num_gaps)
    return _known(np.repeat(rows["scheduled"], num_gaps)[is_kept], gaps[is_kept])


def _tokens_per_chunk(rows: Rows, gaps: Ints) -> Samples:
    is_kept = is_of(rows, Outcome.OK) & (rows["completion_tokens"] >= 0) & (rows["num_chunks"] > 0)
    billionths = rows["completion_tokens"][is_kept].astype(np.int64) * 1_000_000_000
    return _known(rows["scheduled"][is_kept], billionths // rows["num_chunks"][is_kept])


def _lateness(rows: Rows, gaps: Ints) -> Samples:
    is_kept = rows["started"] != NEVER
    at = rows["scheduled"][is_kept]
    return _known(at, np.maximum(rows["started"][is_kept] - at, 0))


def _connect(rows: Rows, gaps: Ints) -> Samples:
    is_kept = (rows["reused"] == 0) & (rows["sent"] != NEVER)
    return _known(rows["scheduled"][is_kept], rows["connect"][is_kept])


def _known(at: Ints, values: Ints) -> Samples:
    return Samples(at, values, np.zeros(len(values), np.bool_))


_SAMPLES: Final[Mapping[str, Callable[[Rows, Ints], Samples]]] = {
    "e2e": _e2e("scheduled"),
    "e2e_sent": _e2e("sent"),
    "ttft": _ttft("scheduled"),
    "ttft_sent": _ttft("sent"),
    "tpot": _tpot,
    "gap": _gap,
    TOKENS_PER_CHUNK: _tokens_per_chunk,
    "lateness": _lateness,
    "connect": _connect,
}
_STREAM_ONLY: Final = frozenset({"ttft", "ttft_sent", "tpot", "gap", TOKENS_PER_CHUNK})
