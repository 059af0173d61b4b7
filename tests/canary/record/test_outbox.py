import math

import pytest

from canary.errors import InputError
from canary.record.outbox import MAX_BYTES, MAX_KEPT, Outbox, dump, load
from canary.rollout.actions import Note

BEGUN = Note("StepBegun", "5 % of users")
JUDGED = Note("Judged", "fine", numbers={"e": math.inf})


def test_decisions_are_numbered_from_1_and_wait_until_all_is_told():
    box, first = Outbox().add((BEGUN, JUDGED), 10.0)
    box, second = box.add((BEGUN,), 20.0)
    assert [told.number for told in (*first, *second)] == [1, 2, 3]
    assert box.untold == (*first, *second)
    assert box.all_told().untold == ()


def test_what_every_look_says_is_forgotten_once_told_and_its_number_is_not():
    box, _ = Outbox().add((BEGUN, JUDGED), 10.0)
    box = box.all_told()
    assert [told.note for told in box.kept] == [BEGUN]
    assert box.add((BEGUN,), 20.0)[1][0].number == 3


def test_the_last_ones_are_kept():
    box, told = Outbox().add((BEGUN,) * 30, 10.0)
    assert box.all_told().kept == told[-MAX_KEPT:]


def test_what_is_dumped_is_loaded():
    box, _ = Outbox().add((BEGUN, JUDGED), 10.0)
    found = load(dump(box))
    assert (found.num_told, found.kept[0]) == (0, box.kept[0])
    assert found.kept[1].note.numbers == {"e": "Infinity"}


def test_a_state_without_an_outbox_has_an_empty_one():
    assert load("") == Outbox()


def test_too_much_loses_the_oldest():
    box, told = Outbox().add((Note("Held", "x" * 3000),) * 40, 10.0)
    text = dump(box)
    assert len(text.encode()) <= MAX_BYTES
    assert load(text).kept == told[-len(load(text).kept) :]


@pytest.mark.parametrize("text", ["{", "[]", '{"kept": [], "num_told": "x"}'])
def test_a_malformed_one_is_told(text):
    with pytest.raises(InputError, match="the stored outbox is malformed at"):
        load(text)
