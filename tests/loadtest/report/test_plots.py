import re

import matplotlib as mpl
import numpy as np
import pytest

from loadtest.report import plots
from loadtest.report.distribution_plots import latency_cdf, latency_tail, lateness_cdf, thresholds
from loadtest.report.schema import Interval, MetricSeries, Report, Verdict
from loadtest.report.svg import BLUE, dots, draw
from loadtest.report.verdict_plots import forest, knee_plots
from tests.loadtest.report.example import (
    UNKNOWN,
    make_comparison,
    make_empty_report,
    make_failed_report,
    make_knee,
    make_report,
    make_unary_report,
)


@pytest.fixture(scope="module")
def report() -> Report:
    return make_report(num_requests=500)


def test_every_answered_request_is_a_dot_of_the_scatter(report):
    num_answered = sum(value is not None for value in report.scatter.e2e_s)
    # Its first token and its end.
    assert plots.latency_scatter(report).svg.count("h.01") == 2 * num_answered


def test_every_failure_is_marked_on_the_scatter(report):
    num_failed = sum(outcome != "ok" for outcome in report.scatter.outcomes)
    svg = plots.latency_scatter(report).svg
    # One more explains the mark in the legend.
    assert len(re.findall(r"<use [^>]*var\(--red\)", svg)) == num_failed + 1


def test_a_failure_is_not_drawn_at_its_latency(report):
    slow = report.scatter.model_copy(update={"e2e_s": [9999.0] * 500, "ttft_s": [None] * 500})
    failed = report.model_copy(
        update={"scatter": slow.model_copy(update={"outcomes": ["timeout"] * 500})}
    )
    assert "h.01" not in plots.latency_scatter(failed).svg


def test_what_a_plot_shows_is_said_in_words(report):
    assert re.search(r'aria-label="[^"]*TTFT median 1\d\d ms', plots.latency_scatter(report).svg)


def test_colours_follow_the_page(report):
    svg = plots.percentiles_over_time(report).svg
    assert "var(--blue)" in svg
    assert not re.search(r"#[0-9a-f]{6}", svg)


def test_text_stays_text_in_the_fonts_of_the_page(report):
    svg = plots.latency_cdf(report).svg
    assert re.search(r"<text [^>]*font-family: var\(--font\)[^>]*>TTFT</text>", svg)


def test_a_figure_styles_nothing_outside_itself(report):
    svg = plots.latency_cdf(report).svg
    assert "<style" not in svg


def test_two_figures_share_no_id(report):
    one, other = plots.rates_over_time(report).svg, plots.in_flight(report).svg
    assert not set(re.findall(r' id="([^"]+)"', one)) & set(re.findall(r' id="([^"]+)"', other))


def test_drawing_leaves_the_settings_of_matplotlib_alone(report):
    plots.in_flight(report)
    assert mpl.rcParams["text.color"] == mpl.rcParamsDefault["text.color"]
    assert mpl.rcParams["svg.hashsalt"] == mpl.rcParamsDefault["svg.hashsalt"]


def test_a_name_from_outside_is_neither_markup_nor_mathematics():
    series = MetricSeries(
        name="<b>$\\frac$", kind="gauge", labels={}, at_s=[0, 1], values=[1, 2], increase=None
    )
    svg = plots.metric(series, 0).svg
    assert "<b>" not in svg
    assert "&lt;b&gt;$\\frac$ over the run" in svg


def test_text_within_a_figure_is_escaped():
    svg = draw("one", "alt", lambda axes: axes.set_title("<b>$x_"))
    assert "&lt;b&gt;$x_</text>" in svg


def test_dots_leave_out_what_is_not_known():
    xs, ys = np.arange(4.0), np.array([1.0, np.nan, 2.0, np.nan])
    svg = draw("one", "alt", lambda axes: dots(axes, xs, ys, colour=BLUE, label="a"))
    assert svg.count("h.01") == 2


def test_an_empty_run_has_no_plots():
    assert not any(plots.run_plots(make_empty_report()).values())


@pytest.mark.parametrize("plot", [latency_cdf, latency_tail, plots.percentiles_over_time])
def test_a_run_without_answers_has_no_latencies_to_plot(plot):
    assert plot(make_failed_report()) is None


def test_a_run_without_answers_still_shows_its_failures():
    assert "200 of them failed" in plots.latency_scatter(make_failed_report()).caption


@pytest.mark.parametrize("plot", [plots.latency_scatter, latency_cdf, plots.percentiles_over_time])
def test_a_unary_run_has_no_first_token(plot):
    svg = plot(make_unary_report()).svg
    assert ">TTFT" not in svg
    assert re.search(">(end to end|e2e)", svg)


def test_thresholds_of_latency_gates_are_found_by_metric():
    report = make_report(num_requests=40)
    assert [thresholds(report, name) for name in ("ttft", "e2e", "tpot")] == [[0.5], [2.0], []]


def test_the_limit_of_lateness_is_drawn():
    assert "stroke-dasharray" in lateness_cdf(make_report(num_requests=40)).svg


def test_a_counter_is_shown_as_a_rate_and_a_restart_as_none():
    series = MetricSeries(
        name="requests_total",
        kind="counter",
        labels={"pod": "a"},
        at_s=[0.0, 2.0, 4.0, 6.0],
        values=[100.0, 180.0, 0.0, 20.0],
        increase=100.0,
    )
    plot = plots.metric(series, 0)
    assert "from 0 to 40" in plot.svg
    assert plot.caption == "pod=a"


def test_the_knee_is_drawn_with_its_interval():
    first, second = knee_plots(make_knee())
    assert "knee at 46.2 a second (44.1 to 48)" in first.svg
    assert ">knee 46.2/s</text>" in second.svg


def test_a_search_without_a_knee_says_so():
    first, second = knee_plots(make_knee(verdict=Verdict.FAIL))
    assert "no knee was found" in first.svg
    assert ">knee" not in second.svg


def test_a_knee_beyond_the_rates_tried_is_drawn_up_to_them():
    knee = make_knee().model_copy(update={"knee_rps": Interval(value=78.0, low=None, high=None)})
    assert ">knee 78/s</text>" in knee_plots(knee)[1].svg


def test_a_search_without_stages_has_no_plots():
    assert knee_plots(make_knee().model_copy(update={"stages": []})) == []


def test_the_forest_has_a_row_for_each_known_ratio_that_is_not_of_shares():
    svg = forest(make_comparison()).svg
    assert re.findall(r">(\w+ (?:p\d+|mean|rate))</text>", svg) == [
        "ttft p50",
        "ttft p99",
        "e2e p50",
        "e2e p99",
        "tpot mean",
        "output_tokens rate",
    ]
    assert "error_rate" not in svg


def test_a_ratio_without_bounds_is_drawn_across_the_forest():
    comparison = make_comparison()
    open_ended = comparison.changes[0].model_copy(
        update={"ratio": Interval(value=1.0, low=None, high=None)}
    )
    svg = forest(comparison.model_copy(update={"changes": [open_ended]})).svg
    # From edge to edge of the axes.
    assert re.search(r'id="forest-LineCollection_1">\n<path d="M 136.8 \d+\nL 401.76 \d+', svg)


def test_a_comparison_without_ratios_has_no_forest():
    comparison = make_comparison()
    unknown = [change.model_copy(update={"ratio": UNKNOWN}) for change in comparison.changes]
    assert forest(comparison.model_copy(update={"changes": unknown})) is None
