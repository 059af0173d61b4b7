"""Which requests of two runs are the same, and the numbers taken of them."""

import numpy as np
import pytest

from loadtest.analysis.pairing import (
    MAX_REQUESTS,
    PAIRED_FIELDS,
    columns,
    joined,
    paired_columns,
    rate_columns,
    why_not_paired,
)
from loadtest.config import RunConfig
from loadtest.record import Correctness, Outcome
from tests.loadtest.analysis.records import MS, S, records, stored
from tests.loadtest.analysis.runs import queue_run, side, with_outcome

CHANGES = {
    "arrivals": "closed",
    "rate": 20.0,
    "burstiness": 2.0,
    "rates": "1:1s,2:1s",
    "concurrency": 3,
    "trace_file": "trace.jsonl",
    "seed": 7,
    "prompts": "synthetic",
    "prompt_file": "prompts.jsonl",
    "prompt_tokens": "64",
    "output_tokens": "32",
    "ignore_eos": True,
    "prefix_groups": 2,
    "prefix_tokens": 16,
    "turns": 2,
    "think_time_s": 1.0,
    "tokenizer": "tokenizer.json",
    "option": ("temperature=0",),
}


def evenly(count: int, latency_ms: int = 10) -> np.ndarray:
    return records(np.arange(count) * 10 * MS, latency_ms * MS, num_chunks=1, tokens=5)


def test_runs_of_one_configuration_are_paired() -> None:
    assert why_not_paired(side(evenly(9)), side(evenly(9, 20))) == ""


@pytest.mark.parametrize("field", PAIRED_FIELDS)
def test_a_field_that_changes_the_requests_keeps_runs_apart(field: str) -> None:
    reason = why_not_paired(side(evenly(3)), side(evenly(3), **{field: CHANGES[field]}))
    assert reason.startswith(f"{field} is ")
    assert reason.endswith(" in B")


def test_the_fields_that_decide_the_requests_are_settings() -> None:
    assert set(PAIRED_FIELDS) <= set(RunConfig.model_fields)


@pytest.mark.parametrize(
    "change",
    [{"duration_s": 9.0}, {"max_requests": 7}, {"model": "b"}, {"workers": 2}, {"timeout_s": 1.0}],
    ids=lambda change: next(iter(change)),
)
def test_other_fields_do_not(change: dict[str, object]) -> None:
    assert why_not_paired(side(evenly(3)), side(evenly(3), **change)) == ""


@pytest.mark.parametrize(
    "field", ["asked_prompt_tokens", "asked_output_tokens", "scheduled", "turn"]
)
def test_records_that_differ_in_what_was_asked_keep_runs_apart(field: str) -> None:
    other = evenly(9)
    other[field][4] += 1
    reason = why_not_paired(side(evenly(9)), side(other))
    assert reason.startswith(f"request 4 has {field} ")


def test_a_closed_loop_is_paired_whenever_its_requests_were_due() -> None:
    other = evenly(9)
    other["scheduled"] += 3
    pair = (side(rows, arrivals="closed", concurrency=2) for rows in (evenly(9), other))
    assert why_not_paired(*pair) == ""


def test_later_turns_may_be_due_at_other_times() -> None:
    one, other = evenly(9), evenly(9)
    for rows in (one, other):
        rows["turn"][3] = 1
    other["scheduled"][3] += 1
    assert why_not_paired(side(one, turns=2), side(other, turns=2)) == ""


@pytest.mark.parametrize("sizes", [(2, 5), (7, 3), (100, 1)], ids=str)
def test_runs_are_joined_by_index_whatever_their_chunks(sizes: tuple[int, int]) -> None:
    one, other = np.delete(evenly(20), [0, 5, 6]), np.delete(evenly(23), [5, 8, 19])
    pairs = list(joined(stored(one, chunk_rows=sizes[0]), stored(other, chunk_rows=sizes[1])))
    left, right = (np.concatenate([pair[side]["index"] for pair in pairs]) for side in (0, 1))
    np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(left, np.delete(np.arange(20), [0, 5, 6, 8, 19]))


def test_pairs_begin_after_the_later_warm_up() -> None:
    a, b = side(evenly(100), warmup_s=0.2), side(evenly(100), warmup_s=0.5)
    assert paired_columns(a, b)[2] == 50


def test_a_number_is_in_both_columns_or_in_neither() -> None:
    a = side(with_outcome(evenly(5), slice(1, 2), Outcome.RESET))
    of_a, of_b, _ = paired_columns(a, side(evenly(5, 20)))
    np.testing.assert_array_equal(np.isnan(of_b["e2e"].values), [0, 1, 0, 0, 0])
    np.testing.assert_array_equal(of_a["error_rate"].values, [0, 1, 0, 0, 0])
    np.testing.assert_array_equal(of_b["error_rate"].values, np.zeros(5))


def test_latencies_are_in_seconds_from_the_schedule() -> None:
    rows = records(np.arange(2) * S, 90 * MS, ttft=50 * MS, num_chunks=5, tokens=11)
    found = columns(side(rows))
    assert found["e2e"].values[0] == 0.09
    assert found["ttft"].values[0] == 0.05
    assert found["tpot"].values[0] == pytest.approx(0.004)
    assert found["mean_gap"].values[0] == pytest.approx(0.01)


def test_unary_answers_have_no_first_token() -> None:
    unary, stream = side(evenly(5), protocol="v2-infer"), side(evenly(5))

    assert {"ttft", "tpot", "mean_gap"} <= set(columns(stream))
    assert set(columns(unary)) == {"e2e", "error_rate", "accuracy"}
    assert set(paired_columns(unary, stream)[0]) == {"e2e", "error_rate", "accuracy"}


def test_a_timeout_is_longer_than_any_and_lasted_as_long_as_it_did() -> None:
    rows = with_outcome(evenly(3), slice(1, 2), Outcome.TIMEOUT)
    rows["first_chunk"][1] = -1
    found = columns(side(rows))
    assert found["e2e"].values[1] == found["ttft"].values[1] == np.inf
    assert found["e2e"].at_least[1] == found["ttft"].at_least[1] == 0.01
    assert found["error_rate"].values[1] == 1


def test_what_the_end_of_the_run_cut_off_is_no_error() -> None:
    rows = with_outcome(evenly(3), slice(1, 2), Outcome.UNFINISHED)
    np.testing.assert_array_equal(columns(side(rows))["error_rate"].values, [0, np.nan, 0])


def test_accuracy_is_of_checked_answers() -> None:
    rows = evenly(3)
    rows["correctness"] = [Correctness.RIGHT, Correctness.WRONG, Correctness.UNCHECKED]
    np.testing.assert_array_equal(columns(side(rows))["accuracy"].values, [1, 0, np.nan])


def test_a_long_run_is_sampled_evenly_in_whole_blocks() -> None:
    rows = evenly(2 * MAX_REQUESTS + 1)
    latencies = columns(side(rows))["e2e"].values
    assert len(latencies) == pytest.approx(2 * MAX_REQUESTS / 3, abs=1000)


def test_requests_and_tokens_are_counted_where_they_were_completed() -> None:
    rows = evenly(1000)
    rates = rate_columns(side(rows), (0.0, 10.0))
    assert rates["throughput"].values.mean() == pytest.approx(100, rel=0.01)
    assert rates["output_tokens"].values.mean() == pytest.approx(500, rel=0.01)


def test_what_was_completed_after_the_window_is_not_counted() -> None:
    # A server that takes 5 s longer than the window for half of its requests.
    rows = queue_run(1, 0, 1000)
    rows["finished"][500:] += 60 * S
    end_s = rows["scheduled"][-1] / S
    rates = rate_columns(side(rows), (0.0, end_s))
    assert rates["throughput"].values.mean() == pytest.approx(500 / end_s, rel=0.05)
