"""Verdicts of comparisons: of equal runs, of a slower one, and of ones that tell too little."""

from collections import Counter

import numpy as np
import pytest

from loadtest.analysis.compare import compare
from loadtest.analysis.pairing import Side
from loadtest.errors import UsageError
from loadtest.record import Correctness, Outcome
from loadtest.report.schema import Change, Comparison, Interval
from tests.loadtest.analysis.runs import queue_run, side, with_outcome

NO_MARGIN = 1e-6


def compared(a: Side, b: Side, **changes: float) -> Comparison:
    return compare(a, b, rng=np.random.default_rng(0), **{"num_resamples": 300} | changes)  # type: ignore[arg-type]


def change(comparison: Comparison, metric: str, statistic: str) -> Change:
    found = [c for c in comparison.changes if (c.metric, c.statistic) == (metric, statistic)]
    assert len(found) == 1
    return found[0]


def verdicts(num: int, count: int, *, is_paired: bool, slower: float = 1.0) -> Counter[str]:
    """Whole verdicts of many comparisons without a margin, so that any true change is one."""
    found: Counter[str] = Counter()
    for seed in range(num):
        a = side(queue_run(seed, 0, count))
        b = side(
            queue_run(seed if is_paired else seed + num, 1, count, slower=slower),
            seed=0 if is_paired else 1,
        )
        comparison = compare(
            a, b, rng=np.random.default_rng(seed), margin=NO_MARGIN, num_resamples=200
        )
        found[comparison.verdict] += 1
    return found


@pytest.mark.nightly
def test_equal_runs_are_seldom_called_worse() -> None:
    # At most 2.5 % each way; three of forty happen once in 80.
    assert verdicts(40, 300, is_paired=True)["worse"] <= 3


@pytest.mark.nightly
@pytest.mark.parametrize("is_paired", [True, False], ids=["paired", "apart"])
def test_of_400_equal_runs_no_more_than_stated_are_called_worse(is_paired: bool) -> None:
    # 2.5 % of 400, and two standard deviations.
    assert verdicts(400, 1000, is_paired=is_paired)["worse"] <= 16


@pytest.mark.nightly
def test_nearly_every_10_percent_slower_run_is_found() -> None:
    assert verdicts(100, 2000, is_paired=True, slower=1.1)["worse"] >= 95


def test_a_10_percent_slower_run_is_worse() -> None:
    comparison = compared(side(queue_run(1, 0)), side(queue_run(1, 1, slower=1.1)))
    assert comparison.is_paired
    assert comparison.num_pairs == 3000
    assert (comparison.verdict, comparison.exit_code) == ("worse", 1)
    assert change(comparison, "e2e", "p50").verdict == "worse"
    assert change(comparison, "throughput", "mean").verdict == "same"


def test_a_faster_run_is_better_only_where_nothing_else_is_open() -> None:
    comparison = compared(side(queue_run(1, 0, slower=1.3)), side(queue_run(1, 1)))
    assert change(comparison, "e2e", "mean").verdict == "better"
    assert comparison.verdict == "better"
    assert comparison.exit_code == 0


def test_a_run_is_the_same_as_itself() -> None:
    comparison = compared(side(queue_run(1, 0)), side(queue_run(1, 0)))
    assert {c.verdict for c in comparison.changes} == {"same"}
    assert (comparison.verdict, comparison.exit_code) == ("same", 0)
    assert change(comparison, "e2e", "p99").ratio.value == 1


def test_too_few_requests_leave_a_percentile_undecided_and_without_an_interval() -> None:
    comparison = compared(side(queue_run(1, 0, 200)), side(queue_run(1, 0, 200)))
    p99 = change(comparison, "e2e", "p99")
    assert (p99.ratio.value, p99.ratio.low, p99.verdict) == (1, None, "undecided")
    assert (comparison.verdict, comparison.exit_code) == ("undecided", 2)


def test_pairing_narrows_the_interval_of_the_same_data() -> None:
    a, b = queue_run(1, 0), queue_run(1, 1)
    paired = change(compared(side(a), side(b)), "e2e", "mean").ratio
    apart = change(compared(side(a), side(b, seed=1)), "e2e", "mean").ratio
    assert paired.value == apart.value
    assert width(paired) < 0.6 * width(apart)


def test_runs_of_other_seeds_are_compared_apart_and_it_is_said() -> None:
    comparison = compared(side(queue_run(1, 0, 500)), side(queue_run(2, 0, 500), seed=1))
    assert not comparison.is_paired
    assert comparison.num_pairs == 0
    assert comparison.why_not_paired == "seed is 0 in A and 1 in B"
    assert comparison.changes


def test_the_common_part_of_a_longer_run_is_compared() -> None:
    comparison = compared(side(queue_run(1, 0)[:1000]), side(queue_run(1, 0)[:700]))
    assert comparison.num_pairs == 700


def test_more_errors_are_worse() -> None:
    rows = with_outcome(queue_run(1, 1, 1000), slice(0, 1000, 20), Outcome.SERVER_ERROR)
    comparison = compared(side(queue_run(1, 0, 1000)), side(rows))
    errors = change(comparison, "error_rate", "share")
    assert (errors.a, errors.b, errors.verdict) == (0, 0.05, "worse")
    assert comparison.verdict == "worse"


def test_no_error_in_a_short_run_does_not_show_that_the_rates_are_equal() -> None:
    few = change(
        compared(side(queue_run(1, 0, 100)), side(queue_run(1, 1, 100))), "error_rate", "share"
    )
    many = change(compared(side(queue_run(1, 0)), side(queue_run(1, 1))), "error_rate", "share")
    assert (few.difference.value, few.verdict) == (0, "undecided")
    assert many.verdict == "same"


def test_fewer_right_answers_are_worse() -> None:
    a, b = queue_run(1, 0, 1000), queue_run(1, 1, 1000)
    a["correctness"] = Correctness.RIGHT
    b["correctness"] = np.where(np.arange(1000) % 10, Correctness.RIGHT, Correctness.WRONG)
    accuracy = change(compared(side(a), side(b)), "accuracy", "share")
    assert (accuracy.b, accuracy.verdict) == (0.9, "worse")


def test_a_server_that_falls_behind_completes_less_and_is_worse() -> None:
    a, b = queue_run(1, 0), queue_run(1, 1, load=1.5)
    throughput = change(compared(side(a), side(b)), "throughput", "mean")
    assert throughput.ratio.value == pytest.approx(1 / 1.5, rel=0.1)
    assert throughput.verdict == "worse"


def test_a_server_that_keeps_up_again_completes_more_and_is_better() -> None:
    a, b = queue_run(1, 1, load=1.5), queue_run(1, 0)
    assert change(compared(side(a), side(b)), "throughput", "mean").verdict == "better"


def test_percentiles_among_timeouts_lie_beyond_what_was_measured() -> None:
    rows = with_outcome(queue_run(1, 1), slice(0, 3000, 20), Outcome.TIMEOUT)
    comparison = compared(side(queue_run(1, 0)), side(rows))
    p99 = change(comparison, "e2e", "p99")
    assert (p99.b, p99.ratio.high, p99.verdict) == (None, None, "worse")
    assert change(comparison, "e2e", "p50").b is not None


def test_a_wider_margin_makes_a_small_change_the_same() -> None:
    a, b = side(queue_run(1, 0)), side(queue_run(1, 1, slower=1.1))
    assert change(compared(a, b, margin=0.5), "e2e", "p50").verdict == "same"


def test_a_swap_of_the_runs_swaps_better_and_worse() -> None:
    a, b = side(queue_run(1, 0)), side(queue_run(1, 1, slower=1.3))
    there = [c.verdict for c in compared(a, b).changes]
    back = [c.verdict for c in compared(b, a).changes]
    opposite = {"better": "worse", "worse": "better", "same": "same", "undecided": "undecided"}
    assert back == [opposite[verdict] for verdict in there]


def test_runs_without_a_request_are_undecided() -> None:
    comparison = compared(side(queue_run(1, 0, 100)[:0]), side(queue_run(1, 1, 100)))
    assert comparison.changes == []
    assert comparison.verdict == "undecided"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"confidence": 1.0}, "confidence is 1", id="confidence"),
        pytest.param({"margin": 0.0}, "margin is 0", id="margin"),
        pytest.param({"share_margin": 1.0}, "share_margin is 1", id="share-margin"),
    ],
)
def test_limits_out_of_range_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compared(side(queue_run(1, 0, 10)), side(queue_run(1, 1, 10)), **changes)


def width(interval: Interval) -> float:
    assert interval.low is not None
    assert interval.high is not None
    return interval.high - interval.low
