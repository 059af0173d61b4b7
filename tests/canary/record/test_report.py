import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from canary.errors import InputError
from canary.record.audit import Audit
from canary.record.entry import Entry, make_entry
from canary.record.report import render_report, write_report
from canary.rollout.actions import Advance, Finish, Judge, Note
from canary.rollout.state import Live, Phase
from tests.browser import show
from tests.canary.record.story import (
    BEGAN,
    GATE_NUMBERS,
    make_gap,
    make_held,
    make_interval,
    make_judged,
    make_rollout,
    tell_rollback,
)

HOSTILE = "<script>alert('x')</script>{{7*7}}$\\frac"


def entry_of(rollout, *notes, judged=None, sample=None, now=BEGAN + 60) -> Entry:
    advance = Advance(rollout, Judge(None), notes)
    return make_entry(advance, judged, sample, now=now, with_plan=True)


def page_of(*entries) -> str:
    return render_report(Audit(entries, 0))


@pytest.fixture(scope="module")
def entries() -> tuple[Entry, ...]:
    return tuple(
        make_entry(one.advance, one.judged, one.sample, now=one.now, with_plan=not place)
        for place, one in enumerate(tell_rollback())
    )


@pytest.fixture(scope="module")
def page(entries) -> str:
    return page_of(*entries)


@pytest.fixture(scope="module")
def pages(page) -> dict[str, str]:
    promoted = make_rollout(phase=Phase.PROMOTED, known=Live("new", 100), wanted=Live("new", 100))
    finish = Advance(promoted, Finish(), (Note("Promoted", "all users"),))
    good = make_entry(finish, make_judged(), None, now=BEGAN + 60, with_plan=False)
    gap = entry_of(make_rollout(), sample=make_gap(BEGAN + 30))
    return {
        "rolled back": page,
        "promoted": page_of(good),
        "held": page_of(entry_of(make_held(), judged=make_judged())),
        "begun": page_of(entry_of(make_rollout(phase=Phase.STARTING, canary_revision=None))),
        "gaps alone": page_of(gap, replace(gap, time=BEGAN + 90)),
        "one look": page_of(
            entry_of(make_rollout(), judged=make_judged(), sample=make_interval(BEGAN + 30, 5))
        ),
    }


KINDS = ["rolled back", "promoted", "held", "begun", "gaps alone", "one look"]


@pytest.mark.parametrize(
    ("kind", "word", "headline", "colour"),
    [
        ("rolled back", "rolled back", "All users are back on the stable template", "bad"),
        ("promoted", "promoted", "All users are on r1-predictor-00002", "good"),
        ("held", "held", "Held with 5 % of users on the canary", "held"),
        ("begun", "starting", "Under way, 5 % of users on the canary", "open"),
    ],
)
def test_the_end_is_the_first_thing_said(pages, kind, word, headline, colour):
    header = pages[kind].split("</header>")[0]
    assert f'<header class="{colour}">' in header
    assert f'id="phase">{word}</p>' in header
    assert f"<h1>{headline}</h1>" in header


def test_why_it_was_rolled_back_stands_in_the_header(page):
    assert "ttft over 0.3 s: 9.1 % of 1,803" in page.split("</header>")[0]


@pytest.mark.parametrize(
    "title",
    [
        "Traffic",
        "Errors",
        "Time to first token",
        "Longest gap of an answer",
        "Evidence that it is worse",
        "Evidence that it is good",
        "Load of a pod",
    ],
)
def test_there_is_a_plot_of(page, title):
    assert f"<figcaption><b>{title}</b>" in page


@pytest.mark.parametrize(
    "heard",
    [
        "Users of the canary over time, at most 25 percent, 0 at the end.",
        "ttft&gt;0.3s: canary 15.4 %, stable 2.92 %",
        "Evidence that it is worse: threshold 100; most: errors 0.6, ttft ∞, together ∞",
    ],
)
def test_a_plots_numbers_can_be_heard(page, heard):
    assert any(heard in label for label in re.findall(r'aria-label="([^"]*)"', page))


@pytest.mark.parametrize(
    "row",
    [
        [
            "14:14:20",
            "GatePassed",
            "197 of 200 right, 196 before",
            "num_pairs 200, canary_right 197",
        ],
        ["14:20:50", "RollbackBegun", "e_worse 1e+04"],
        ["14:21:30", "8 m 10 s", "RolledBack", "all users are on r1-predictor-00001"],
    ],
)
def test_a_decision_is_shown_with_its_numbers(page, row):
    rows = page.split('id="decisions"')[1].split("<tr")
    assert [all(part in one for part in row) for one in rows].count(True) == 1


def test_the_gates_numbers_stand_by_revision_beside_their_thresholds(page):
    gate = page.split('id="gate"')[1].split("</section>")[0]
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)<", one) for one in gate.split("<tr>")[2:]]
    assert rows == [["canary", "197", "1", "0.0125", "12"], ["stable", "196", "0", "0.0118", "10"]]
    assert "Right, of 200 prompts" in gate
    assert "<dd>20.4 of 20</dd>" in gate
    assert "<dd>0.031 of 100</dd>" in gate


@pytest.mark.parametrize(
    ("reason", "colour"),
    [("GatePassed", "good"), ("GateFailed", "bad"), ("GateInconclusive", "held")],
)
def test_the_gates_last_word_stands_though_it_has_no_numbers(reason, colour):
    notes = (Note("GateInconclusive", "not ready"), Note(reason, "the last word"))
    gate = page_of(entry_of(make_rollout(), *notes)).split('id="gate"')[1].split("</section>")[0]
    assert f'<span class="chip {colour}">{reason}</span> the last word' in gate
    assert "<table>" not in gate


def test_a_number_that_is_not_known_is_a_dash():
    note = Note("GatePassed", "x", numbers=GATE_NUMBERS | {"canary_ttft_s": None})
    gate = page_of(entry_of(make_rollout(), note)).split('id="gate"')[1].split("</section>")[0]
    assert '<td class="n">–</td>' in gate


def test_without_a_gate_nothing_is_said_of_one():
    assert 'id="gate"' not in page_of(entry_of(make_rollout(), Note("StepBegun", "5 %")))


def test_looks_that_decide_nothing_are_no_decisions():
    page = page_of(entry_of(make_rollout(), Note("Judged", "inconclusive")))
    assert "inconclusive" not in page.split('id="decisions"')[1]


def test_the_thresholds_and_the_evidence_stand_beside_each_other(page):
    findings = page.split('id="findings"')[1].split("</section>")[0]
    assert "together reaches 100; it is ∞." in findings
    assert '<i style="width:100%"></i></span> ∞' in findings
    assert '<i style="width:48%"></i></span> 4.2' in findings


def test_the_plan_says_what_the_numbers_mean(page):
    plan = page.split('id="plan"')[1]
    assert "5 % (5 m, 100 requests), 25 % (5 m, 100 requests)" in plan
    assert "at most 1 %" in plan


def test_lines_that_cannot_be_read_are_counted(entries):
    assert "3 lines of the audit cannot be read" in render_report(Audit(entries, 3))


def test_what_comes_from_elsewhere_is_escaped():
    judged = make_judged(reason=HOSTILE)
    judged = replace(judged, findings=tuple(replace(f, metric=HOSTILE) for f in judged.findings))
    rollout = make_rollout(reason=HOSTILE, canary_revision=HOSTILE)
    entry = entry_of(rollout, Note("Held", HOSTILE, numbers={"a": HOSTILE}), judged=judged)
    page = page_of(entry, entry)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 6
    assert "{{7*7}}" in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_asks_nothing_of_any_other_place(pages, kind):
    page = pages[kind]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    assert not re.search(r"<(script|iframe|object|embed|img|base|form)\b|@import|\bsrc=", page)
    assert not re.search(r"href=\"(?!#|data:,)|url\((?!#)", page)


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_holes_and_each_id_once(pages, kind):
    page = pages[kind]
    assert not re.search(r"\b(nan|inf|Undefined|None)\b", page)
    ids = re.findall(r'<[^>]* id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_equal_audits_give_equal_pages(entries, page):
    assert page_of(*entries) == page


def test_edges_that_tell_equally_little_are_shown_from_the_lowest():
    fast = make_interval(BEGAN + 30, 5, slow=1e-6)
    sample = replace(fast, stable=fast.canary)
    page = page_of(entry_of(make_rollout(), sample=sample))
    assert re.findall(r"ttft&gt;(\S+)s: canary 0 %", page) == ["0.1", "0.2", "0.3", "0.5"]


def test_an_audit_without_the_rollout_is_an_error(entries):
    with pytest.raises(InputError, match="holds no rollout ffff, must hold one"):
        render_report(Audit(entries, 0), "ffff")


def test_a_report_is_written_whole(tmp_path, page):
    path = tmp_path / "report.html"
    write_report(path, page)
    assert path.read_text("utf-8") == page
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="No such file or directory, must be a path"):
        write_report(tmp_path / "none" / "report.html", "")


def test_a_real_browser_shows_the_page_without_a_complaint(tmp_path, page):
    write_report(tmp_path / "report.html", page)
    shown = show(tmp_path / "report.html", tmp_path)
    assert "<title>rolled back: r1 in models</title>" in shown.document
    assert not shown.complaints
    assert pixel(shown.picture, 5, 5) == (164, 31, 38)


def pixel(picture: Path, x: int, y: int) -> tuple[int, ...]:
    with Image.open(picture) as opened:
        return opened.convert("RGB").getpixel((x, y))
