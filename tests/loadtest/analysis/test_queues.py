"""Waiting times of queues with a known answer, by Lindley's recursion over Poisson arrivals."""

import numpy as np
import pytest
from numpy.typing import NDArray

from loadtest.analysis.summary import summarize
from loadtest.report.schema import Distribution
from tests.loadtest.analysis.records import MS, RUN, TARGET, config, poisson, records, stored

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
