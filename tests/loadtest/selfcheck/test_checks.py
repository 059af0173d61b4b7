"""The judgements, of clients whose faults are known."""

from collections.abc import Callable

import numpy as np
import pytest

from loadtest.analysis.quantiles import OrderStatistics
from loadtest.record import NEVER, RECORD
from loadtest.selfcheck import checks
from loadtest.selfcheck.check import Bound, Check
from loadtest.selfcheck.pairing import Measured, Pairs, pair
from tests.loadtest.selfcheck.synthetic import (
    EPOCH_NS,
    MS,
    NUM_CHUNKS,
    SECOND,
    US,
    Times,
    golden_of,
    measured_of,
    pairs_of,
    sends_of,
)


def passed(found: list[Check]) -> list[bool]:
    return [check.passed for check in found]


def jitter_ns(most_ns: int, shape: tuple[int, ...]) -> Times:
    return np.random.default_rng(2).integers(0, most_ns, shape)


def poisson_ns(rate: float, count: int = 2_000) -> Times:
    gaps = np.random.default_rng(4).exponential(SECOND / rate, count)
    return np.cumsum(gaps).astype(np.int64)


def even_ns(rate: float, count: int = 500) -> Times:
    return np.arange(count) * round(SECOND / rate)


# 2 % of the requests are seen late.
SOMETIMES_LATE = np.where(np.arange(1_000) % 50 == 0, 2 * MS, 0)[:, np.newaxis]


def test_what_is_reached_at_the_limit_passes_on_either_side() -> None:
    assert Check("c", 1.0, 1.0, bound=Bound.AT_MOST).passed
    assert Check("c", 1.0, 1.0, bound=Bound.AT_LEAST).passed


@pytest.mark.parametrize("bound", list(Bound))
def test_a_check_without_samples_fails(bound: Bound) -> None:
    assert not Check("c", np.nan, 1.0, bound=bound).passed


@pytest.mark.parametrize(
    ("late_ns", "verdicts"),
    [
        (50 * US, [True, True]),
        (150 * US, [False, True]),
        (-150 * US, [False, True]),
        (SOMETIMES_LATE, [True, False]),
        (-SOMETIMES_LATE, [True, False]),
    ],
    ids=["a little late", "late", "too early", "seldom very late", "seldom much too early"],
)
def test_the_first_chunk_is_judged_by_p50_and_p99(
    late_ns: Times | int, verdicts: list[bool]
) -> None:
    assert passed(checks.first_chunk_bias(pairs_of(late_ns))) == verdicts


def test_gaps_are_not_biased_by_a_constant_delay() -> None:
    assert passed(checks.gap_bias(pairs_of(5 * MS))) == [True, True]


def test_gaps_that_shrink_are_biased() -> None:
    late_ns = np.arange(NUM_CHUNKS) * -150 * US
    assert passed(checks.gap_bias(pairs_of(late_ns))) == [False, True]


def test_errors_of_gaps_to_both_sides_do_not_cancel_out() -> None:
    late_ns = jitter_ns(MS, (1_000, NUM_CHUNKS))
    assert passed(checks.gap_bias(pairs_of(late_ns))) == [False, True]


def test_a_send_stamped_before_it_happened_is_biased() -> None:
    golden = golden_of(1_000)
    measured = measured_of(golden)
    measured.records["sent"] -= 200 * US
    assert passed(checks.send_bias(pair(measured, golden))) == [False]


@pytest.mark.parametrize(
    ("late_ns", "verdict"), [(900 * US, True), (1_100 * US, False)], ids=["0.9 ms", "1.1 ms"]
)
def test_lateness_is_judged_by_p99(late_ns: int, verdict: bool) -> None:
    scheduled = even_ns(1_000)
    late = np.where(np.arange(500) % 50 == 0, late_ns, 0)
    assert passed(checks.lateness(sends_of(scheduled + late, scheduled))) == [verdict]


def test_what_was_never_sent_has_no_lateness() -> None:
    sent = np.array([NEVER, 1_000, 2_000])
    assert checks.lateness(sends_of(sent))[0].num_samples == 2


def test_poisson_sends_pass_in_any_order() -> None:
    sent = np.random.default_rng(6).permutation(poisson_ns(200))
    assert passed(checks.poisson_sends(sends_of(sent), 200)) == [True]


@pytest.mark.parametrize(
    "sent",
    [
        even_ns(200),
        -(-poisson_ns(200) // MS) * MS,
        poisson_ns(200) + np.arange(2_000) * MS // 2,
        poisson_ns(220),
        even_ns(200)[:1],
    ],
    ids=["evenly", "in whole milliseconds", "after sleeps", "too often", "once"],
)
def test_sends_of_another_law_fail_the_ks_test(sent: Times) -> None:
    assert passed(checks.poisson_sends(sends_of(sent), 200)) == [False]


@pytest.mark.parametrize(
    ("jitter", "verdict"), [(300 * US, True), (2 * MS, False)], ids=["0.3 ms", "2 ms"]
)
def test_a_constant_rate_is_judged_by_the_spread_of_its_gaps(jitter: int, verdict: bool) -> None:
    sent = even_ns(50) + jitter_ns(jitter, (500,))
    assert passed(checks.even_sends(sends_of(sent), 50)) == [verdict]


@pytest.mark.parametrize(
    ("scheduled", "verdict"),
    # 50 rps for 12 s; the server stands still from 2 s to 7 s.
    [(even_ns(50, 600), True), (np.maximum(even_ns(50, 600), 7 * SECOND), False)],
    ids=["from the schedule", "from the send"],
)
def test_a_stall_is_seen_only_from_the_schedule(scheduled: Times, verdict: bool) -> None:
    due = even_ns(50, 600)
    records = np.zeros(600, RECORD)
    records["scheduled"] = scheduled
    records["finished"] = np.where((due > 2 * SECOND) & (due < 7 * SECOND), 7 * SECOND, due) + MS
    measured = Measured(EPOCH_NS, records, np.zeros(0, np.int64))
    assert passed(checks.stall_seen(measured)) == [verdict]


def test_percentiles_of_stamps_in_time_are_the_servers_own() -> None:
    assert passed(checks.percentiles(pairs_of(50 * US))) == [True]


@pytest.mark.parametrize(
    "late_ns", [500 * US, SOMETIMES_LATE * 10], ids=["all half a ms", "the tail"]
)
def test_percentiles_of_late_stamps_are_off(late_ns: Times | int) -> None:
    assert passed(checks.percentiles(pairs_of(late_ns))) == [False]


def test_percentiles_of_coarse_buckets_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = OrderStatistics.value
    monkeypatch.setattr(OrderStatistics, "value", lambda *of: exact(*of) // (2 * MS) * 2 * MS)
    assert passed(checks.percentiles(pairs_of(0))) == [False]


@pytest.mark.parametrize(
    "judge",
    [checks.first_chunk_bias, checks.gap_bias, checks.send_bias, checks.percentiles],
)
def test_no_pairs_fail(judge: Callable[[Pairs], list[Check]]) -> None:
    assert not any(passed(judge(pairs_of(0, num_requests=0))))
