"""The judge of the soak: what counts as an end, and what must not have happened."""

from dataclasses import replace

import pytest

from tests.canary.simulator.world import TRUE, Intent, Revision, Status, Target, World
from tests.canary.soak.ends import (
    CANARY,
    End,
    early_steps,
    end_of,
    endless_holds,
    false_alarms,
    lost_edits,
    since_begun,
)
from tests.canary.soak.watched import Edit

OLD = "r1-predictor-00001"
CLEANED = "r1-predictor-00003"
FOREIGN = {"kind": "foreign", "reason": "", "since": 0.0}


def _world(**percents: int) -> World:
    names = {"old": OLD, "new": CANARY, "cleaned": CLEANED}
    templates = {OLD: "a", CANARY: "b", CLEANED: "a"}
    traffic = tuple(Target(names[key], percent, False) for key, percent in percents.items())
    return World(
        "r1",
        Intent("a", None),
        revisions={name: Revision(name, text, 0.0, TRUE) for name, text in templates.items()},
        status=Status(traffic=traffic),
    )


@pytest.mark.parametrize(
    ("percents", "phase", "hold", "end"),
    [
        ({"new": 100}, "promoted", None, End.NEW),
        ({"old": 100}, "rolled_back", None, End.OLD),
        ({"old": 100, "new": 0}, "rolled_back", None, End.OLD),
        ({"cleaned": 100}, "rolled_back", None, End.OLD),
        ({"old": 90, "new": 10}, "stepping", FOREIGN, End.HELD),
        ({"old": 90, "new": 10}, "stepping", None, None),
        ({"old": 90, "new": 10}, "rolled_back", None, None),
        ({"new": 100}, "rolled_back", None, None),
        ({"old": 100}, "promoted", None, None),
        ({"old": 100}, "starting", None, None),
    ],
)
def test_a_rollout_has_ended_as(
    percents: dict[str, int], phase: str, hold: object, end: End | None
) -> None:
    assert end_of(_world(**percents), {"phase": phase, "hold": hold}, "a") is end


@pytest.mark.parametrize(
    ("percents", "end"), [({"old": 100}, End.UNTOUCHED), ({"old": 90, "new": 10}, None)]
)
def test_a_rollout_that_was_never_begun_changes_nothing(
    percents: dict[str, int], end: End | None
) -> None:
    assert end_of(_world(**percents), None, "a") is end


STARTED = Edit(0.0, True, "b", 10, {CANARY: 0})


def _after(num: int, percent: int | None, *, template: str = "b") -> Edit:
    return replace(STARTED, at=60.0, percent=percent, template=template, served={CANARY: num})


@pytest.mark.parametrize(
    ("edit", "num_faults"),
    [
        (_after(200, 50), 0),
        (_after(199, 50), 1),
        (_after(0, 100), 1),
        (_after(0, None), 1),
        (_after(0, 0), 0),
        (_after(0, 50, template="a"), 0),
        (replace(_after(0, 50), is_tools=False), 0),
    ],
    ids=["enough", "one-too-few", "to-100", "removed", "back", "other-template", "foreign"],
)
def test_a_stage_is_left_upwards_only_after_its_least_requests(edit: Edit, num_faults: int) -> None:
    assert len(early_steps([STARTED, edit])) == num_faults


@pytest.mark.parametrize(("is_tools", "num_faults"), [(True, 1), (False, 0)])
def test_nothing_is_written_after_a_foreign_edit(is_tools: bool, num_faults: int) -> None:
    foreign = replace(STARTED, at=30.0, is_tools=False, percent=33)
    later = replace(STARTED, at=60.0, is_tools=is_tools, percent=50)

    assert len(lost_edits([STARTED, foreign, later])) == num_faults


@pytest.mark.parametrize(("is_tools", "num_faults"), [(True, 1), (False, 0)])
def test_a_hold_for_a_foreign_edit_needs_one(is_tools: bool, num_faults: int) -> None:
    edits = [STARTED, replace(STARTED, percent=33, is_tools=is_tools)]

    assert len(false_alarms({"phase": "stepping", "hold": FOREIGN}, edits)) == num_faults


@pytest.mark.parametrize(("then", "num_faults"), [("roll_back", 1), ("hold", 0)])
def test_a_hold_for_want_of_a_verdict_lasts_only_where_the_plan_says_so(
    then: str, num_faults: int
) -> None:
    hold = {"kind": "inconclusive", "reason": "", "since": 0.0}

    assert len(endless_holds({"phase": "stepping", "hold": hold}, then)) == num_faults


@pytest.mark.parametrize(
    ("began", "num_edits", "old"), [(20.0, 2, "a"), (40.0, 1, "c")], ids=["after", "before"]
)
def test_a_rollout_begins_with_what_another_has_edited_before(
    began: float, num_edits: int, old: str
) -> None:
    foreign = replace(STARTED, at=30.0, is_tools=False, template="c")
    later = replace(STARTED, at=60.0)

    kept, template = since_begun([foreign, later], {"began": began}, "a")
    assert (len(kept), template) == (num_edits, old)
