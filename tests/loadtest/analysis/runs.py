"""Runs made up for comparisons: one queue, asked twice."""

import numpy as np
from numpy.typing import NDArray

from loadtest.analysis.pairing import Side
from loadtest.record import Outcome
from loadtest.report.schema import Rates, Report, Steadiness
from tests.loadtest.analysis.records import S, config, poisson, records, stored

RATE = 50.0


def side(
    rows: NDArray[np.void], *, name: str = "run", warmup_s: float = 0.0, **settings: object
) -> Side:
    """Return rows with as much of a report as a comparison reads."""
    end_s = float(rows["scheduled"][-1]) / S if len(rows) else 0.0
    report = Report.model_construct(
        config=config(**settings).model_dump(mode="json"),
        steadiness=Steadiness.model_construct(warmup_s=warmup_s),
        rates=Rates.model_construct(window_s=end_s - warmup_s),
    )
    return Side(name, report, stored(rows))


def queue_run(
    seed: int, number: int, count: int = 3000, *, slower: float = 1.0, load: float = 0.6
) -> NDArray[np.void]:
    """Return run ``number`` of the requests that ``seed`` says, each a little different.

    One server; ``slower`` stretches each service, and what waits for it.
    """
    asked = np.random.default_rng([seed, 0])
    due = poisson(asked, count, RATE)
    service = asked.gamma(4, load / RATE / 4, count)
    noise = np.random.default_rng([seed, number + 1]).lognormal(0, 0.2, count)
    return records(due, sojourn(due, service * noise * slower * S), num_chunks=1, tokens=10)


def sojourn(due: NDArray[np.int64], service: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the times in a queue of one server by Lindley's recursion, in ns."""
    steps = np.concatenate([[0.0], service[:-1] - np.diff(due)])
    walk = np.cumsum(steps)
    return (walk - np.minimum.accumulate(walk) + service).astype(np.int64)


def with_outcome(rows: NDArray[np.void], at: slice, outcome: Outcome) -> NDArray[np.void]:
    changed = rows.copy()
    changed["outcome"][at] = outcome
    return changed
