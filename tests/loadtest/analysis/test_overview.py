"""What came of a run's requests."""

import numpy as np

from loadtest.analysis.overview import Extent, Totals, extent_of
from loadtest.record import NEVER, FinishReason, Outcome
from tests.loadtest.analysis.records import MS, S, records, stored


def test_extent_spans_from_the_first_due_to_the_last_event() -> None:
    rows = records(np.array([3, 1, 2]) * S, np.array([1, 9, 1]) * S)

    assert extent_of(stored(rows, chunk_rows=2)) == Extent(S, 3 * S, 10 * S)


def test_run_without_records_has_no_extent() -> None:
    assert extent_of(stored(records(np.zeros(0, np.int64), 0))) == Extent(0, 0, 0)


def test_outcomes_add_up_to_what_was_scheduled() -> None:
    totals = Totals()
    rows = records(np.arange(5) * S, MS)
    rows["outcome"][:2] = [Outcome.NOT_SENT, Outcome.OVERLOADED]
    rows["status"][:2] = [NEVER, 503]
    rows["sent"][0] = NEVER
    rows["finish_reason"] = FinishReason.STOP
    totals.add(rows)
    totals.add(rows[2:])

    counts = totals.counts()

    assert counts.outcomes == {"ok": 6, "not_sent": 1, "overloaded": 1}
    assert counts.statuses == {"200": 6, "503": 1}
    assert counts.finish_reasons == {"stop": 6}
    assert (counts.scheduled, counts.sent) == (8, 7)


def test_tokens_are_those_told_and_answers_without_them_are_counted() -> None:
    totals = Totals()
    rows = records(np.arange(3) * S, MS, tokens=10)
    rows["reasoning_tokens"] = [4, NEVER, 1]
    rows["completion_tokens"][2] = rows["prompt_tokens"][2] = NEVER
    totals.add(rows)

    tokens = totals.tokens()

    assert (tokens.prompt, tokens.completion, tokens.reasoning) == (20, 20, 5)
    assert tokens.num_without_usage == 1
    assert tokens.num_checked == 0


def test_local_counts_are_compared_where_both_are_known() -> None:
    totals = Totals()
    rows = records(np.arange(4) * S, MS, tokens=10)
    rows["local_prompt_tokens"] = [10, 12, NEVER, 10]
    rows["local_output_tokens"] = [10, 9, 10, 7]
    rows["prompt_tokens"][3] = rows["completion_tokens"][3] = NEVER
    totals.add(rows)

    tokens = totals.tokens()

    assert tokens.num_checked == 3
    assert (tokens.num_prompt_differs, tokens.prompt_difference) == (1, 2)
    assert (tokens.num_output_differs, tokens.output_difference) == (1, -1)
