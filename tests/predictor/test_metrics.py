"""What the server counts and times."""

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from predictor.engine.sequence import FinishReason, TokenOutput
from predictor.errors import DeadlineExceeded, GenerationFailed, InvalidRequest, Unavailable
from predictor.generation import Delta, Usage
from predictor.metrics import Metrics, outcome_of_status
from predictor.timing import SequenceTimer


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def value(metrics: Metrics) -> Callable[..., float | None]:
    return lambda name, **labels: metrics.registry.get_sample_value(name, labels)


def test_failures_are_counted_from_0(value: Callable[..., float | None]) -> None:
    labels = {"protocol": "rest", "route": "generate_stream", "outcome": "error"}
    assert value("r1_requests_total", **labels) == 0
    assert value("r1_truncated_streams_total", protocol="grpc") == 0


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (400, "refused"),
        (404, "refused"),
        (413, "refused"),
        (499, "cancelled"),
        (500, "error"),
        (503, "unavailable"),
        (504, "deadline"),
    ],
)
def test_a_status_is_one_outcome(status: int, outcome: str) -> None:
    assert outcome_of_status(status) == outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidRequest("x"), "refused"),
        (Unavailable("x"), "unavailable"),
        (DeadlineExceeded("x"), "deadline"),
        (GenerationFailed("x"), "error"),
        (asyncio.CancelledError(), "cancelled"),
        (ZeroDivisionError(), "error"),
    ],
    ids=lambda case: case if isinstance(case, str) else type(case).__name__,
)
def test_an_error_that_leaves_a_request_is_its_outcome(
    metrics: Metrics, value: Callable[..., float | None], error: BaseException, outcome: str
) -> None:
    with pytest.raises(type(error)), metrics.request("grpc", "ModelInfer"):
        raise error

    labels = {"protocol": "grpc", "route": "ModelInfer"}
    assert value("r1_requests_total", **labels, outcome=outcome) == 1
    assert value("gen_ai_server_request_duration_seconds_count", **labels) == 1


def test_a_request_is_in_flight_until_it_ends(
    metrics: Metrics, value: Callable[..., float | None]
) -> None:
    with metrics.request("rest", "infer"):
        during = value("r1_requests_in_flight", protocol="rest")

    assert during == 1
    assert value("r1_requests_in_flight", protocol="rest") == 0


@pytest.mark.parametrize(
    ("error", "has_begun", "num_truncated"),
    [
        pytest.param(GenerationFailed("x"), True, 1, id="failed midway"),
        pytest.param(DeadlineExceeded("x"), True, 1, id="out of time midway"),
        pytest.param(GenerationFailed("x"), False, 0, id="failed before it began"),
        pytest.param(asyncio.CancelledError(), True, 0, id="left by its client"),
    ],
)
def test_a_stream_that_fails_midway_is_a_truncated_one(
    metrics: Metrics,
    value: Callable[..., float | None],
    error: BaseException,
    has_begun: bool,
    num_truncated: int,
) -> None:
    with metrics.request("rest", "generate_stream") as observed:
        observed.has_begun = has_begun
        observed.fail(error)

    assert (value("r1_truncated_streams_total", protocol="rest") or 0) == num_truncated


def test_tokens_are_timed_from_arrival_and_from_each_other(
    metrics: Metrics, value: Callable[..., float | None]
) -> None:
    timer = SequenceTimer(metrics, arrived_at_s=10.0)
    usage = Usage(prompt_tokens=7, reasoning_tokens=2, completion_tokens=4)

    timer.read([TokenOutput(1, 5, queue_time_s=0.25)], 11.0)
    # Two tokens that arrive together have shared the second since the first.
    timer.read([TokenOutput(1, 6), TokenOutput(1, 7)], 12.0)
    timer.read([TokenOutput(1, 8, FinishReason.LENGTH)], 14.0)
    timer.end(Delta(finish_reason=FinishReason.LENGTH, usage=usage))

    assert value("r1_queue_time_seconds_sum") == 0.25
    assert value("gen_ai_server_time_to_first_token_seconds_sum") == 1.0
    assert value("r1_inter_token_seconds_count") == 3
    assert value("r1_inter_token_seconds_sum") == 3.0
    assert value("r1_inter_token_seconds_bucket", le="0.5") == 2
    assert value("gen_ai_server_time_per_output_token_seconds_sum") == 1.0
    assert value("r1_prompt_tokens_sum") == 7
    assert value("r1_reasoning_tokens_sum") == 2
    assert value("r1_completion_tokens_sum") == 4
    assert value("r1_finish_reasons_total", reason="length") == 1


def test_the_longest_gap_is_the_longest_wait_though_two_tokens_end_it(
    metrics: Metrics, value: Callable[..., float | None]
) -> None:
    timer = SequenceTimer(metrics, arrived_at_s=0.0)

    timer.read([TokenOutput(1, 5)], 7.0)
    timer.read([TokenOutput(1, 6), TokenOutput(1, 7)], 10.0)
    timer.read([TokenOutput(1, 8, FinishReason.LENGTH)], 10.5)
    timer.end(Delta(finish_reason=FinishReason.LENGTH, usage=Usage(1, 0, 4)))
    # The reader of a stream may take its time with the end.
    timer.close(99.0)

    assert value("r1_longest_gap_seconds_count") == 1
    assert value("r1_longest_gap_seconds_sum") == 3.0


@pytest.mark.parametrize(
    ("cut_off_at_s", "longest_s"),
    [pytest.param(4.1, 2.0, id="as it goes on"), pytest.param(64.0, 60.0, id="while it hangs")],
)
def test_an_answer_that_is_cut_off_has_its_longest_wait_until_then(
    metrics: Metrics,
    value: Callable[..., float | None],
    cut_off_at_s: float,
    longest_s: float,
) -> None:
    timer = SequenceTimer(metrics, arrived_at_s=0.0)

    timer.read([TokenOutput(1, 5)], 1.0)
    timer.read([TokenOutput(1, 6)], 3.0)
    timer.read([TokenOutput(1, 7)], 4.0)
    timer.close(cut_off_at_s)

    assert value("r1_longest_gap_seconds_sum") == longest_s


def test_an_answer_that_is_cut_off_before_its_second_token_has_waited_for_it(
    metrics: Metrics, value: Callable[..., float | None]
) -> None:
    timer = SequenceTimer(metrics, arrived_at_s=0.0)

    timer.read([TokenOutput(1, 5)], 1.0)
    timer.close(9.0)

    assert value("r1_longest_gap_seconds_sum") == 8.0


def test_a_sequence_of_one_token_has_no_time_between_tokens(
    metrics: Metrics, value: Callable[..., float | None]
) -> None:
    timer = SequenceTimer(metrics, arrived_at_s=0.0)

    timer.read([TokenOutput(1, 5, FinishReason.EOS_TOKEN)], 1.0)
    timer.end(Delta(finish_reason=FinishReason.EOS_TOKEN, usage=Usage(1, 0, 1)))
    timer.close(9.0)

    assert value("r1_inter_token_seconds_count") == 0
    assert value("r1_longest_gap_seconds_count") == 0
    assert value("gen_ai_server_time_per_output_token_seconds_count") == 0
    assert value("r1_finish_reasons_total", reason="eos_token") == 1
