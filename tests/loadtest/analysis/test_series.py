"""The run over time and the sample that is plotted."""

import numpy as np
import pytest

from loadtest.analysis.series import ScatterBuilder, SeriesBuilder, row_width_ns
from loadtest.record import NEVER, Outcome
from loadtest.report.schema import Scatter, Series
from tests.loadtest.analysis.records import MS, S, records, stored

# Enough for the finest rows.
MANY = 10**6
NO_GAPS = np.zeros(0, np.int64)


def series(rows: np.ndarray, *, is_stream: bool = True) -> Series:
    builder = SeriesBuilder(int(rows["finished"].max()), MANY, is_stream=is_stream)
    builder.add(rows, NO_GAPS)
    return builder.build()


def scatter(rows: np.ndarray, *, is_stream: bool = True) -> Scatter:
    builder = ScatterBuilder(len(rows), is_stream=is_stream)
    for part, _ in stored(rows, chunk_rows=1000).chunks():
        builder.add(part)
    return builder.build()


@pytest.mark.parametrize(
    ("span_s", "width_ms"),
    [(0, 1), (0.5, 1), (0.6, 2), (59.9, 100), (60, 200), (300, 1000), (3600, 10_000)],
    ids=str,
)
def test_rows_are_round_and_at_most_600(span_s: float, width_ms: int) -> None:
    span = round(span_s * S)

    width = row_width_ns(span, MANY)

    assert width == width_ms * MS
    assert span // width + 1 <= 600


@pytest.mark.parametrize(
    ("num_requests", "width_ms"), [(10, 5000), (400, 1000), (3000, 200)], ids=str
)
def test_rows_of_few_requests_are_wider(num_requests: int, width_ms: int) -> None:
    assert row_width_ns(60 * S, num_requests) == width_ms * MS


def test_request_counts_where_it_was_due_and_its_answer_where_it_ended() -> None:
    # Rows of 10 ms: due in the 0th, answered in the 400th.
    rows = records(np.array([5 * MS]), 4 * S, tokens=7)

    found = series(rows)

    assert found.width_s == 0.01
    assert (sum(found.offered), found.offered[0], found.sent[0]) == (1, 1, 1)
    assert (sum(found.completed), found.completed[400]) == (1, 1)
    assert (sum(found.output_tokens), found.output_tokens[400]) == (7, 7)
    assert (found.in_flight[0], found.in_flight[399], found.in_flight[400]) == (1, 1, 0)


def test_failure_is_an_error_where_it_was_due_and_never_completed() -> None:
    found = series(records(np.array([0]), S, outcome=Outcome.RESET))

    assert (found.errors[0], sum(found.completed)) == (1, 0)


def test_what_the_end_cut_off_is_no_error() -> None:
    rows = records(np.arange(2) * MS, S, outcome=Outcome.UNFINISHED)
    rows["outcome"][1] = Outcome.NOT_SENT
    rows["started"][1] = rows["sent"][1] = rows["finished"][1] = NEVER

    found = series(rows)

    assert sum(found.errors) == 0
    assert (sum(found.offered), sum(found.sent), max(found.in_flight)) == (2, 1, 1)


def test_percentiles_of_a_row_are_within_one_percent() -> None:
    rng = np.random.default_rng(0)
    latency = rng.lognormal(18, 1, 2000).astype(np.int64)

    found = series(records(np.zeros(2000, np.int64), latency, ttft=latency // 3))

    p50, p99 = np.quantile(latency, [0.5, 0.99], method="inverted_cdf") / S
    assert [found.e2e_p50_s[0], found.e2e_p99_s[0]] == pytest.approx([p50, p99], rel=0.01)
    assert [found.ttft_p50_s[0], found.ttft_p99_s[0]] == pytest.approx([p50 / 3, p99 / 3], rel=0.01)


def test_percentile_of_a_row_without_samples_or_among_the_censored_is_null() -> None:
    rows = records(np.zeros(10, np.int64), S)
    rows["outcome"][:2] = Outcome.TIMEOUT

    found = series(rows)

    assert found.e2e_p50_s[0] == pytest.approx(1, rel=0.01)
    assert (found.e2e_p99_s[0], found.e2e_p50_s[1]) == (None, None)


def test_lateness_of_a_row_is_the_worst_of_it() -> None:
    rows = records(np.zeros(3, np.int64), S)
    rows["started"] = [MS, 7 * MS, 2 * MS]

    found = series(rows)

    assert found.lateness_most_s[:2] == [0.007, None]


def test_unary_answers_have_no_first_token_to_plot() -> None:
    rows = records(np.zeros(3, np.int64), S)

    assert set(series(rows, is_stream=False).ttft_p50_s) == {None}
    assert set(scatter(rows, is_stream=False).ttft_s) == {None}


@pytest.mark.parametrize(("count", "kept"), [(5000, 5000), (5001, 2501), (12_345, 4115)], ids=str)
def test_plotted_requests_are_at_most_5000_and_even_over_the_run(count: int, kept: int) -> None:
    found = scatter(records(np.arange(count) * S, MS))

    stride = round(found.scheduled_s[1])
    assert found.scheduled_s == pytest.approx(np.arange(kept) * stride)
    assert kept * stride >= count


def test_plotted_request_has_the_durations_it_really_had() -> None:
    rows = records(np.array([S, 2 * S]), 500 * MS, ttft=100 * MS)
    rows["outcome"][1] = Outcome.TIMEOUT
    rows["first_chunk"][1] = rows["started"][1] = NEVER

    found = scatter(rows)

    assert found.outcomes == ["ok", "timeout"]
    assert found.e2e_s == [0.5, None]
    assert found.ttft_s == [pytest.approx(0.1), None]
    assert found.lateness_s == [pytest.approx(1e-5), None]
