import pytest

from loadtest.report.schema import Verdict
from loadtest.report.views import capture_table, gate_bar, latency_rows, telling, tiles, worker_rows
from tests.loadtest.report.example import make_empty_report, make_gate, make_report


@pytest.mark.parametrize(
    ("text", "met"),
    [
        pytest.param("p99_ttft<500ms", (0.0, 80.0), id="upper limit"),
        pytest.param("throughput>0.5", (80.0, 100.0), id="lower limit"),
    ],
)
def test_a_bar_shades_the_side_that_meets_the_gate(text, met):
    bar = gate_bar(make_gate(text, 0.4, 0.3, 0.45, 0.5, Verdict.PASS))
    assert (bar.low, bar.value, bar.high, bar.threshold) == (48.0, 64.0, 72.0, 80.0)
    assert (bar.met_from, bar.met_to) == met


def test_a_bar_without_bounds_reaches_the_edges():
    bar = gate_bar(make_gate("p99_ttft<500ms", 0.4, None, None, 0.5, Verdict.INSUFFICIENT))
    assert (bar.low, bar.high) == (0.0, 100.0)


def test_a_bar_says_its_numbers():
    bar = gate_bar(make_gate("error_rate<1%", 0.02, 0.01, 0.03, 0.01, Verdict.FAIL))
    assert bar.alt == "2 %, from 1 % to 3 %, against 1 %"


def test_a_gate_without_numbers_has_no_bar():
    assert gate_bar(make_gate("x<1s", None, None, None, 1.0, Verdict.INSUFFICIENT)) is None


def test_latencies_come_first_and_empty_distributions_not_at_all():
    found = make_report(num_requests=40).distributions
    empty = found["tpot"].model_copy(update={"count": 0})
    rows = latency_rows({"zebra": found["gap"], "lateness": found["gap"]} | found | {"tpot": empty})
    assert [row.name for row in rows] == [
        "ttft",
        "e2e",
        "gap",
        "tokens_per_chunk",
        "connect",
        "lateness",
        "zebra",
    ]


def test_tiles_leave_out_what_was_not_measured():
    assert [tile.name for tile in tiles(make_empty_report())] == ["Offered", "Completed", "Errors"]


def test_tiles_have_the_numbers_of_a_stream():
    assert [tile.name for tile in tiles(make_report(num_requests=40))] == [
        "Offered",
        "Completed",
        "First token p99",
        "End to end p99",
        "Errors",
        "Goodput",
        "Output tokens",
    ]


def test_a_tile_of_a_censored_percentile_says_more_than_what_was_measured():
    report = make_report(num_requests=40)
    ttft = report.distributions["ttft"]
    censored = [p.model_copy(update={"value": None}) for p in ttft.percentiles]
    made = ttft.model_copy(update={"percentiles": censored, "most": 0.75})
    shown = tiles(report.model_copy(update={"distributions": {"ttft": made}}))[2]
    assert (shown.value, shown.more) == ("> 750 ms", "median > 750 ms")


def test_series_that_tell_of_saturation_come_first_and_others_not_at_all():
    assert [series.name for series in telling(make_report(num_requests=200).captures)] == [
        "r1_sequences_waiting",
        "r1_sequences_running",
        "r1_kv_blocks_used",
        "DCGM_FI_DEV_GPU_UTIL",
        "r1_completion_tokens_total",
    ]


def test_a_table_of_a_large_page_is_cut_and_says_by_how_much():
    capture = make_report(num_requests=200).captures[0]
    large = capture.model_copy(update={"series": capture.series[:1] * 350})
    table = capture_table(large)
    assert (len(table.rows), table.num_left_out) == (300, 50)


def test_a_series_without_values_is_left_out():
    capture = make_report(num_requests=200).captures[0]
    silent = capture.series[0].model_copy(update={"at_s": [], "values": []})
    assert capture_table(capture.model_copy(update={"series": [silent]})).rows == []


def test_a_worker_whose_cpu_is_not_known_is_still_shown():
    report = make_report(num_requests=40)
    saturation = report.saturation.model_copy(update={"cpu_ratios": [0.4]})
    rows = worker_rows(report.model_copy(update={"saturation": saturation}))
    assert [ratio for _, ratio in rows] == [0.4, None]
