import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from loadtest.report.page import render
from loadtest.report.schema import (
    Capture,
    Comparison,
    ErrorSample,
    KneeReport,
    MetricSeries,
    Report,
    Verdict,
)
from tests.browser import show
from tests.loadtest.report.example import (
    make_comparison,
    make_distribution,
    make_empty_report,
    make_failed_report,
    make_gate,
    make_knee,
    make_report,
    make_unary_report,
)

HOSTILE = "<script>alert('x')</script>\"&{{7*7}}$\\frac"
KINDS = ["run", "empty", "all failed", "unary", "knee", "no knee", "comparison"]
ESCAPED = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;{{7*7}}$\\frac"


@pytest.fixture(scope="module")
def report() -> Report:
    return make_report(num_requests=400)


@pytest.fixture(scope="module")
def pages(report) -> dict[str, str]:
    made = {
        "run": report,
        "empty": make_empty_report(),
        "all failed": make_failed_report(),
        "unary": make_unary_report(),
        "knee": make_knee(),
        "no knee": make_knee(verdict=Verdict.FAIL),
        "comparison": make_comparison(),
    }
    return {kind: render(one) for kind, one in made.items()}


@pytest.fixture(scope="module")
def page(pages) -> str:
    return pages["run"]


@pytest.mark.parametrize(
    ("kind", "word", "sentence"),
    [
        ("run", "fail", "1 of 3 objectives is not met"),
        ("knee", "pass", "46.2 requests a second meet the objectives (44.1 to 48)"),
        ("comparison", "worse", "B is worse than A"),
    ],
)
def test_the_verdict_is_the_first_thing_said(pages, kind, word, sentence):
    page = pages[kind]
    header = page[page.index("<header") : page.index("</header>")]
    assert f'id="verdict">{word}</span>' in header
    assert sentence in header
    assert re.search(r"exit code [01]<", header)
    assert f"<title>{word}: " in page


@pytest.mark.parametrize(
    "shown",
    [
        "p99_ttft&lt;500ms",
        "✕ fail",
        "610 ms",
        "570 – 660",
        "The whole interval misses it.",
        "4,925",
    ],
)
def test_a_gate_is_shown_with_its_interval_and_reason(page, shown):
    objectives = page[page.index('id="objectives"') : page.index('id="latency"')]
    assert shown in objectives


def test_the_rate_asked_and_the_rate_reached_are_said(page):
    assert "Asked: 40 requests a second, Poisson arrivals. Reached: 39.4 answers" in page


def test_a_censored_percentile_is_shown_as_more_than_what_was_measured(report):
    ttft = report.distributions["ttft"]
    censored = [p.model_copy(update={"value": None, "high": None}) for p in ttft.percentiles]
    update = {"percentiles": censored, "most": 0.75, "cdf": []}
    made = make_empty_report().model_copy(
        update={"distributions": {"ttft": ttft.model_copy(update=update)}}
    )
    assert "&gt; 750" in render(made)


def test_a_percentile_of_too_few_samples_is_greyed(page):
    assert re.search(r'<td class="n few" title="too few samples">', page)


def test_what_weakens_the_numbers_is_said_before_them(page):
    first = page[page.index("Read this first") : page.index('id="objectives"')]
    assert "Not steady: Latency rose" in first


def test_a_search_with_a_saturated_client_says_so(pages):
    assert "The client did not keep up at 80/s." in pages["knee"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_holes(pages, kind):
    assert not re.search(r"\b(nan|inf|Undefined)\b|\bNone\b(?! was| beside)", pages[kind])


def test_a_run_without_answers_says_why_there_are_no_latencies(pages):
    assert "No request was answered" in pages["empty"]


@pytest.mark.parametrize("kind", ["run", "knee", "comparison"])
def test_what_first_token_means_is_on_the_page(pages, kind):
    assert "Time to first token: from when the request was due" in pages[kind]


def test_every_link_leads_to_one_place_on_the_page(page):
    ids = re.findall(r'<[^>]* id="([^"]+)"', page)
    links = set(re.findall(r' href="#([^"]+)"', page))
    assert "def-ttft" in links
    assert links <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kind", ["run", "knee", "comparison"])
def test_a_page_asks_nothing_of_any_other_place(pages, kind):
    page = pages[kind]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert not re.search(r"<(script|iframe|object|embed|img|base|form)\b|@import|\bsrc=", page)
    assert not re.search(r"href=\"(?!#|data:,)|url\((?!#)", page)


@pytest.mark.parametrize("kind", ["run", "knee", "comparison"])
def test_tables_and_figures_can_be_heard(pages, kind):
    page = pages[kind]
    assert not re.findall(r"<th(?! scope=)[ >]", page)
    assert len(re.findall(r"<svg [^>]*role=\"img\" aria-label=\"[^\"]+\"", page)) == len(
        re.findall(r"<svg ", page)
    )
    assert page.count("<figure>") == page.count("<figcaption><b>")


def hostile_run() -> Report:
    made = make_empty_report()
    series = MetricSeries(
        name=f"r1_queue{HOSTILE}",
        kind="gauge",
        labels={HOSTILE: HOSTILE},
        at_s=[0.0, 1.0],
        values=[1.0, 2.0],
        increase=None,
    )
    return made.model_copy(
        update={
            "target": made.target.model_copy(
                update=dict.fromkeys(("url", "protocol", "model", "server"), HOSTILE)
            ),
            "run": made.run.model_copy(update={"id": HOSTILE, "platform": HOSTILE}),
            "config": {HOSTILE: HOSTILE, "list": [HOSTILE], "map": {"a": HOSTILE}},
            "errors": [ErrorSample(outcome=HOSTILE, status=500, detail=HOSTILE, count=1)],
            "counts": made.counts.model_copy(
                update={"outcomes": {HOSTILE: 1}, "finish_reasons": {HOSTILE: 1}}
            ),
            "gates": [make_gate(f"{HOSTILE}<1s", 0.5, 0.4, 0.6, 1.0, Verdict.PASS)],
            "distributions": {HOSTILE: make_distribution(np.arange(1.0, 9.0))},
            "definitions": {HOSTILE: HOSTILE},
            "captures": [
                Capture(url=HOSTILE, num_scrapes=2, failures={HOSTILE: 1}, series=[series])
            ],
        }
    )


def hostile_knee() -> KneeReport:
    made = make_knee()
    return made.model_copy(
        update={
            "target": made.target.model_copy(update={"url": HOSTILE}),
            "reason": HOSTILE,
            "objectives": [HOSTILE],
        }
    )


def hostile_comparison() -> Comparison:
    made = make_comparison()
    changes = [made.changes[0].model_copy(update={"metric": HOSTILE, "statistic": HOSTILE})]
    return made.model_copy(update={"a": HOSTILE, "b": HOSTILE, "changes": changes})


@pytest.mark.parametrize(
    "made",
    [hostile_run(), hostile_knee(), hostile_comparison()],
    ids=["run", "knee", "comparison"],
)
def test_text_from_outside_is_never_markup(made):
    page = render(made)
    assert "<script" not in page
    assert ESCAPED in page


def test_equal_reports_give_equal_pages():
    assert render(make_knee()) == render(make_knee())


def test_a_page_of_five_thousand_requests_stays_small():
    assert len(render(make_report(num_requests=5000)).encode()) < 1_500_000


def test_a_comparison_that_is_not_paired_says_why():
    made = make_comparison().model_copy(
        update={"is_paired": False, "why_not_paired": "the seeds differ"}
    )
    assert "Not paired: the seeds differ" in render(made)


def test_buckets_of_histograms_are_counted_and_left_to_the_json(report):
    capture = report.captures[0]
    bucket = capture.series[0].model_copy(update={"name": "r1_ttft_seconds_bucket"})
    capture = capture.model_copy(update={"series": [capture.series[4], bucket]})
    page = render(make_empty_report().model_copy(update={"captures": [capture]}))
    assert "process_open_fds" in page
    assert "r1_ttft_seconds_bucket" not in page.split("1 more, buckets of histograms")[0]
    assert "1 more, buckets of histograms among them, are in the JSON." in page


def test_only_telling_metrics_are_plotted(page):
    server = page[page.index('id="server"') : page.index("<details>")]
    assert "r1_sequences_waiting" in server
    assert "process_open_fds" not in server


def test_a_browser_shows_the_page_and_complains_of_nothing(tmp_path, report):
    (tmp_path / "report.html").write_text(render(report), "utf-8")
    shown = show(tmp_path / "report.html", tmp_path)
    assert "<title>fail: r1 at http://127.0.0.1:8080</title>" in shown.document
    assert not shown.complaints
    assert pixel(shown.picture, 80, 100) == (179, 18, 74)


def pixel(picture: Path, x: int, y: int) -> tuple[int, ...]:
    with Image.open(picture) as opened:
        return opened.convert("RGB").getpixel((x, y))
