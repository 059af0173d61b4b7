"""Which requests each metric is measured on, and from when to when."""

import numpy as np
import pytest
from numpy.typing import NDArray

from loadtest.analysis.metrics import longest_gaps, measured, metric_names, samples_of
from loadtest.record import NEVER, Outcome
from tests.loadtest.analysis.records import MS, records

NO_GAPS = np.zeros(0, np.int64)
FAILURES = [
    outcome
    for outcome in Outcome
    if outcome not in (Outcome.OK, Outcome.UNFINISHED, Outcome.TIMEOUT)
]


def stream(outcome: Outcome = Outcome.OK) -> NDArray[np.void]:
    """Return a request due at 1 s, sent 10 us later: 5 chunks, 9 tokens, 100 to 500 ms."""
    return records(
        np.array([1000 * MS]), 500 * MS, ttft=100 * MS, num_chunks=5, tokens=9, outcome=outcome
    )


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("e2e", 500 * MS),
        ("e2e_sent", 500 * MS - 10_000),
        ("ttft", 100 * MS),
        ("ttft_sent", 100 * MS - 10_000),
        ("tpot", 400 * MS // 8),
        ("tokens_per_chunk", 1_800_000_000),
        ("lateness", 10_000),
    ],
    ids=str,
)
def test_metric_of_an_answered_stream_is_as_defined(metric: str, value: int) -> None:
    samples = samples_of(metric, stream(), np.full(4, 100 * MS))

    assert samples.values.tolist() == [value]
    assert samples.at.tolist() == [1000 * MS]
    assert not samples.is_censored.any()


@pytest.mark.parametrize("outcome", FAILURES, ids=lambda outcome: outcome.name)
@pytest.mark.parametrize("metric", ["e2e", "e2e_sent", "ttft", "ttft_sent", "tpot", "gap"])
def test_failed_request_is_in_no_latency(metric: str, outcome: Outcome) -> None:
    assert samples_of(metric, stream(outcome), np.full(4, MS)).values.size == 0


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.UNFINISHED])
def test_request_without_an_end_is_longer_than_what_it_lasted(outcome: Outcome) -> None:
    samples = samples_of("e2e", stream(outcome), np.full(4, MS))

    assert (samples.values.tolist(), samples.is_censored.tolist()) == ([500 * MS], [True])


def test_first_token_of_a_request_that_timed_out_later_is_a_real_one() -> None:
    samples = samples_of("ttft", stream(Outcome.TIMEOUT), np.full(4, MS))

    assert (samples.values.tolist(), samples.is_censored.tolist()) == ([100 * MS], [False])


def test_first_token_that_never_came_is_censored() -> None:
    row = stream(Outcome.TIMEOUT)
    row["first_chunk"] = row["last_chunk"] = NEVER
    row["num_chunks"] = 0

    samples = samples_of("ttft", row, NO_GAPS)

    assert (samples.values.tolist(), samples.is_censored.tolist()) == ([500 * MS], [True])


def test_request_that_was_never_sent_has_no_latency_from_its_send() -> None:
    row = stream(Outcome.TIMEOUT)
    row["sent"] = NEVER

    assert samples_of("e2e_sent", row, NO_GAPS).values.size == 0


@pytest.mark.parametrize(
    ("field", "value"), [("completion_tokens", 1), ("completion_tokens", NEVER), ("num_chunks", 1)]
)
def test_time_per_token_needs_two_tokens_told_and_two_chunks(field: str, value: int) -> None:
    row = stream()
    row[field] = value

    assert samples_of("tpot", row, NO_GAPS).values.size == 0


def test_gaps_are_those_of_answered_streams_only() -> None:
    rows = np.concatenate([stream(), stream(Outcome.RESET), stream()])
    gaps = np.arange(12)

    samples = samples_of("gap", rows, gaps)

    assert samples.values.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]


def test_longest_gap_is_each_requests_own() -> None:
    single = stream()
    single["num_chunks"] = 1
    rows = np.concatenate([stream(), single, stream()])

    assert longest_gaps(rows, np.array([1, 3, 2, 7, 4, 4, 5, 0])).tolist() == [7, NEVER, 5]


def test_connecting_is_measured_where_a_connection_was_opened() -> None:
    rows = np.concatenate([stream(), stream()])
    rows["reused"] = [1, 0]
    rows["connect"] = [0, 3 * MS]

    assert samples_of("connect", rows, NO_GAPS).values.tolist() == [3 * MS]


def test_waiting_for_a_connection_is_lateness_whatever_came_of_the_request() -> None:
    row = stream(Outcome.CONNECT_FAILED)
    row["started"] = row["scheduled"] + 40 * MS

    assert samples_of("lateness", row, NO_GAPS).values.tolist() == [40 * MS]


def test_measured_rows_keep_their_own_gaps() -> None:
    rows = np.concatenate([stream(), stream()])
    rows["scheduled"] = [1, 2]

    kept, gaps = measured(rows, np.arange(8), since_ns=2)

    assert kept["scheduled"].tolist() == [2]
    assert gaps.tolist() == [4, 5, 6, 7]


def test_unary_answers_have_no_metric_of_streams() -> None:
    assert metric_names(is_stream=False) == ("e2e", "e2e_sent", "lateness", "connect")
