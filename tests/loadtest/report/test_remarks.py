import pytest

from loadtest.report.remarks import (
    asked,
    comparison_headline,
    knee_headline,
    knee_warnings,
    run_headline,
    run_warnings,
)
from loadtest.report.schema import Interval, Report, Verdict
from tests.loadtest.report.example import make_comparison, make_knee, make_report


@pytest.fixture(scope="module")
def report() -> Report:
    return make_report(num_requests=400)


@pytest.fixture(scope="module")
def flawless(report) -> Report:
    whole = report.rates.truncated_rate.model_copy(update={"value": 0.0})
    return report.model_copy(
        update={
            "steadiness": report.steadiness.model_copy(update={"is_stationary": True}),
            "rates": report.rates.model_copy(update={"truncated_rate": whole}),
            "tokens": report.tokens.model_copy(update={"num_without_usage": 0}),
            "distributions": {},
            "captures": [],
        }
    )


@pytest.mark.parametrize(
    ("verdict", "word", "sentence"),
    [
        (Verdict.PASS, "pass", "3 of 3 objectives are met"),
        (Verdict.FAIL, "fail", "1 of 3 objectives is not met"),
        (Verdict.INSUFFICIENT, "insufficient", "1 of 3 objectives is undecided"),
        (
            Verdict.SATURATED,
            "saturated",
            "The client did not keep up: these are not the server's numbers",
        ),
        (Verdict.NONE, "measured", "Measured; no objective was asked for"),
    ],
)
def test_a_run_is_summed_up_by_its_objectives(verdict, word, sentence):
    headline = run_headline(make_report(num_requests=40, verdict=verdict))
    assert (headline.word, headline.sentence) == (word, sentence)


@pytest.mark.parametrize(
    ("knee", "sentence"),
    [
        pytest.param(
            Interval(value=46.2, low=44.1, high=48.0),
            "46.2 requests a second meet the objectives (44.1 to 48)",
            id="bounded",
        ),
        pytest.param(
            Interval(value=8.0, low=None, high=None),
            "8 requests a second meet the objectives (below what was tried to beyond what was "
            "tried)",
            id="unbounded",
        ),
        pytest.param(
            Interval(value=None, low=None, high=None),
            "No knee within the rates that were tried",
            id="none",
        ),
    ],
)
def test_a_search_is_summed_up_by_its_knee(knee, sentence):
    assert knee_headline(make_knee().model_copy(update={"knee_rps": knee})).sentence == sentence


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("better", "B is better than A"),
        ("worse", "B is worse than A"),
        ("same", "B is the same as A within the margin"),
        ("undecided", "Neither a change nor its absence is shown"),
    ],
)
def test_a_comparison_is_summed_up_by_its_direction(verdict, sentence):
    assert comparison_headline(make_comparison(verdict=verdict)).sentence == sentence


@pytest.mark.parametrize(
    ("config", "phrase"),
    [
        ({"arrivals": "closed", "concurrency": 16}, "16 requests at once, closed loop"),
        ({"arrivals": "step", "rates": "10:60s,40:60s"}, "step of 10:60s,40:60s"),
        ({"arrivals": "trace"}, "the times of a trace"),
        ({"arrivals": "poisson", "rate": 40.0}, "40 requests a second, Poisson arrivals"),
        ({}, "nothing that the report records"),
    ],
    ids=["closed", "step", "trace", "poisson", "unknown"],
)
def test_what_was_asked_is_said_for_each_kind_of_arrivals(config, phrase):
    assert asked(config) == phrase


def test_a_run_without_flaws_has_no_warnings(flawless):
    assert run_warnings(flawless) == []


@pytest.mark.parametrize(
    ("part", "fields", "warning"),
    [
        ("run", {"end": "interrupted"}, "The run was interrupted: this is what was measured"),
        ("run", {"end": "failed"}, "The run failed, this is what was measured until then"),
        ("counts", {"outcomes": {"ok": 1, "not_sent": 7}}, "7 scheduled requests were never sent"),
        ("counts", {"outcomes": {"reset": 40}}, "No request succeeded."),
        ("counts", {"scheduled": 0}, "No request was scheduled"),
        ("saturation", {"reasons": ["3.1 % were late."]}, "3.1 % were late."),
        ("steadiness", {"is_stationary": False}, "Not steady: Latency rose"),
        (
            "rates",
            {"truncated_rate": Interval(value=0.002, low=None, high=None)},
            "0.2 % of answers were cut short.",
        ),
        ("tokens", {"num_without_usage": 12}, "12 answers said no token counts"),
    ],
)
def test_what_weakens_the_numbers_is_said(flawless, part, fields, warning):
    changed = getattr(flawless, part).model_copy(update=fields)
    (said,) = run_warnings(flawless.model_copy(update={part: changed}))
    assert said.startswith(warning)


def test_failed_scrapes_are_said(flawless, report):
    assert run_warnings(flawless.model_copy(update={"captures": report.captures})) == [
        "1 of 5 scrapes of http://127.0.0.1:8080/metrics failed."
    ]


def test_censored_requests_and_missing_samples_are_said_of_each_latency(flawless, report):
    ttft = report.distributions["ttft"].model_copy(update={"count": 390, "num_censored": 2})
    assert run_warnings(flawless.model_copy(update={"distributions": {"ttft": ttft}})) == [
        "First token (TTFT): 2 of 390 requests did not end in time and count as longer than any "
        "other.",
        "First token (TTFT): too few samples for p99.9.",
    ]


def test_a_search_says_where_the_client_was_saturated_and_that_the_knee_may_lie_higher():
    open_ended = Interval(value=72.0, low=70.0, high=None)
    assert knee_warnings(make_knee().model_copy(update={"knee_rps": open_ended})) == [
        "The client did not keep up at 80/s.",
        "The highest rate tried may still be below the knee.",
    ]
