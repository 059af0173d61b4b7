"""The stored rollout, met by others who write it, delete it or take it over."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from canary.errors import Conflict, Held
from canary.record.outbox import load
from canary.rollout.stored import load as load_rollout
from tests.canary.controller_bench import STATE, Bench, opened, until_percent
from tests.canary.simulator.universe import NAMESPACE, SERVICES


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with opened(tmp_path) as made:
        yield made


def test_whoever_was_overtaken_gives_way(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    found = bench.store.read()
    assert found is not None
    bench.store.write(replace(found, holder="two"))

    with pytest.raises(Held, match="two has taken the rollout over"):
        controller.step()


def test_a_state_that_somebody_deletes_is_written_again(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    before = bench.store.read()
    bench.universe.direct.ask("DELETE", STATE)
    controller.step()

    assert before is not None
    after = bench.store.read()
    assert after is not None
    assert load_rollout(after.rollout).id == load_rollout(before.rollout).id
    until_percent(bench, controller, 10)


def test_a_state_that_is_deleted_between_a_look_and_its_write_is_written_again(
    bench: Bench,
) -> None:
    controller = bench.begin()
    controller.step()
    bench.meanwhile = lambda: bench.universe.direct.ask("DELETE", STATE)
    with pytest.raises(Conflict, match="is not there any more"):
        until_percent(bench, controller, 10)
    until_percent(bench, controller, 10)

    assert bench.store.read() is not None


def test_a_state_that_another_has_written_after_its_deletion_is_theirs(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    found = bench.store.read()
    assert found is not None
    bench.universe.direct.ask("DELETE", STATE)
    bench.store.write(replace(found, holder="two", resource_version=""))

    with pytest.raises(Held, match="two has taken the rollout over"):
        controller.step()


def test_a_state_that_went_with_its_service_is_not_written_again(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    bench.universe.direct.ask("DELETE", f"{SERVICES}/r1")
    bench.universe.direct.ask("DELETE", STATE)

    with pytest.raises(Held, match="the InferenceService with it"):
        controller.step()


def test_a_deadline_that_a_wrong_clock_moved_ahead_is_taken_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = bench.begin()
    controller.step()
    now = bench.cluster.now
    with monkeypatch.context() as wrong:
        wrong.setattr(bench.cluster, "now", lambda: now() + 600.0)
        controller.step()
    ahead = bench.store.read()
    controller.step()
    stored = bench.store.read()

    assert ahead is not None
    assert stored is not None
    deadlines = [load_rollout(one.rollout).watch_deadline for one in (ahead, stored)]
    assert deadlines[1] < deadlines[0] - 500.0


def test_whoever_has_lost_the_lease_writes_no_deleted_state_again(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/r1-canary"
    merge_patch = "application/merge-patch+json"
    taken = {"spec": {"holderIdentity": "two"}}
    bench.universe.direct.ask("PATCH", lease, taken, content_type=merge_patch)
    bench.universe.direct.ask("DELETE", STATE)

    with pytest.raises(Held, match="two holds the Lease"):
        controller.step()
    assert bench.store.read() is None


def test_what_was_written_and_not_told_is_told_by_the_next(bench: Bench) -> None:
    first = bench.begin()
    first.step()
    stored = bench.store.read()
    assert stored is not None
    bench.told.clear()
    bench.controller(stored, first.rollout, load(stored.outbox)).tell_again()

    assert [(told.number, told.note.reason) for told in bench.told] == [(1, "Started")]


def test_the_next_write_says_what_was_told(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    first = bench.store.read()
    until_percent(bench, controller, 10)
    second = bench.store.read()
    assert first is not None
    assert second is not None

    assert [load(one.outbox).num_told for one in (first, second)] == [0, 1]
    assert [told.number for told in load(second.outbox).untold] == [2, 3]


def test_a_command_is_taken_while_nothing_else_is_written(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    found = bench.store.read()
    assert found is not None
    bench.store.write(replace(found, command="pause"))
    controller.step()

    assert controller.rollout.hold is not None
    stored = bench.store.read()
    assert stored is not None
    assert stored.command == ""
