import pytest

from canary.judgement.verdict import Verdict
from canary.rollout.actions import Finish, Patch, Wait
from canary.rollout.state import Command, Live, Phase
from tests.canary.rollout.bench import Bench
from tests.canary.rollout.model import R1, R2, R3, STABLE, Conflict
from tests.canary.simulator.world import Intent


def stepping() -> Bench:
    """Return a bench whose first 5 % are seen in status."""
    bench = Bench(has_pods=False)
    bench.go(15)
    assert bench.model.users() == {R1: 95, R2: 5}
    return bench


def rolling_back() -> Bench:
    """Return a bench whose percent 0 is patched and not seen yet."""
    bench = stepping()
    bench.verdict = Verdict.ROLL_BACK
    bench.go(600, until=Phase.ROLLING_BACK)
    return bench


def test_a_rollback_begins_with_percent_0_and_the_template_as_it_is():
    bench = Bench(verdict=Verdict.ROLL_BACK)
    bench.go(600, until=Phase.ROLLING_BACK)
    assert bench.patches[-1].live == Live("target", 0)
    assert bench.patches[-1].template is None


def test_the_old_template_is_put_back_with_percent_0_once_users_are_seen_to_be_back():
    bench = rolling_back()
    bench.go(600, until=Phase.CLEANING)
    assert bench.model.users() == {R1: 100}
    following = bench.look()
    assert isinstance(following.action, Patch)
    assert following.action.live == Live("stable", 0)
    assert following.action.template.predictor == STABLE


def test_users_get_the_restored_template_only_when_its_revision_is_ready():
    bench = rolling_back()
    bench.model.broken.add("stable")
    bench.go(300)
    assert bench.model.users() == {R1: 100}
    assert bench.patches[-1].live == Live("stable", 0)
    bench.model.broken.clear()
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}
    assert bench.model.service().rolled_out == R3


def test_a_restored_template_that_never_is_ready_leaves_the_users_where_they_are_well():
    bench = rolling_back()
    bench.model.broken.add("stable")
    bench.go(1000)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "not Ready after 600 s" in bench.told("CleanFailed")
    assert bench.model.users() == {R1: 100}
    assert bench.model.world.intent.template == "stable"


def test_the_route_is_freed_at_once_where_status_says_that_a_revision_is_missing():
    bench = stepping()
    bench.model.crashed.add(R2)
    bench.model.tick()
    bench.act(bench.look())
    bench.model.tick()
    following = bench.look()
    assert "RevisionMissing" in bench.told("RouteFrozen")
    assert isinstance(following.action, Patch)
    assert following.action.live == Live("stable", 0)


def test_a_percent_0_that_has_no_effect_in_time_is_followed_by_the_stable_template():
    bench = stepping()
    bench.model.is_stuck = True
    bench.go(100, command=Command.ABORT)
    assert bench.patches[-1].live == Live("target", 0)
    bench.go(60)
    assert bench.patches[-1].live == Live("stable", 0)
    assert "after 120 s" in bench.told("RouteFrozen")


def test_a_frozen_route_is_waited_for_as_long_as_users_are_on_the_canary():
    bench = stepping()
    bench.model.crashed.add(R2)
    bench.model.broken.add("stable")
    bench.model.tick()
    bench.go(60)
    bench.now += 5000.0
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLING_BACK
    bench.model.broken.clear()
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}


def test_a_rollback_of_a_percent_still_under_way_knows_that_one_when_it_lands():
    bench = Bench()
    bench.go(0)
    bench.act(bench.look())
    late = bench.look().action
    assert isinstance(late, Patch)
    assert late.live == Live("target", 5)
    bench.look(Command.ABORT)
    bench.model.apply(late)
    following = bench.look()
    assert following.rollout.hold is None
    assert following.action.live == Live("stable", 0)


def test_a_rollback_after_all_users_were_on_the_canary_brings_them_back():
    bench = Bench(has_pods=False)
    bench.go(600, until=Phase.PROMOTING)
    bench.act(bench.look())
    bench.model.tick()
    assert bench.model.service().rolled_out == R2
    bench.go(300, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}


def test_a_restored_template_whose_100_is_not_seen_ends_with_a_warning_while_users_are_well():
    bench = rolling_back()
    bench.go(600, until=Phase.CLEANING)
    bench.act(bench.look())
    bench.model.tick()
    bench.act(bench.look())
    assert bench.patches[-1].live == Live("stable", 100)
    bench.model.is_stuck = True
    bench.go(400)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "does not show 100 %" in bench.told("CleanFailed")


def test_a_rollback_that_is_refused_is_tried_again_after_a_wait():
    bench = stepping()
    bench.rejected = "denied"
    following = bench.look(Command.ABORT)
    assert isinstance(following.action, Wait)
    assert bench.told("PatchRejected") == "denied"
    bench.rejected = None
    assert bench.look().action.live == Live("target", 0)


def test_an_ended_rollout_does_nothing_more():
    bench = rolling_back()
    bench.go(600)
    assert isinstance(bench.look().action, Finish)


def test_an_abort_before_the_canary_has_a_revision_waits_for_it():
    bench = Bench()
    bench.act(bench.look())
    following = bench.look(Command.ABORT)
    assert isinstance(following.action, Wait)
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}


def test_the_reason_of_a_rollback_is_kept_to_its_end():
    bench = rolling_back()
    bench.go(600)
    assert bench.rollout.reason == "it says roll_back"


def aborted_under_way() -> tuple[Bench, Patch]:
    """Return a bench that is aborted while its start patch is on its way, and that patch."""
    bench = Bench()
    late = bench.look().action
    assert isinstance(late, Patch)
    bench.look(Command.ABORT)
    return bench, late


def test_a_start_patch_that_lands_after_the_abort_is_taken_back():
    bench, late = aborted_under_way()
    assert bench.rollout.phase is Phase.ROLLING_BACK
    bench.model.apply(late)
    bench.model.tick()
    bench.go(100)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.world.intent == Intent("stable", 100)


def test_a_start_patch_can_land_no_more_once_the_abort_has_ended():
    bench, late = aborted_under_way()
    bench.go(30)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R1: 100}
    with pytest.raises(Conflict):
        bench.model.apply(late)


def test_an_abort_before_any_patch_was_decided_changes_nothing():
    bench = Bench()
    bench.go(30, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.patches == []


def test_a_start_that_is_refused_ends_though_every_patch_is():
    bench = Bench()
    bench.look()
    bench.rejected = "images must be signed"
    bench.go(30)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "images must be signed" in bench.rollout.reason
