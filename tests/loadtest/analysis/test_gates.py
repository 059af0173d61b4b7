"""Verdicts: what is sure, what is not yet, and what outranks what."""

import pytest

from loadtest.analysis.distributions import Tally
from loadtest.analysis.gates import (
    EXIT_CODES,
    MeanFound,
    doubted,
    judge_mean,
    judge_percentile,
    judge_share,
    judge_share_gate,
    not_measured,
    overall,
)
from loadtest.objectives import parse_gate
from loadtest.report.schema import Gate, Percentile, Verdict

P99 = Percentile(percent=99, value=0.4, low=0.3, high=0.45, is_sufficient=True)


def p99(
    num_over: int, count: int, confidence: float = 0.99, effective: float | None = None
) -> Gate:
    tally = Tally(num_over, count, count if effective is None else effective)
    return judge_percentile(parse_gate("p99_ttft<500ms"), P99, tally, confidence)


def share(text: str, num_hits: int, count: int) -> Gate:
    return judge_share_gate(parse_gate(text), Tally(num_hits, count, count), 0.95)


def mean(text: str, found: MeanFound) -> Gate:
    return judge_mean(parse_gate(text), found, 0.95)


@pytest.mark.parametrize(
    ("num_over", "count", "verdict"),
    [
        (0, 459, Verdict.PASS),
        (0, 458, Verdict.INSUFFICIENT),
        (1, 662, Verdict.PASS),
        (1, 661, Verdict.INSUFFICIENT),
        (30, 1000, Verdict.FAIL),
        (2, 30, Verdict.INSUFFICIENT),
    ],
    ids=str,
)
def test_p99_passes_only_when_the_share_over_it_is_surely_under_1_percent(
    num_over: int, count: int, verdict: Verdict
) -> None:
    assert p99(num_over, count).verdict is verdict


@pytest.mark.parametrize(
    ("count", "verdict"), [(4602, Verdict.INSUFFICIENT), (4603, Verdict.PASS)], ids=str
)
def test_error_rate_under_a_thousandth_needs_4603_requests_without_one(
    count: int, verdict: Verdict
) -> None:
    gate = judge_share_gate(parse_gate("error_rate<0.1%"), Tally(0, count, count), 0.99)

    assert gate.verdict is verdict


def test_correlated_samples_do_not_reach_the_floor() -> None:
    assert p99(0, 1000, effective=400).verdict is Verdict.INSUFFICIENT


@pytest.mark.parametrize(
    ("num_over", "count", "effective", "needed"),
    [(0, 100, 100, 459), (0, 100, 50, 917)],
    ids=["independent", "correlated"],
)
def test_insufficient_gate_says_how_many_samples_would_decide(
    num_over: int, count: int, effective: float, needed: int
) -> None:
    gate = p99(num_over, count, effective=effective)

    assert gate.num_needed == needed
    assert f"{needed} instead of {count} would decide" in gate.reason


def test_samples_needed_are_the_fewest_that_decide_at_the_share_measured() -> None:
    tally = Tally(8, 1000, 1000)
    needed = judge_share(tally, 0.01, is_upper_limit=True, confidence=0.95).num_needed
    assert needed is not None

    scale = needed / 1000
    enough, less = (
        Tally(8 * scale, needed, needed),
        Tally(8 * scale - 0.008, needed - 1, needed - 1),
    )

    assert judge_share(enough, 0.01, is_upper_limit=True, confidence=0.95).verdict is Verdict.PASS
    assert (
        judge_share(less, 0.01, is_upper_limit=True, confidence=0.95).verdict
        is Verdict.INSUFFICIENT
    )


def test_share_on_its_threshold_can_be_decided_by_no_number() -> None:
    assert p99(10, 1000).num_needed is None


def test_decided_gate_asks_for_no_more() -> None:
    assert p99(0, 459).num_needed is None


@pytest.mark.parametrize(
    ("num_over", "num_unknown", "verdict"),
    [
        (0, 100, Verdict.INSUFFICIENT),
        (30, 100, Verdict.FAIL),
        (0, 1, Verdict.PASS),
        (0, 1000, Verdict.INSUFFICIENT),
    ],
    ids=["unknown", "failed-without", "passed-with", "all-unknown"],
)
def test_samples_censored_below_the_threshold_may_lie_on_either_side(
    num_over: int, num_unknown: int, verdict: Verdict
) -> None:
    tally = Tally(num_over, 1000, 1000, num_unknown)

    assert judge_percentile(parse_gate("p99_e2e<30s"), P99, tally, 0.99).verdict is verdict


def test_gate_says_what_is_known_of_censored_samples_and_no_more() -> None:
    gate = judge_percentile(parse_gate("p99_e2e<30s"), P99, Tally(0, 100, 100, 20), 0.99)

    assert "0 of 100 samples are not <30s and 20, timed out or cut off, are known" in gate.reason
    assert "0 % to 20 %" in gate.reason


def test_confidence_is_said_as_it_was_asked_for() -> None:
    assert "with 99.9% confidence" in p99(0, 1000, confidence=0.999).reason


@pytest.mark.parametrize(
    ("cut", "uncut", "verdict"),
    [
        (p99(0, 459), p99(30, 1000), Verdict.INSUFFICIENT),
        (p99(0, 459), p99(0, 100), Verdict.INSUFFICIENT),
        (p99(0, 459), p99(0, 1000), Verdict.PASS),
        (p99(30, 1000), p99(0, 1000), Verdict.FAIL),
    ],
    ids=["fails", "insufficient", "passes", "failed-already"],
)
def test_cut_that_nobody_gave_makes_no_gate_pass(cut: Gate, uncut: Gate, verdict: Verdict) -> None:
    assert doubted(cut, uncut, 5.6).verdict is verdict


def test_gate_that_passes_only_by_the_cut_says_so() -> None:
    reason = doubted(p99(0, 459), p99(30, 1000), 5.6).reason

    assert "passes only without the first 5.6 s" in reason
    assert "with them it is fail: 30 of 1000 samples" in reason


def test_percentile_gate_shows_the_percentile_and_its_bounds() -> None:
    gate = p99(0, 459)

    assert (gate.value, gate.low, gate.high, gate.threshold) == (0.4, 0.3, 0.45, 0.5)
    assert gate.reason.startswith("0 of 459 samples are not <500ms: 0 %, with 99% confidence")


@pytest.mark.parametrize(
    ("text", "num_hits", "verdict"),
    [
        ("error_rate<5%", 2, Verdict.PASS),
        ("error_rate<5%", 90, Verdict.FAIL),
        ("error_rate<5%", 50, Verdict.INSUFFICIENT),
        ("goodput_ratio>95%", 998, Verdict.PASS),
        ("goodput_ratio>95%", 910, Verdict.FAIL),
        ("accuracy>=95%", 950, Verdict.INSUFFICIENT),
    ],
    ids=str,
)
def test_share_is_judged_on_the_side_its_gate_asks_for(
    text: str, num_hits: int, verdict: Verdict
) -> None:
    assert share(text, num_hits, 1000).verdict is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("mean_e2e<1.2s", Verdict.PASS),
        ("mean_e2e<0.8s", Verdict.FAIL),
        ("mean_e2e<1.01s", Verdict.INSUFFICIENT),
        ("throughput>0.8rps", Verdict.PASS),
        ("throughput>1.2rps", Verdict.FAIL),
    ],
    ids=str,
)
def test_mean_is_judged_by_its_interval(text: str, verdict: Verdict) -> None:
    found = MeanFound(1.0, 0.5, effective_count=100, num_batches=1024, num_samples=100)

    assert mean(text, found).verdict is verdict


def test_samples_needed_by_a_mean_bring_its_bounds_to_the_threshold() -> None:
    found = MeanFound(1.0, 0.5, effective_count=100, num_batches=1024, num_samples=100)

    # The reach is 1.66 * 0.5 / 10; the threshold is an eighth of that away.
    assert mean("mean_e2e<1.01s", found).num_needed == pytest.approx(100 * 8.3**2, rel=0.01)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("mean_e2e<2s", Verdict.INSUFFICIENT), ("mean_e2e<0.5s", Verdict.FAIL)],
    ids=["may-be-longer", "longer-already"],
)
def test_mean_of_censored_samples_may_fail_but_not_pass(text: str, verdict: Verdict) -> None:
    found = MeanFound(1.0, 0.5, 100, num_batches=1024, num_samples=100, num_censored=1)

    gate = mean(text, found)

    assert (gate.verdict, gate.value, gate.high) == (verdict, None, None)


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [(0.5, Verdict.INSUFFICIENT), (1.3, Verdict.INSUFFICIENT), (1.5, Verdict.PASS)],
    ids=["below", "above", "surely-above"],
)
def test_even_rate_is_known_no_better_than_to_one_request_in_its_window(
    rate: float, verdict: Verdict
) -> None:
    found = MeanFound(rate, 0.0, 1024, num_batches=1024, num_samples=3, least_reach=0.5)

    assert mean("throughput>0.9rps", found).verdict is verdict


PASSED, FAILED, OPEN = p99(0, 459), p99(30, 1000), p99(0, 100)


@pytest.mark.parametrize(
    ("gates", "is_saturated", "num_answered", "verdict", "exit_code"),
    [
        ([PASSED, FAILED, OPEN], True, 9, Verdict.SATURATED, 3),
        ([PASSED, FAILED, OPEN], False, 9, Verdict.FAIL, 1),
        ([PASSED, OPEN], False, 9, Verdict.INSUFFICIENT, 2),
        ([PASSED, PASSED], False, 9, Verdict.PASS, 0),
        ([], False, 9, Verdict.NONE, 0),
        ([], True, 9, Verdict.SATURATED, 3),
        ([], False, 0, Verdict.INSUFFICIENT, 2),
        ([FAILED], False, 0, Verdict.FAIL, 1),
    ],
    ids=[
        "saturated",
        "fail",
        "insufficient",
        "pass",
        "none",
        "none-saturated",
        "nothing",
        "errors",
    ],
)
def test_worst_verdict_is_the_runs_and_sets_its_exit_code(
    gates: list[Gate], is_saturated: bool, num_answered: int, verdict: Verdict, exit_code: int
) -> None:
    found = overall(gates, is_saturated=is_saturated, num_answered=num_answered)

    assert (found, EXIT_CODES[found]) == (verdict, exit_code)


def test_gate_without_a_sample_is_insufficient_and_says_why() -> None:
    gate = not_measured(parse_gate("p99_tpot<1ms"), "no request has a tpot")

    assert (gate.verdict, gate.value, gate.num_samples) == (Verdict.INSUFFICIENT, None, 0)
    assert gate.reason == "no request has a tpot"
