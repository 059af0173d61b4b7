import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import generate_latest

from loadtest.errors import AnswerError
from loadtest.report.schema import Capture, MetricSeries
from loadtest.run.metrics_page import MAX_POINTS, MAX_SERIES, MetricsPage, Sample, parse_page

SECOND = 1_000_000_000


def counter(value: float, name: str = "r1_requests_total") -> Sample:
    return Sample(name, "counter", (), value)


def start_time(value: float) -> Sample:
    return Sample("process_start_time_seconds", "gauge", (), value)


def captured(*scrapes: list[Sample]) -> Capture:
    """A page scraped once a second, from the epoch on."""
    page = MetricsPage("http://server/metrics")
    for second, samples in enumerate(scrapes):
        page.add(second * SECOND, samples)
    return page.capture(epoch_ns=0)


def named(capture: Capture, name: str) -> MetricSeries:
    return next(series for series in capture.series if series.name == name)


def exposition() -> bytes:
    registry = CollectorRegistry()
    Counter("r1_requests", "", ["route"], registry=registry).labels("infer").inc(3)
    Gauge("vllm:num_requests_running", "", registry=registry).set(2)
    Histogram("gen_ai_server_time_to_first_token_seconds", "", registry=registry).observe(0.5)
    Summary("request_predict_seconds", "", registry=registry).observe(0.25)
    Gauge("r1_unknown", "", registry=registry).set(float("nan"))
    Gauge("python_info", "", registry=registry).set(1)
    return generate_latest(registry)


def test_values_sums_and_counts_of_what_matters_are_kept() -> None:
    samples = [(each.name, each.kind, each.labels, each.value) for each in parse_page(exposition())]

    assert samples == [
        ("r1_requests_total", "counter", (("route", "infer"),), 3.0),
        ("vllm:num_requests_running", "gauge", (), 2.0),
        ("gen_ai_server_time_to_first_token_seconds_count", "histogram", (), 1.0),
        ("gen_ai_server_time_to_first_token_seconds_sum", "histogram", (), 0.5),
        ("request_predict_seconds_count", "summary", (), 1.0),
        ("request_predict_seconds_sum", "summary", (), 0.25),
    ]


def test_a_counter_keeps_the_name_that_its_page_gives_it() -> None:
    # As dcgm-exporter writes it, without OpenMetrics' suffix.
    page = b"# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n" + (
        b'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0"} 5\n'
    )

    [sample] = parse_page(page)

    assert sample.name == "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"


NO_PAGES = {
    "html": (b"<html><body>hello</body></html>\n", "is no metrics page in Prometheus' text format"),
    "json": (b'{"status": "up"}\n', "is no metrics page in Prometheus' text format"),
    "empty name": (b"{,=\n", "is no metrics page in Prometheus' text format"),
    "no text": (b"\xff\xfe\n", "is no metrics page in Prometheus' text format"),
    "cut short": (b"r1_requests_total 12", "was cut short"),
    "empty": (b"\n", "has no metric that begins with r1_, gen_ai_"),
    "of something else": (b"# TYPE node_load1 gauge\nnode_load1 1\n", "has no metric that begins"),
}


@pytest.mark.parametrize(("page", "message"), NO_PAGES.values(), ids=NO_PAGES)
def test_what_is_no_metrics_page_is_said(page: bytes, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        parse_page(page)


INCREASES = {
    "steady": ([10, 12, 15], 5),
    "unchanged": ([10, 10], 0),
    "one scrape": ([10], 0),
    "reset": ([10, 12, 3, 4], 6),
    "two resets": ([10, 1, 0, 2], 3),
}


@pytest.mark.parametrize(("values", "increase"), INCREASES.values(), ids=INCREASES)
def test_a_counters_increase_is_right_across_resets(values: list[float], increase: float) -> None:
    capture = captured(*([counter(value)] for value in values))

    assert capture.series[0].increase == increase


def test_a_counter_that_fell_is_said() -> None:
    capture = captured([counter(10)], [counter(3)])

    assert (capture.num_falls, capture.num_restarts) == (1, 0)


def test_a_counter_that_overtook_itself_after_a_restart_is_counted_from_zero() -> None:
    capture = captured(
        [start_time(100), counter(10)],
        [start_time(200), counter(12)],
        [start_time(200), counter(13)],
    )

    assert named(capture, "r1_requests_total").increase == 13
    assert (capture.num_falls, capture.num_restarts) == (0, 1)


def test_a_counter_that_is_missing_right_after_a_restart_is_counted_from_zero() -> None:
    capture = captured(
        [start_time(100), counter(10)], [start_time(200)], [start_time(200), counter(12)]
    )

    assert named(capture, "r1_requests_total").increase == 12


def test_a_restart_is_noticed_across_a_page_without_a_start_time() -> None:
    capture = captured(
        [start_time(100), counter(10)], [counter(11)], [start_time(200), counter(12)]
    )

    assert named(capture, "r1_requests_total").increase == 1 + 12


def test_a_series_that_appears_during_the_run_began_at_zero() -> None:
    capture = captured([counter(1)], [counter(1), counter(7, "r1_tokens_total")])

    assert named(capture, "r1_tokens_total").increase == 7


def test_a_gauge_has_values_and_no_increase() -> None:
    gauge = "process_start_time_seconds"

    capture = captured([start_time(5)], [start_time(5)])

    series = named(capture, gauge)
    assert (series.kind, series.values, series.increase) == ("gauge", [5, 5], None)


def test_times_are_since_the_epoch_of_the_run() -> None:
    page = MetricsPage("http://server/metrics")
    page.add(9 * SECOND, [counter(1)])
    page.add(12 * SECOND, [counter(1)])

    assert page.capture(epoch_ns=10 * SECOND).series[0].at_s == [-1.0, 2.0]


def test_a_long_run_keeps_a_bounded_number_of_points_evenly_and_the_last() -> None:
    capture = captured(*([counter(second)] for second in range(10_000)))

    [series] = capture.series
    assert MAX_POINTS // 2 <= len(series.values) <= MAX_POINTS
    assert series.at_s[:3] == [0, 32, 64]
    assert series.at_s[-1] == 9_999
    assert series.at_s == series.values
    assert series.increase == 9_999


def test_a_page_of_many_series_is_cut_and_says_so() -> None:
    samples = [counter(1, f"r1_{number}_total") for number in range(MAX_SERIES + 7)]

    capture = captured(samples, samples)

    assert len(capture.series) == MAX_SERIES
    assert capture.num_series_left_out == 7
