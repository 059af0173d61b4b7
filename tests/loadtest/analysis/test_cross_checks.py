"""The client's numbers beside the server's."""

import pytest

from loadtest.analysis.cross_checks import cross_checks
from loadtest.config import Protocol
from loadtest.report.schema import (
    Capture,
    Counts,
    CrossCheck,
    Distribution,
    Interval,
    MetricSeries,
    Tokens,
)

COUNTS = Counts(scheduled=100, sent=90, outcomes={}, statuses={}, finish_reasons={})
TOKENS = Tokens(
    prompt=500,
    completion=900,
    reasoning=0,
    num_without_usage=0,
    num_checked=0,
    num_prompt_differs=0,
    num_output_differs=0,
    prompt_difference=0,
    output_difference=0,
)
TTFT = Distribution(
    unit="s",
    count=90,
    num_censored=0,
    effective_count=90,
    mean=Interval(value=0.25, low=None, high=None),
    std=None,
    least=None,
    most=None,
    percentiles=[],
    cdf=[],
    hdr="",
)


def series(name: str, increase: float | None, **labels: str) -> MetricSeries:
    return MetricSeries(
        name=name, kind="counter", labels=labels, at_s=[], values=[], increase=increase
    )


def checked(*found: MetricSeries) -> dict[str, CrossCheck]:
    captures = [
        Capture(url="http://s/metrics", num_scrapes=2, failures={}, series=[one]) for one in found
    ]
    checks = cross_checks(captures, Protocol.V2_STREAM, COUNTS, TOKENS, {"ttft_sent": TTFT})
    return {check.name: check for check in checks}


def test_requests_are_compared_with_those_of_the_same_route_over_all_series() -> None:
    check = checked(
        series("r1_requests_total", 80, route="generate_stream", outcome="ok"),
        series("r1_requests_total", 8, route="generate_stream", outcome="error"),
        series("r1_requests_total", 1000, route="infer", outcome="ok"),
    )["requests"]

    assert (check.client, check.server, check.difference) == (90, 88, 2)


def test_tokens_are_compared_with_the_servers() -> None:
    found = checked(series("r1_prompt_tokens_sum", 500), series("r1_completion_tokens_sum", 910))

    assert found["prompt_tokens"].difference == 0
    assert found["completion_tokens"].difference == -10


def test_mean_first_token_is_compared_with_the_servers() -> None:
    name = "gen_ai_server_time_to_first_token_seconds"

    check = checked(series(f"{name}_sum", 20), series(f"{name}_count", 100))["ttft_mean"]

    assert (check.client, check.server) == (0.25, 0.2)
    assert check.difference == pytest.approx(0.05)


@pytest.mark.parametrize(
    "found",
    [(), (series("up", 1),), (series("r1_requests_total", None, route="generate_stream"),)],
    ids=["nothing", "another", "no-increase"],
)
def test_what_was_not_captured_is_not_compared(found: tuple[MetricSeries, ...]) -> None:
    assert checked(*found) == {}
