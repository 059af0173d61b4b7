"""Whole reports from made-up records."""

import json

import numpy as np
import pytest

from loadtest.analysis.summary import summarize, without_secrets
from loadtest.definitions import DEFINITIONS
from loadtest.record import NEVER, Outcome
from loadtest.report.schema import Report, Run, Verdict
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


def report(rows: np.ndarray, run: Run = RUN, gap: int = 50 * MS, **settings: object) -> Report:
    return summarize(
        stored(rows, gap, chunk_rows=1000),
        config(**settings),
        run,
        TARGET,
        [],
        [],
        [],
        [],
        cpu_ratios=[0.5],
        busy_p99_s=0.001,
        busy_most_s=0.002,
    )


def healthy(count: int = 3000, seed: int = 0) -> np.ndarray:
    """Return streams at 100 a second; ttft is a fifth of the latency, about 50 ms."""
    rng = np.random.default_rng(seed)
    latency = (rng.lognormal(0, 0.3, count) * 250 * MS).astype(np.int64)
    return records(poisson(rng, count, 100), latency, ttft=latency // 5, num_chunks=5, tokens=9)


def test_report_of_a_healthy_run_passes_its_gates() -> None:
    found = report(healthy(), slo=("p99_ttft<200ms", "error_rate<1%", "throughput>80rps"))

    assert [gate.verdict for gate in found.gates] == [Verdict.PASS] * 3
    assert (found.verdict, found.exit_code) == (Verdict.PASS, 0)
    assert found.objectives == ["ttft<200ms"]
    assert Report.model_validate_json(found.model_dump_json()) == found


def test_distributions_are_numpys() -> None:
    rows = healthy()

    found = report(rows).distributions["e2e"]

    seconds = (rows["finished"] - rows["scheduled"]) / 1e9
    exact = {p.percent: p.value for p in found.percentiles}
    expected = np.quantile(seconds, [0.5, 0.95], method="inverted_cdf")
    assert [exact[50], exact[95]] == pytest.approx(expected, rel=1e-12)
    assert found.mean.value == pytest.approx(seconds.mean(), rel=1e-12)
    assert found.std == pytest.approx(seconds.std(ddof=1), rel=1e-9)
    assert (found.least, found.most) == pytest.approx((seconds.min(), seconds.max()))


def test_percentile_of_a_gate_is_reported_among_the_others() -> None:
    found = report(healthy(), slo=("p75_e2e<1s",)).distributions["e2e"]

    assert [p.percent for p in found.percentiles] == [50, 75, 90, 95, 99, 99.9]


def test_timeouts_count_as_longer_than_any_answer() -> None:
    rows = healthy()
    rows["outcome"][::20] = Outcome.TIMEOUT
    rows["first_chunk"][::20] = NEVER
    rows["finished"][::20] = rows["scheduled"][::20] + 10 * S

    found = report(rows, slo=("p99_e2e<10s", "p50_e2e<1s"))

    e2e = found.distributions["e2e"]
    values = {p.percent: p.value for p in e2e.percentiles}
    assert (e2e.num_censored, e2e.mean.value, values[99]) == (150, None, None)
    assert values[90] is not None
    assert [gate.verdict for gate in found.gates] == [Verdict.FAIL, Verdict.PASS]


@pytest.mark.parametrize("outcome", [Outcome.UNFINISHED, Outcome.TIMEOUT], ids=str)
def test_request_given_up_before_the_threshold_is_no_miss(outcome: Outcome) -> None:
    rows = healthy()
    rows["outcome"][-900:] = outcome
    rows["first_chunk"][-900:] = NEVER

    found = report(rows, slo=("p90_e2e<30s",))

    assert found.gates[0].verdict is Verdict.INSUFFICIENT
    assert "are known only to exceed less" in found.gates[0].reason


def test_request_that_timed_out_is_not_good_whatever_the_objective() -> None:
    rows = healthy()
    rows["outcome"][::2] = Outcome.TIMEOUT

    found = report(rows, slo=("goodput_ratio>90%",), objective=("e2e<30s",))

    assert found.gates[0].verdict is Verdict.FAIL


def test_too_few_requests_are_insufficient_and_say_how_many_would_do() -> None:
    found = report(healthy(100), slo=("p99_ttft<10s",), confidence=0.99)

    assert (found.verdict, found.exit_code) == (Verdict.INSUFFICIENT, 2)
    assert found.gates[0].num_needed == 459


def test_late_client_is_saturated_whatever_the_gates_say() -> None:
    rows = healthy()
    rows["started"][::50] += 20 * MS

    found = report(rows, slo=("p99_ttft<1us",))

    assert (found.gates[0].verdict, found.verdict, found.exit_code) == (
        Verdict.FAIL,
        Verdict.SATURATED,
        3,
    )
    assert found.saturation.late_share == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("end", "verdict"), [("interrupted", Verdict.NONE), ("duration", Verdict.SATURATED)]
)
def test_requests_not_sent_tell_of_the_client_unless_it_was_interrupted(
    end: str, verdict: Verdict
) -> None:
    rows = healthy()
    rows["outcome"][-5:] = Outcome.NOT_SENT
    rows["started"][-5:] = rows["sent"][-5:] = rows["finished"][-5:] = NEVER

    assert report(rows, RUN.model_copy(update={"end": end})).verdict is verdict


def test_warmup_that_is_given_is_cut_from_what_is_measured_but_not_counted() -> None:
    rows = healthy()

    found = report(rows, warmup="10s")

    num_measured = int((rows["scheduled"] >= 10 * S).sum())
    assert found.distributions["e2e"].count == num_measured
    assert found.distributions["gap"].count == 4 * num_measured
    assert found.counts.scheduled == 3000
    assert (found.steadiness.warmup_s, found.steadiness.method) == (10, "given")


def test_slow_beginning_is_cut_by_itself() -> None:
    rows = healthy()
    rows["finished"][:300] += np.linspace(10, 0, 300).astype(np.int64) * S

    found = report(rows, warmup="auto")

    assert found.steadiness.method == "auto"
    assert 1 < found.steadiness.warmup_s < 8


def test_stall_is_not_taken_for_a_warmup() -> None:
    # 50 a second for 30 s, and a server that stands still from 2 s to 7 s.
    due = np.arange(1500) * S // 50
    latency = np.random.default_rng(0).integers(4 * MS, 6 * MS, 1500)
    stalled = np.where((due > 2 * S) & (due < 7 * S), 7 * S - due, 0)
    rows = records(due, latency + stalled)

    found = report(rows, protocol="v2-infer", warmup="auto", slo=("p99_e2e<1s",))

    assert (found.verdict, found.steadiness.warmup_s) == (Verdict.FAIL, 0)


@pytest.mark.parametrize(
    ("warmup", "verdict"),
    [("auto", Verdict.INSUFFICIENT), ("4s", Verdict.PASS), ("0s", Verdict.FAIL)],
    ids=str,
)
def test_gate_passes_without_a_slow_beginning_only_where_that_was_asked_for(
    warmup: str, verdict: Verdict
) -> None:
    rows = healthy()
    rows["finished"][:300] += np.linspace(10, 0, 300).astype(np.int64) * S

    assert report(rows, warmup=warmup, slo=("p99_e2e<2s",)).verdict is verdict


def test_interrupted_run_is_judged_and_exits_as_interrupted() -> None:
    found = report(
        healthy(), RUN.model_copy(update={"end": "interrupted"}), slo=("p99_ttft<200ms",)
    )

    assert (found.verdict, found.exit_code) == (Verdict.PASS, 130)


def test_requests_due_all_at_once_measure_too_little_to_pass() -> None:
    found = report(records(np.zeros(2000, np.int64), MS), slo=("p99_e2e<1s",))

    assert (found.rates.window_s, found.verdict) == (0, Verdict.INSUFFICIENT)
    assert "has no length" in found.steadiness.reason


@pytest.mark.parametrize("count", [0, 1], ids=["none", "one"])
def test_run_of_next_to_nothing_has_a_report(count: int) -> None:
    found = report(healthy(count), slo=("p99_ttft<1s", "error_rate<1%", "throughput>1rps"))

    assert {gate.verdict for gate in found.gates} == {Verdict.INSUFFICIENT}
    assert found.exit_code == 2
    assert found.counts.scheduled == count


def test_run_in_which_all_failed_measures_no_latency() -> None:
    rows = healthy(500)
    rows["outcome"] = Outcome.CONNECT_FAILED
    rows["sent"] = rows["first_chunk"] = NEVER

    found = report(rows, slo=("error_rate<1%", "p99_e2e<1s"))

    assert [gate.verdict for gate in found.gates] == [Verdict.FAIL, Verdict.INSUFFICIENT]
    assert "no request of the measured window has e2e" in found.gates[1].reason
    assert found.distributions["e2e"].percentiles == []


def test_unary_run_has_no_distribution_of_streams() -> None:
    found = report(healthy(), protocol="v2-infer")

    assert set(found.distributions) == {"e2e", "e2e_sent", "lateness", "connect"}


def test_gaps_of_chunks_read_together_are_zero() -> None:
    found = report(healthy(), gap=0).distributions["gap"]

    assert (found.mean.value, found.count) == (0, 12_000)


def test_report_defines_each_name_it_uses() -> None:
    found = report(healthy())

    names = set(found.distributions) | set(type(found.rates).model_fields)
    assert names - {"window_s"} <= set(DEFINITIONS)
    assert found.definitions == DEFINITIONS


def test_settings_are_shown_without_secrets() -> None:
    shown = without_secrets(
        config(
            header=("X-Key: hush", "Cookie:hush"),
            target="https://user:hush@127.0.0.1:1",
            metrics_url=("http://user:hush@127.0.0.1:2/metrics?token=hush",),
            pushgateway="http://127.0.0.1:3/?hush",
        )
    )

    assert "hush" not in json.dumps(shown)
    assert shown["header"] == ["X-Key", "Cookie"]
    assert shown["target"] == "https://127.0.0.1:1"
    assert shown["metrics_url"] == ["http://127.0.0.1:2/metrics?…"]
