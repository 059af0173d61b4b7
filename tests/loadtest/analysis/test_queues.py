"""Waiting times of queues with a known answer, by Lindley's recursion over Poisson arrivals."""

import numpy as np
import pytest
from numpy.typing import NDArray

from loadtest.analysis.distributions import Window
from loadtest.analysis.measurement import Measurement
from loadtest.analysis.summary import summarize
from loadtest.analysis.tallies import Good, Tallies
from loadtest.objectives import parse_gate, parse_objective
from loadtest.report.schema import Distribution, Verdict
from tests.loadtest.analysis.queues import mm1
from tests.loadtest.analysis.records import (
    MS,
    RUN,
    TARGET,
    S,
    config,
    poisson,
    records,
    stored,
)

COUNT = 400_000
LOAD = 0.7
SERVICE_S = 0.001


def measured(service: NDArray[np.int64], due: NDArray[np.int64]) -> Distribution:
    """Return the time in a queue with one server, first come first served."""
    work = np.cumsum(service)
    # An answer ends after all work since the last time the queue was empty.
    ends = work + np.maximum.accumulate(due - (work - service))
    report = summarize(
        stored(records(due, ends - due)),
        config(protocol="v2-infer", max_requests=COUNT),
        RUN,
        TARGET,
        [],
        [],
        [],
        [],
        cpu_ratios=[],
        busy_p99_s=0,
        busy_most_s=0,
    )
    return report.distributions["e2e"]


def arrivals(seed: int) -> NDArray[np.int64]:
    return poisson(np.random.default_rng(seed), COUNT, LOAD / SERVICE_S)


@pytest.fixture(scope="module")
def exponential() -> Distribution:
    """Of exponential service, M/M/1."""
    service = np.random.default_rng(12).exponential(SERVICE_S * 1e9, COUNT)
    return measured(service.astype(np.int64), arrivals(2))


def test_constant_service_waits_as_pollaczek_and_khinchine_say() -> None:
    found = measured(np.full(COUNT, MS, np.int64), arrivals(1))

    waiting_s = LOAD * SERVICE_S / (2 * (1 - LOAD))
    assert found.mean.value is not None
    assert found.mean.value - SERVICE_S == pytest.approx(waiting_s, rel=0.03)


def test_exponential_service_waits_as_erlang_says(exponential: Distribution) -> None:
    waiting_s = LOAD * SERVICE_S / (1 - LOAD)
    assert exponential.mean.value is not None
    assert exponential.mean.value - SERVICE_S == pytest.approx(waiting_s, rel=0.03)


def test_percentiles_of_exponential_service_are_an_exponentials(exponential: Distribution) -> None:
    # The time in an M/M/1 queue is exponential with mean service / (1 - load).
    mean_s = SERVICE_S / (1 - LOAD)
    values = {p.percent: p.value for p in exponential.percentiles}
    assert values[50] == pytest.approx(mean_s * np.log(2), rel=0.03)
    assert values[99] == pytest.approx(mean_s * np.log(100), rel=0.06)


def test_correlation_of_a_queue_widens_its_intervals(exponential: Distribution) -> None:
    # A mean of this queue is known no better than by 1 sample in 20.
    assert exponential.effective_count < COUNT / 20


def waiting(load: float, count: int, seed: int) -> np.ndarray:
    """Return rows of M/M/1 in its steady state; the mean service is 1 s."""
    rng = np.random.default_rng([seed, count])
    due_s = np.cumsum(rng.exponential(1 / load, count + 2000))
    latency_s = mm1(due_s, rng)
    return records((due_s * S).astype(np.int64), (latency_s * S).astype(np.int64))[2000:]


def p99_s(load: float) -> float:
    return float(np.log(100)) / (1 - load)


def measurement(rows: np.ndarray, *gates: str, objectives: tuple[str, ...] = ()) -> Measurement:
    return Measurement(
        stored(rows),
        window(rows),
        [parse_gate(text) for text in gates],
        [parse_objective(text) for text in objectives],
        is_stream=False,
        confidence=0.95,
    )


def window(rows: np.ndarray) -> Window:
    return Window(int(rows["scheduled"][0]), int(rows["scheduled"][-1]))


def verdicts(load: float, count: int, number: int) -> list[list[Verdict]]:
    """Return what p99 and goodput gates say of that many runs, each share exactly on its limit."""
    objective = f"e2e<{p99_s(load)}s"
    gates = (f"p99_{objective}", "goodput_ratio>99%")
    return [
        judged(waiting(load, count, seed), *gates, objectives=(objective,))
        for seed in range(number)
    ]


def judged(rows: np.ndarray, *gates: str, objectives: tuple[str, ...] = ()) -> list[Verdict]:
    found = measurement(rows, *gates, objectives=objectives)
    tallies = Tallies(
        window(rows),
        Good([parse_objective(text) for text in objectives], checks_answers=False),
        is_stream=False,
        lateness_limit_s=1.0,
        most_good_effective=found.effective_of_objectives,
    )
    for part, gaps in stored(rows).chunks():
        tallies.add(part, gaps)
    return [gate.verdict for gate in found.judge(tallies)]


def test_requests_that_wait_in_one_queue_pass_no_gate_by_chance() -> None:
    # Were they taken for independent, two runs in three would pass.
    found = verdicts(0.8, 1000, 15)

    assert sum(Verdict.PASS in run for run in found) <= 1


def test_interval_of_a_percentile_holds_that_of_a_queue() -> None:
    runs = [measurement(waiting(0.9, 500, seed)).distributions()["e2e"] for seed in range(20)]
    highs = [p.high for run in runs for p in run.percentiles if p.percent == 95]

    # None: what was measured does not bound it.
    true_s = np.log(20) / (1 - 0.9)
    assert sum(high is None or high >= true_s for high in highs) >= 18


@pytest.mark.nightly
@pytest.mark.parametrize("load", [0.5, 0.8, 0.9], ids=str)
@pytest.mark.parametrize("count", [500, 1000, 5000], ids=str)
def test_share_on_its_limit_passes_about_as_seldom_as_the_confidence_says(
    load: float, count: int
) -> None:
    found = verdicts(load, count, 200)

    # At half load 3,000 requests pass 7 times in 100: their dependence is itself estimated.
    assert np.mean([Verdict.PASS in run for run in found]) <= 0.08


def test_drift_far_below_a_limit_keeps_no_gate_from_passing() -> None:
    rng = np.random.default_rng(5)
    due = poisson(rng, 2000, 100)
    latency = 5 * MS + np.linspace(0, MS, 2000) + rng.integers(0, MS // 2, 2000)
    rows = records(due, latency.astype(np.int64))

    assert judged(rows, "p99_e2e<1s") == [Verdict.PASS]
