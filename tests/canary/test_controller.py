"""The loop between a decision and its deed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from canary.errors import Conflict, Unreachable
from canary.rollout.actions import Patch
from canary.rollout.advance import advance
from canary.rollout.state import HoldKind, Phase
from tests.canary.controller_bench import STATE, Bench, is_patch, opened, until_percent
from tests.canary.simulator.services import edit


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with opened(tmp_path) as made:
        yield made


def test_the_state_is_written_before_the_service(bench: Bench) -> None:
    bench.begin().step()

    assert bench.writes == ["state", "service"]
    assert bench.percent() == 0


def test_a_conflict_tells_and_patches_nothing(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    merge_patch = "application/merge-patch+json"
    bench.meanwhile = lambda: bench.universe.direct.ask(
        "PATCH", STATE, {"data": {"command": "pause"}}, content_type=merge_patch
    )
    before = len(bench.told)
    with pytest.raises(Conflict):
        until_percent(bench, controller, 10)

    assert (bench.percent(), len(bench.told)) == (0, before)
    controller.step()
    assert controller.rollout.hold is not None


def test_a_patch_is_repeated_only_after_the_state_is_written_once_more(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(is_patch, 409)]
    controller.step()
    controller.step()

    assert bench.writes == ["state", "service", "state", "service"]
    assert bench.percent() == 0


def test_a_patch_is_sent_before_its_decision_is_told(bench: Bench) -> None:
    controller = bench.begin()
    bench.on_told = lambda: bench.writes.append("told")
    controller.step()

    assert bench.writes == ["state", "service", "told"]


def test_what_was_decided_is_told_though_its_patch_failed(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(is_patch, 503)] * 9
    with pytest.raises(Unreachable):
        controller.step()

    assert [told.note.reason for told in bench.told] == ["Started"]


def test_a_refused_start_ends_the_rollout(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(is_patch, 422)]
    controller.step()
    controller.step()

    assert controller.rollout.phase is Phase.ROLLED_BACK
    assert "the start patch was refused" in controller.rollout.reason


def test_a_percent_put_back_at_once_is_a_persons(bench: Bench) -> None:
    controller = bench.begin()
    until_percent(bench, controller, 10)
    edit(bench.universe, {"spec": {"predictor": {"canaryTrafficPercent": 0}}})
    controller.step()

    assert controller.rollout.hold is not None
    assert controller.rollout.hold.kind is HoldKind.FOREIGN
    assert bench.percent() == 0


def test_a_patch_that_somebody_was_quicker_than_is_decided_anew(bench: Bench) -> None:
    controller = bench.begin()
    following = controller.decide(advance)
    assert following is not None
    edit(bench.universe, {"spec": {"predictor": {"timeout": 7}}})
    assert isinstance(following.action, Patch)
    controller.act(following.action)
    controller.step()

    assert bench.percent() is None
    assert controller.rollout.hold is not None
