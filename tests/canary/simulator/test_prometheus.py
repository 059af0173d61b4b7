"""The simulated Prometheus, as the tool's own reader sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from canary.errors import Unreachable
from canary.judgement.evidence import Evidence, absorb
from canary.judgement.judge import judge
from canary.judgement.verdict import Verdict
from canary.metrics import shares_of
from canary.plan import Prometheus, RolloutPlan
from canary.prometheus import PrometheusReader
from canary.samples import Count, Gap, Interval
from tests.canary.simulator.behaviour import GOOD, Behaviour
from tests.canary.simulator.exposition import Stalling
from tests.canary.simulator.prometheus import Fault
from tests.canary.simulator.server import serving
from tests.canary.simulator.services import service, start_canary
from tests.canary.simulator.universe import Universe

PLAN = RolloutPlan(service="r1", namespace="r1", manifest="m.yaml")
SHARES = shares_of(PLAN)
R1, R2 = "r1-predictor-00001", "r1-predictor-00002"


@contextmanager
def _read(
    behaviour: Behaviour, percent: int = 50, stable: Behaviour = GOOD
) -> Iterator[tuple[Universe, PrometheusReader]]:
    universe = Universe({"a": stable, "b": behaviour}, start=1e9, seed=7)
    universe.create(service("a"))
    start_canary(universe, "b", percent)
    universe.advance(universe.now + 120)
    with serving(universe.handle) as url:
        reader = PrometheusReader(Prometheus(url=f"{url}/prometheus"))
        yield universe, reader
        reader.close()


def _interval(universe: Universe, reader: PrometheusReader, seconds: float) -> Interval | Gap:
    first = reader.read(SHARES, R2, R1, None, reader.now())
    universe.advance(universe.now + seconds)
    return reader.read(SHARES, R2, R1, first.end, reader.now())


def test_the_tool_finds_every_metric_that_it_judges() -> None:
    with _read(Behaviour()) as (_, reader):
        assert reader.check(SHARES, R1, interval_s=30.0) == []


def test_the_clock_is_the_virtual_one() -> None:
    with _read(Behaviour()) as (universe, reader):
        assert reader.now() == universe.now


@pytest.mark.parametrize("percent", [10, 50])
def test_requests_are_split_by_the_routes_percent(percent: int) -> None:
    with _read(Behaviour(), percent) as (universe, reader):
        interval = _interval(universe, reader, 600)

    assert isinstance(interval, Interval)
    assert interval.canary.num_requests == pytest.approx(120 * percent, rel=0.1)
    assert interval.stable.num_requests == pytest.approx(120 * (100 - percent), rel=0.1)


def test_a_share_of_errors_is_what_the_revision_does() -> None:
    with _read(Behaviour(error_share=0.2)) as (universe, reader):
        interval = _interval(universe, reader, 600)

    assert isinstance(interval, Interval)
    errors = interval.canary.counts["errors"]
    assert errors.bad / errors.total == pytest.approx(0.2, rel=0.1)


def test_a_slow_revision_is_slow_at_the_edges_of_buckets() -> None:
    with _read(Behaviour(ttft_s=0.3)) as (universe, reader):
        interval = _interval(universe, reader, 600)

    assert isinstance(interval, Interval)
    slow = interval.canary.counts["ttft>0.3s"]
    assert slow.bad / slow.total == pytest.approx(0.5, rel=0.1)


def test_a_stall_is_a_share_of_answers_and_hardly_one_of_gaps() -> None:
    with _read(Behaviour(stall_share=0.2, stall_s=1.5)) as (universe, reader):
        interval = _interval(universe, reader, 600)

    assert isinstance(interval, Interval)
    counts = interval.canary.counts
    shares = {key: counts[key].bad / counts[key].total for key in counts}
    assert shares["longest_gap>1s"] == pytest.approx(0.2, rel=0.1)
    assert shares["longest_gap>2s"] == 0
    assert shares["inter_token>1s"] == pytest.approx(0.002, rel=0.1)
    assert counts["longest_gap>1s"].total == counts["ttft>1s"].total


def test_the_longest_of_equal_gaps_is_longer_than_most() -> None:
    with _read(Behaviour(inter_token_s=0.04)) as (universe, reader):
        interval = _interval(universe, reader, 600)

    assert isinstance(interval, Interval)
    longest = interval.canary.counts["longest_gap>0.1s"]
    # 1.1 % of gaps are, each of 100 by itself.
    assert longest.bad / longest.total == pytest.approx(1 - (1 - 0.011) ** 100, rel=0.1)


def test_a_canary_whose_long_answers_stall_once_is_rolled_back_by_the_longest_gap() -> None:
    well = Behaviour(mean_tokens=1000.0)
    with _read(replace(well, stall_share=0.05), stable=well) as (universe, reader):
        first = reader.read(SHARES, R2, R1, None, reader.now())
        evidence = Evidence.empty(first.end)
        for _ in range(10):
            universe.advance(universe.now + 30)
            sample = reader.read(SHARES, R2, R1, evidence.until, reader.now())
            evidence = absorb(PLAN, SHARES, evidence, sample)

    judged = judge(PLAN, SHARES, evidence)
    assert judged.verdict is Verdict.ROLL_BACK
    assert "most of it by longest_gap: " in judged.reason
    assert sum(each.e_worse for each in judged.findings if each.metric != "longest_gap") < 1


def test_a_canary_that_hangs_ends_requests_without_an_error_or_an_answer() -> None:
    with _read(Stalling()) as (universe, reader):
        interval = _interval(universe, reader, 600)

    assert isinstance(interval, Interval)
    assert interval.canary.counts["errors"] == Count(0, 0)
    given_up = interval.canary.counts["cancelled"]
    assert given_up.bad == given_up.total > 5000


@pytest.mark.parametrize(
    ("behaviour", "ratio"),
    [
        pytest.param(Behaviour(), 1.0, id="equal"),
        pytest.param(Behaviour(ttft_s=0.45, inter_token_s=0.036), 3.0, id="three-times-slower"),
    ],
)
def test_a_slow_revision_has_more_requests_under_way(behaviour: Behaviour, ratio: float) -> None:
    with _read(behaviour) as (universe, reader):
        interval = _interval(universe, reader, 600)

    assert isinstance(interval, Interval)
    under_way = [arm.in_flight for arm in (interval.canary, interval.stable)]
    assert under_way[0] / under_way[1] == pytest.approx(ratio, rel=0.1)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(Behaviour(ttft_s=0.45, inter_token_s=0.036), id="three-times-slower"),
        pytest.param(Stalling(stalled_share=0.3), id="hangs-at-times"),
    ],
)
def test_a_bad_canary_of_the_simulated_prometheus_is_rolled_back(behaviour: Behaviour) -> None:
    with _read(behaviour) as (universe, reader):
        first = reader.read(SHARES, R2, R1, None, reader.now())
        evidence = Evidence.empty(first.end)
        verdicts = []
        for _ in range(10):
            universe.advance(universe.now + 30)
            sample = reader.read(SHARES, R2, R1, evidence.until, reader.now())
            evidence = absorb(PLAN, SHARES, evidence, sample)
            verdicts.append(judge(PLAN, SHARES, evidence).verdict)

    assert Verdict.ROLL_BACK in verdicts


def test_what_was_counted_before_a_crash_is_not_lost() -> None:
    behaviour = Behaviour(crashes_after_s=150, recovers_after_s=60)
    with _read(behaviour) as (universe, reader):
        interval = _interval(universe, reader, 600)

    assert isinstance(interval, Interval)
    assert interval.canary.num_requests == pytest.approx(10 * 540, rel=0.1)


def test_a_revision_that_crashes_is_not_scraped() -> None:
    with _read(Behaviour(crashes_after_s=150)) as (universe, reader):
        interval = _interval(universe, reader, 120)

    assert isinstance(interval, Gap)


@pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.SLOW], ids=str)
def test_nothing_is_said_of_an_interval_with(fault: Fault) -> None:
    with _read(Behaviour()) as (universe, reader):
        first = reader.read(SHARES, R2, R1, None, reader.now())
        universe.prometheus.fault = fault
        universe.advance(universe.now + 120)

        assert isinstance(reader.read(SHARES, R2, R1, first.end, universe.now), Gap)


def test_a_refused_connection_does_not_tell_the_time() -> None:
    with _read(Behaviour()) as (universe, reader):
        universe.prometheus.fault = Fault.REFUSED

        with pytest.raises(Unreachable):
            reader.now()


def test_a_slow_answer_takes_time_of_the_virtual_clock() -> None:
    with _read(Behaviour()) as (universe, reader):
        before = universe.now
        universe.prometheus.fault = Fault.SLOW

        assert reader.now() > before


def test_what_is_no_query_is_refused() -> None:
    universe = Universe({}, start=1e9)
    with serving(universe.handle) as url:
        answer = httpx.get(f"{url}/prometheus/api/v1/query", params={"query": "rate(x"})

    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")


def test_the_same_seed_gives_the_same_counters() -> None:
    rows = []
    for _ in range(2):
        universe = Universe({}, start=1e9, seed=3)
        universe.create(service("a"))
        rows.append([pod.rows[-1].tolist() for pod in universe.prometheus.pods.values()])

    assert rows[0] == rows[1]
