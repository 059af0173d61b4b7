"""An interval of a real reader, judged."""

from pathlib import Path

from canary.rollout.state import Rollout
from tests.canary.controller_bench import opened
from tests.canary.simulator.behaviour import Behaviour


def test_a_flood_of_errors_rolls_back_at_the_first_interval(tmp_path: Path) -> None:
    with opened(tmp_path, Behaviour(error_share=0.7)) as bench:
        controller = bench.begin()
        rollout = controller.run(is_done=_has_a_reason)

    assert "requests of the canary failed in one interval" in rollout.reason
    assert rollout.evidence.num_intervals == 1


def test_the_first_look_judges_nothing_and_says_where_the_first_interval_begins(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as bench:
        controller = bench.begin()
        rollout = controller.run(is_done=lambda rollout: rollout.evidence.until is not None)

    assert rollout.evidence.num_intervals == 0
    assert rollout.evidence.shares == {}


def _has_a_reason(rollout: Rollout) -> bool:
    return bool(rollout.reason)
