import io
import json
import math
import re

import pytest
from rich.console import Console

from canary.judgement.verdict import Verdict
from canary.record.entry import Told
from canary.record.quantity import clock, duration, e_value, moment, one_line, progress, share
from canary.record.status import as_json, summary
from canary.record.view import history, render, told_line
from canary.rollout.actions import Note
from canary.rollout.state import Hold, HoldKind, Live, Phase
from tests.canary.record.story import (
    BEGAN,
    ID,
    make_finding,
    make_held,
    make_judged,
    make_rollout,
    tell_rollback,
)

HOSTILE = "[red]x[/red] \x1b[2J\nnext"


def shown(renderable, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "expected",
    [
        "r1 in models   stepping   stage 2 of 4   5 m   0af7651916cd",
        "canary r1-predictor-00002  25 %   stable r1-predictor-00001  75 %",
        "✓  5 %        5 m, 100 requests",
        "▶  25 %       ━━━━━───── 2 m 30 s of 5 m, 60 of 100 requests",
        "·  95 % bake",
        "worse/100",
        "ttft      2.1 % 530    2 % 10,123   0.7 ──────────   4.2 ━━━━────── inconclusive",
        "errors is not proven yet",
        "14:13:30  StepBegun  25 % of users",
    ],
)
def test_a_running_rollout_shows(expected):
    rollout = make_rollout(
        stage=1, known=Live("new", 25), wanted=Live("new", 25), stage_requests=60, stage_s=150.0
    )
    judged = make_judged(reason="errors is not proven yet")
    told = [Told(BEGAN + 10, Note("StepBegun", "25 % of users"))]
    assert expected in shown(render(rollout, judged, told, BEGAN + 300))


@pytest.mark.parametrize(
    ("percent", "num_canary", "num_stable"),
    [(0, 0, 48), (1, 1, 47), (50, 24, 24), (99, 47, 1), (None, 48, 0)],
)
def test_the_bar_shows_the_users_of_the_canary(percent, num_canary, num_stable):
    rollout = make_rollout(known=Live("new", percent), wanted=Live("new", percent))
    bar = shown(render(rollout, None, (), BEGAN)).splitlines()[1]
    assert bar == "█" * num_canary + "░" * num_stable


def test_a_patch_that_is_not_seen_yet_is_told_as_wanted():
    rollout = make_rollout(wanted=Live("new", 25))
    assert "25 % wanted, 5 % seen" in shown(render(rollout, None, (), BEGAN))


def test_the_percent_of_the_stable_template_is_not_the_canarys():
    rollout = make_rollout(
        phase=Phase.ROLLED_BACK, known=Live("clean", 100), wanted=Live("clean", 100)
    )
    assert "canary r1-predictor-00002  0 %" in shown(render(rollout, None, (), BEGAN))


def test_a_hold_says_why_since_when_and_how_it_ends():
    text = shown(render(make_held(), None, (), BEGAN + 500))
    assert "held: foreign" in text
    assert "canaryTrafficPercent is 40, written by kubectl-edit; ours is 25" in text
    assert "Since 3 m 20 s; ends by resume, promote or abort." in text


def test_a_hold_for_want_of_evidence_says_that_it_ends_by_it():
    text = shown(render(make_held(HoldKind.INCONCLUSIVE), None, (), BEGAN + 500))
    assert "ends once there is evidence, or by resume, promote or abort." in text


def test_missing_data_is_shown():
    rollout = make_rollout()
    gone = shown(render(rollout, None, (), BEGAN))
    assert "no data" not in gone
    evidence = type(rollout.evidence)({}, None, 0, 3, "Prometheus does not answer")
    text = shown(render(make_rollout(evidence=evidence), None, (), BEGAN))
    assert "! no data: Prometheus does not answer" in text


def test_a_rolled_back_rollout_says_where_it_failed():
    last = list(tell_rollback())[-1]
    text = shown(render(last.advance.rollout, None, (), last.now + 9999))
    assert "✗  25 %" in text
    assert "7 m 30 s" in text


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_has_a_picture(phase):
    rollout = make_rollout(phase=phase, reason=HOSTILE)
    assert phase.replace("_", " ") in shown(render(rollout, make_judged(), (), BEGAN))


def test_what_comes_from_elsewhere_neither_styles_nor_moves_the_cursor():
    rollout = make_rollout(reason=HOSTILE)
    held = make_rollout(hold=Hold(HoldKind.PAUSED, HOSTILE, BEGAN))
    told = [Told(BEGAN, Note("Held", HOSTILE))]
    for one in (
        render(rollout, make_judged(reason=HOSTILE), told, BEGAN),
        render(held, None, (), 0),
    ):
        text = shown(one)
        assert "[red]x[/red]" in text
        assert "\x1b" not in text


def test_a_narrow_terminal_keeps_every_name_and_number():
    judged = make_judged(make_finding("tokens_per_second", num_stable=1_234_567, e_worse=3e12))
    text = shown(render(make_rollout(), judged, (), BEGAN), width=80)
    line = next(line for line in text.splitlines() if line.startswith("tokens"))
    assert "…" not in text
    numbers = "tokens_per_second 2.1 % 530 2 % 1,234,567 3e12 4.2 inconclusive"
    assert " ".join(line.translate({ord("─"): None, ord("━"): None}).split()) == numbers


def test_a_decision_is_one_line():
    line = told_line(Told(BEGAN, Note("Held", "a\nb", is_warning=True)))
    assert line == "2026-09-21T14:13:20.000Z  ! Held: a b"


def test_the_history_has_the_newest_first():
    ended = list(tell_rollback())[-1].advance.rollout
    later = make_rollout(began=BEGAN + 86_400, reason=HOSTILE, canary_revision=None)
    lines = shown(history([summary(ended), summary(later)]), width=80).splitlines()
    assert lines[1].startswith("2026-09-22 14:13Z  under way  stepping     00001 → –")
    assert lines[1].rstrip().endswith("[red]x[/red]  [2J next")
    assert lines[2].startswith("2026-09-21 14:13Z  7 m 30 s   rolled back  00001 → 00002")


def test_the_machines_form_holds_every_number():
    scene = list(tell_rollback())[-3]
    told = [Told(scene.now, note) for note in scene.advance.notes]
    form = as_json(scene.advance.rollout, scene.judged, told, scene.now)
    assert json.loads(json.dumps(form, allow_nan=False)) == form
    assert (form["rollout"], form["phase"], form["has_ended"]) == (ID, "rolling_back", False)
    assert (form["percent"], form["wanted_percent"], form["stage"]) == (25, 0, None)
    assert form["judged"]["findings"][1]["e_worse"] == 1e300
    assert form["judged"]["verdict"] == "roll_back"
    assert form["judged"]["e_worse"] == 1e300
    assert form["decisions"][0]["numbers"] == {"e_worse": 1e4}


def test_the_machines_form_of_a_hold_says_its_kind():
    form = as_json(make_held(HoldKind.APPROVAL), None, (), BEGAN)
    assert form["hold"]["kind"] == "approval"
    assert form["judged"] is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (-3, "0 s"), (59.6, "1 m"), (61, "1 m 01 s"), (3600, "1 h"), (7500, "2 h 05 m")],
)
def test_a_duration_is_said_as_a_person_says_it(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0.0, "0 %"), (1.0, "100 %"), (0.9996, "99.96 %"), (0.00051, "0.051 %")],
)
def test_a_share_is_said_in_percent(value, said):
    assert share(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(math.inf, "∞"), (1e12, "1e12"), (0.001, "1e-3"), (0.0, "0"), (4.25, "4.2"), (312.4, "312")],
)
def test_an_e_value_is_said_in_few_digits(value, said):
    assert e_value(value) == said


@pytest.mark.parametrize(
    ("value", "done"), [(0.0, 0.0), (1.0, 0.0), (10.0, 0.5), (1e9, 1.0), (math.inf, 1.0)]
)
def test_evidence_goes_its_way_on_a_logarithmic_scale(value, done):
    assert progress(value, 100.0) == pytest.approx(done)


def test_times_are_of_utc():
    assert (moment(0.0004), clock(86_399.9)) == ("1970-01-01T00:00:00.000Z", "23:59:59")


def test_one_line_keeps_what_is_printed():
    assert one_line("  ü\t\x07 b\n") == "ü   b"


def test_a_finding_that_decides_says_so():
    judged = make_judged(make_finding(verdict=Verdict.ROLL_BACK, e_worse=math.inf))
    assert "    ∞ ━━━━━━━━━━" in shown(render(make_rollout(), judged, (), BEGAN))


def test_the_evidence_of_all_metrics_together_is_shown():
    judged = make_judged(make_finding("errors", e_worse=60.0), make_finding("ttft", e_worse=30.0))
    text = shown(render(make_rollout(), judged, (), BEGAN))
    assert re.search(r"together +90 ━━━━━━━━━─", text)
