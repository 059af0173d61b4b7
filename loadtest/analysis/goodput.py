"""Which requests were good: answered, within every objective, and right where that is asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from loadtest.analysis.metrics import Bools, Ints, Rows, is_of, longest_gaps, tpot_of
from loadtest.objectives import Metric, ObjectiveSpec
from loadtest.record import NEVER, Correctness, Outcome


def is_good(
    rows: Rows, gaps: Ints, objectives: Sequence[ObjectiveSpec], *, checks_answers: bool
) -> Bools:
    """Return which rows were good; an answer of one token meets what is asked between tokens."""
    good = is_of(rows, Outcome.OK)
    if checks_answers:
        good = good & (rows["correctness"] == Correctness.RIGHT)
    for objective in objectives:
        values = _DURATIONS[objective.metric](rows, gaps)
        good = good & (values != NEVER) & (values < objective.limit_ns)
    return good


def _between(begin: str, end: str) -> Callable[[Rows, Ints], Ints]:
    def take(rows: Rows, gaps: Ints) -> Ints:
        has_both = (rows[begin] != NEVER) & (rows[end] != NEVER)
        return np.where(has_both, np.maximum(rows[end] - rows[begin], 0), NEVER)

    return take


def _tpot(rows: Rows, gaps: Ints) -> Ints:
    """Return 0 where one chunk was all, but NEVER where the server told no tokens."""
    tokens = rows["completion_tokens"]
    is_single = (tokens != NEVER) & ((tokens < 2) | (rows["num_chunks"] < 2))
    return np.where(is_single, 0, tpot_of(rows))


def _gap(rows: Rows, gaps: Ints) -> Ints:
    return np.maximum(longest_gaps(rows, gaps), 0)


def _connect(rows: Rows, gaps: Ints) -> Ints:
    connect: Ints = rows["connect"]
    return connect


_DURATIONS: Final[Mapping[Metric, Callable[[Rows, Ints], Ints]]] = {
    Metric.E2E: _between("scheduled", "finished"),
    Metric.E2E_SENT: _between("sent", "finished"),
    Metric.TTFT: _between("scheduled", "first_chunk"),
    Metric.TTFT_SENT: _between("sent", "first_chunk"),
    Metric.TPOT: _tpot,
    Metric.GAP: _gap,
    Metric.LATENESS: _between("scheduled", "started"),
    Metric.CONNECT: _connect,
}
