"""Shares and rates: over whom, and over which time."""

import numpy as np
import pytest

from loadtest.analysis.distributions import Window
from loadtest.analysis.tallies import Good, Tallies
from loadtest.objectives import Scalar, parse_objective
from loadtest.record import NEVER, Correctness, Outcome
from tests.loadtest.analysis.records import MS, S, poisson, records, stored

EACH_OUTCOME_ONCE = np.arange(len(Outcome))


def tallies(
    rows: np.ndarray,
    window: Window | None = None,
    good: Good | None = None,
    *,
    is_stream: bool = True,
) -> Tallies:
    due = rows["scheduled"]
    found = Tallies(
        window or Window(int(due.min()), int(due.max())),
        good or Good([], checks_answers=False),
        is_stream=is_stream,
        lateness_limit_s=0.01,
    )
    for part, gaps in stored(rows).chunks():
        found.add(part, gaps)
    return found


def one_of_each() -> np.ndarray:
    rows = records(EACH_OUTCOME_ONCE * MS, 100 * MS, num_chunks=1)
    rows["outcome"] = EACH_OUTCOME_ONCE
    return rows


def hits(found: Tallies, scalar: Scalar) -> tuple[int, int]:
    tally = found.share(scalar)
    return tally.num_hits, tally.count


def test_error_rate_is_every_failure_over_all_that_were_not_cut_off() -> None:
    assert hits(tallies(one_of_each()), Scalar.ERROR_RATE) == (11, 12)


def test_truncated_streams_are_those_that_broke_after_their_first_chunk() -> None:
    rows = one_of_each()

    assert hits(tallies(rows), Scalar.TRUNCATED_RATE) == (3, 12)

    rows["first_chunk"][Outcome.RESET] = NEVER
    assert hits(tallies(rows), Scalar.TRUNCATED_RATE) == (2, 11)


def test_unary_answers_are_never_truncated_streams() -> None:
    assert hits(tallies(one_of_each(), is_stream=False), Scalar.TRUNCATED_RATE) == (0, 0)


def test_goodput_ratio_counts_failures_against_it() -> None:
    assert hits(tallies(one_of_each()), Scalar.GOODPUT_RATIO) == (1, 12)


def test_goodput_ratio_needs_each_objective() -> None:
    rows = records(np.arange(4) * S, np.array([1, 2, 3, 4]) * 100 * MS)
    good = Good([parse_objective("e2e<350ms"), parse_objective("ttft<250ms")], False)

    assert hits(tallies(rows, good=good), Scalar.GOODPUT_RATIO) == (2, 4)


def test_accuracy_is_over_answers_that_were_checked() -> None:
    rows = records(np.arange(5) * S, MS)
    rows["correctness"] = [
        Correctness.RIGHT,
        Correctness.WRONG,
        Correctness.UNCHECKED,
        Correctness.RIGHT,
        Correctness.RIGHT,
    ]
    rows["outcome"][4] = Outcome.TIMEOUT

    answers = tallies(rows).answers(0.95)

    assert answers is not None
    assert (answers.num_checked, answers.num_right) == (3, 2)
    assert answers.accuracy.value == pytest.approx(2 / 3)


def test_answers_that_cannot_be_checked_have_no_accuracy() -> None:
    assert tallies(records(np.arange(5) * S, MS)).answers(0.95) is None


def test_request_of_the_warmup_is_in_no_share() -> None:
    rows = records(np.arange(10) * S, MS, outcome=Outcome.RESET)

    assert hits(tallies(rows, Window(4 * S, 9 * S)), Scalar.ERROR_RATE) == (6, 6)


def test_even_arrivals_are_offered_at_exactly_their_rate() -> None:
    rates = tallies(records(np.arange(51) * S // 10, MS)).rates(0.95)

    assert (rates.window_s, rates.offered_rps) == (5, 10)


def test_answers_count_where_they_ended_whenever_they_were_due() -> None:
    # One a second, each for 3 s: 7 end in the 10 s to the last, those of the warm-up among them.
    rows = records(np.arange(13) * S, 3 * S - MS, tokens=20)

    rates = tallies(rows, Window(2 * S, 12 * S)).rates(0.95)

    assert rates.completed_rps == 1
    assert (rates.output_tokens_per_s, rates.prompt_tokens_per_s) == (20, 20)


def test_tokens_that_no_server_told_have_no_rate() -> None:
    rates = tallies(records(np.arange(10) * S, MS)).rates(0.95)

    assert (rates.output_tokens_per_s, rates.prompt_tokens_per_s) == (None, None)


def test_interval_of_a_rate_holds_the_rate_of_poisson_arrivals() -> None:
    rngs = [np.random.default_rng(seed) for seed in range(60)]
    rates = [tallies(records(poisson(r, 500, 50), MS)).rate(Scalar.THROUGHPUT) for r in rngs]

    # Of n arrivals in T the standard error is sqrt(n) / T.
    errors = [rate.std / np.sqrt(rate.effective_count) for rate in rates if rate is not None]
    assert np.mean(errors) == pytest.approx(np.sqrt(500) / 10, rel=0.1)


def test_window_of_no_length_has_no_rate() -> None:
    found = tallies(records(np.array([S]), MS))

    assert found.rate(Scalar.THROUGHPUT) is None
    assert found.rates(0.95).offered_rps == 0


def test_lateness_is_counted_over_its_limit_and_what_was_not_sent_apart() -> None:
    rows = records(np.arange(4) * S, MS)
    rows["started"] = rows["scheduled"] + [10 * MS, 10 * MS + 1, 0, 0]
    rows["outcome"][3] = Outcome.NOT_SENT
    rows["started"][3] = rows["sent"][3] = NEVER

    found = tallies(rows)

    assert (found.num_late, found.num_taken_up, found.num_not_sent) == (1, 3, 1)
