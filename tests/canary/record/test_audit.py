import math
import os
from dataclasses import replace

import pytest

from canary.errors import InputError
from canary.record.audit import AuditFile, read_audit
from canary.record.entry import Entry, is_decision, make_entry
from canary.rollout.actions import Advance, Finish, Judge, Note, Patch, RunGate, Wait
from tests.canary.record.story import BEGAN, ID, make_gap, make_rollout, tell_rollback


def entries_of(story) -> list[Entry]:
    return [
        make_entry(one.advance, one.judged, one.sample, now=one.now, with_plan=not place)
        for place, one in enumerate(story)
    ]


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return entries_of(tell_rollback())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.jsonl"


def append(path, *entries) -> None:
    file = AuditFile(path)
    for entry in entries:
        file.write(entry)
    file.close()


def test_every_number_of_a_decision_is_read_back(path, entries):
    append(path, *entries)
    assert read_audit(path).entries == tuple(entries)
    assert any(f.e_worse == math.inf for e in entries if e.judged for f in e.judged.findings)


def test_a_line_says_the_clusters_time_and_the_rollout(path, entries):
    append(path, entries[0])
    line = path.read_text("utf-8")
    assert line.count("\n") == 1
    assert f'"time":{BEGAN},"at":"2026-09-21T14:13:20.000Z","rollout":"{ID}"' in line


def test_a_second_process_goes_on_in_the_same_file(path, entries):
    append(path, *entries[:3])
    append(path, *entries[3:])
    assert read_audit(path).entries == tuple(entries)


@pytest.mark.parametrize("num_left", [0, 1, 30, 500])
def test_a_kill_in_the_middle_of_a_line_costs_that_line_alone(path, entries, num_left):
    append(path, *entries[:2])
    whole = path.stat().st_size
    append(path, entries[2])
    os.truncate(path, whole + num_left)
    append(path, entries[3])
    audit = read_audit(path)
    assert audit.entries == (*entries[:2], entries[3])
    assert audit.num_broken == int(num_left > 0)


def test_only_the_owner_and_its_group_read_it(path, entries):
    append(path, entries[0])
    assert path.stat().st_mode & 0o007 == 0


def test_the_last_rollout_is_taken_where_none_is_named(path, entries):
    append(path, *entries, replace(entries[0], rollout="f" * 32))
    audit = read_audit(path)
    assert audit.of(None).entries == (replace(entries[0], rollout="f" * 32),)
    assert audit.of(ID).entries == tuple(entries)


def test_a_missing_audit_is_an_error_that_names_it(path):
    with pytest.raises(InputError, match=r"audit\.jsonl: No such file or directory, must be"):
        read_audit(path)


@pytest.mark.parametrize(
    ("action", "notes", "is_one"),
    [
        (Wait(1.0), (), False),
        (Judge(None), (), False),
        (RunGate(), (), False),
        (Wait(1.0), (Note("Held", "by a person"),), True),
        (Patch(make_rollout().wanted, None, "1"), (), True),
        (Finish(), (), True),
    ],
    ids=["wait", "judge", "gate", "told", "patch", "finish"],
)
def test_waiting_is_no_decision(action, notes, is_one):
    assert is_decision(Advance(make_rollout(), action, notes), None, None) is is_one


def test_a_look_that_saw_nothing_is_one():
    assert is_decision(Advance(make_rollout(), Wait(1.0)), None, make_gap(BEGAN))


def test_what_was_told_again_after_a_kill_is_read_once(path, entries):
    notes = (Note("CanaryReady", "a"), Note("StepBegun", "b"))
    first = replace(entries[0], notes=notes, first_note=3)
    again = [replace(entries[0], notes=(n,), first_note=i) for i, n in enumerate(notes, 3)]
    append(path, first, *again)
    assert read_audit(path).entries == (first,)


def test_what_only_the_second_process_told_is_read(path, entries):
    notes = (Note("CanaryReady", "a"), Note("StepBegun", "b"))
    again = [replace(entries[0], notes=(n,), first_note=i) for i, n in enumerate(notes, 3)]
    append(path, again[0], replace(entries[0], notes=notes, first_note=3))
    found = [note for entry in read_audit(path).entries for note in entry.notes]
    assert found == list(notes)


def test_equal_numbers_of_two_rollouts_are_two(path, entries):
    one = replace(entries[0], notes=(Note("Held", "a"),), first_note=1)
    append(path, one, replace(one, rollout="f" * 32))
    assert len(read_audit(path).entries) == 2
