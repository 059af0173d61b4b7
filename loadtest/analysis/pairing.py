"""Two runs side by side: which of their requests are the same, and the numbers of each request."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.metrics import Bools, Rows, Stored, is_of, tpot_of
from loadtest.analysis.resample import Column, Floats
from loadtest.config import Arrivals, Protocol
from loadtest.record import CENSORED, CUT_OFF, NEVER, Correctness, Outcome
from loadtest.report.schema import Report

# More requests than these are sampled evenly, in whole runs of _RUN consecutive ones.
MAX_REQUESTS: Final = 200_000
_RUN: Final = 1000
_NUM_BUCKETS: Final = 500

# What decides when requests are due and what they ask. Length is not among them: of a longer run
# the requests that both have are compared.
PAIRED_FIELDS: Final = (
    "arrivals",
    "rate",
    "burstiness",
    "rates",
    "concurrency",
    "trace_file",
    "seed",
    "prompts",
    "prompt_file",
    "prompt_tokens",
    "output_tokens",
    "ignore_eos",
    "prefix_groups",
    "prefix_tokens",
    "turns",
    "think_time_s",
    "tokenizer",
    "option",
)
_ASKED: Final = ("asked_prompt_tokens", "asked_output_tokens")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the runs: its report and its records."""

    name: str
    report: Report
    stored: Stored


def why_not_paired(a: Side, b: Side) -> str:
    """Return one sentence on why requests of equal index differ; empty where they are the same.

    The configurations are compared, and then what the records say of each request.
    """
    for field in PAIRED_FIELDS:
        in_a, in_b = a.report.config.get(field), b.report.config.get(field)
        if in_a != in_b:
            return f"{field} is {in_a} in A and {in_b} in B"
    is_open = a.report.config.get("arrivals") != Arrivals.CLOSED
    for rows_a, rows_b in joined(a.stored, b.stored):
        # Later turns are due when the answer before has come.
        fields = (*_ASKED, "turn", *(["scheduled"] if is_open else []))
        is_first = (rows_a["turn"] == 0) & (rows_b["turn"] == 0)
        for field in fields:
            differs = (rows_a[field] != rows_b[field]) & (is_first | (field == "turn"))
            if differs.any():
                at = int(np.argmax(differs))
                return (
                    f"request {rows_a['index'][at]} has {field} {rows_a[field][at]} in A "
                    f"and {rows_b[field][at]} in B"
                )
    return ""


def joined(a: Stored, b: Stored) -> Iterator[tuple[Rows, Rows]]:
    """Yield rows of both runs with equal indices, in their order; memory is that of two chunks."""
    left_chunks, right_chunks = (rows_of(stored) for stored in (a, b))
    left, right = next(left_chunks, None), next(right_chunks, None)
    while left is not None and right is not None:
        _, in_left, in_right = np.intersect1d(
            left["index"], right["index"], assume_unique=True, return_indices=True
        )
        yield left[in_left], right[in_right]
        last = min(left["index"][-1], right["index"][-1])
        left = _after(left, last, left_chunks)
        right = _after(right, last, right_chunks)


def rows_of(stored: Stored) -> Iterator[Rows]:
    """Yield the rows that are there, without their gaps."""
    return (rows for rows, _ in stored.chunks() if len(rows))


def paired_columns(a: Side, b: Side) -> tuple[dict[str, Column], dict[str, Column], int]:
    """Return the numbers of the requests measured in both runs, and how many requests those are.

    A request has a number in both columns or in neither.
    """
    since = max(_since_ns(a), _since_ns(b))
    is_stream = _is_stream(a) and _is_stream(b)
    stride = _stride(min(a.stored.num_records, b.stored.num_records))
    kept_a, kept_b = [], []
    position = 0
    for rows_a, rows_b in joined(a.stored, b.stored):
        is_kept = _is_sampled(position, len(rows_a), stride)
        is_kept &= _is_measured(rows_a, since) & _is_measured(rows_b, since)
        position += len(rows_a)
        kept_a.append(_numbers(rows_a[is_kept], is_stream=is_stream))
        kept_b.append(_numbers(rows_b[is_kept], is_stream=is_stream))
    columns_a, columns_b = _columns(kept_a), _columns(kept_b)
    for name in columns_a:
        _drop_unpaired(columns_a[name], columns_b[name])
    return columns_a, columns_b, len(columns_a["e2e"].values) if columns_a else 0


def columns(side: Side) -> dict[str, Column]:
    """Return the numbers of the requests measured in one run."""
    stride = _stride(side.stored.num_records)
    kept = []
    position = 0
    for rows in rows_of(side.stored):
        is_kept = _is_sampled(position, len(rows), stride)
        is_kept &= _is_measured(rows, _since_ns(side))
        position += len(rows)
        kept.append(_numbers(rows[is_kept], is_stream=_is_stream(side)))
    return _columns(kept)


def rate_columns(side: Side, window_s: tuple[float, float]) -> dict[str, Column]:
    """Return requests and tokens a second, completed in each of 500 equal parts of the window."""
    start, end = window_s
    if end <= start:
        return {}
    edges = np.linspace(start, end, _NUM_BUCKETS + 1) * 1e9
    requests, tokens = np.zeros(_NUM_BUCKETS), np.zeros(_NUM_BUCKETS)
    for rows in rows_of(side.stored):
        done = rows[is_of(rows, Outcome.OK)]
        requests += np.histogram(done["finished"], edges)[0]
        counts = np.maximum(done["completion_tokens"], 0)
        tokens += np.histogram(done["finished"], edges, weights=counts)[0]
    width = (end - start) / _NUM_BUCKETS
    rates = {"throughput": requests / width}
    if tokens.any():
        rates["output_tokens"] = tokens / width
    return {name: Column(values, values) for name, values in rates.items()}


def window_of(side: Side) -> tuple[float, float]:
    """Return when the measured window of a run begins and ends, in seconds since its epoch."""
    start = side.report.steadiness.warmup_s
    return start, start + side.report.rates.window_s


def _after(rows: Rows, last: np.int64, chunks: Iterator[Rows]) -> Rows | None:
    left = rows[rows["index"] > last]
    return left if len(left) else next(chunks, None)


def _since_ns(side: Side) -> int:
    return round(side.report.steadiness.warmup_s * 1e9)


def _stride(num_records: int) -> int:
    return -(-num_records // MAX_REQUESTS)


def _is_sampled(position: int, num: int, stride: int) -> Bools:
    return np.asarray(np.arange(position, position + num) // _RUN % max(stride, 1) == 0)


def _is_measured(rows: Rows, since_ns: int) -> Bools:
    return (rows["scheduled"] >= since_ns) & ~is_of(rows, Outcome.NOT_SENT)


def _is_stream(side: Side) -> bool:
    return Protocol(side.report.config["protocol"]).is_stream


def _numbers(rows: Rows, *, is_stream: bool) -> dict[str, Column]:
    is_ok, is_censored = is_of(rows, Outcome.OK), is_of(rows, *CENSORED)
    has_chunk = rows["first_chunk"] != NEVER
    has_gaps = is_ok & (rows["num_chunks"] >= 2)
    gaps = (rows["last_chunk"] - rows["first_chunk"]) / np.maximum(rows["num_chunks"] - 1, 1)
    tpot = tpot_of(rows)
    first = np.where(has_chunk, rows["first_chunk"], rows["finished"]) - rows["scheduled"]
    whole = rows["finished"] - rows["scheduled"]
    nowhere = np.zeros(len(rows), np.bool_)
    is_wrong = rows["correctness"] == Correctness.WRONG
    of_streams = {
        "ttft": _seconds(first, (is_ok & has_chunk) | is_censored, is_censored & ~has_chunk),
        "tpot": _seconds(tpot, is_ok & (tpot != NEVER), nowhere),
        "mean_gap": _seconds(gaps, has_gaps, nowhere),
    }
    return {
        **(of_streams if is_stream else {}),
        "e2e": _seconds(whole, is_ok | is_censored, is_censored),
        "error_rate": _share(~is_ok, ~is_of(rows, *CUT_OFF)),
        "accuracy": _share(~is_wrong, is_ok & (rows["correctness"] != Correctness.UNCHECKED)),
    }


def _seconds(spans: NDArray[np.int64] | Floats, has_value: Bools, is_censored: Bools) -> Column:
    at_least = np.where(has_value, np.maximum(spans, 0) / 1e9, np.nan)
    return Column(np.where(is_censored, np.inf, at_least), at_least)


def _share(is_hit: Bools, has_value: Bools) -> Column:
    values = np.where(has_value, is_hit.astype(np.float64), np.nan)
    return Column(values, values)


def _columns(kept: Sequence[Mapping[str, Column]]) -> dict[str, Column]:
    names = list(kept[0]) if kept else []
    return {
        name: Column(
            np.concatenate([numbers[name].values for numbers in kept]),
            np.concatenate([numbers[name].at_least for numbers in kept]),
        )
        for name in names
    }


def _drop_unpaired(a: Column, b: Column) -> None:
    is_lacking = np.isnan(a.values) | np.isnan(b.values)
    for column in (a, b):
        column.values[is_lacking] = np.nan
        column.at_least[is_lacking] = np.nan
