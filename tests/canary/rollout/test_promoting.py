from dataclasses import replace

import pytest

from canary.rollout import moves
from canary.rollout.actions import Finish, Patch
from canary.rollout.state import Command, HoldKind, Live, Phase
from tests.canary.rollout.bench import Bench
from tests.canary.rollout.model import R2, R3


def promoting() -> Bench:
    """Return a bench that has decided on 100 % and not patched it yet."""
    bench = Bench(has_pods=False)
    bench.go(600, until=Phase.PROMOTING)
    return bench


def test_the_canary_gets_100_while_it_is_the_newest_ready_revision():
    bench = promoting()
    following = bench.look()
    assert isinstance(following.action, Patch)
    assert following.action.live == Live("target", 100)
    assert following.action.template is None


def test_the_rollout_is_promoted_only_once_status_shows_the_canary_rolled_out():
    bench = promoting()
    bench.act(bench.look())
    assert bench.look().rollout.phase is Phase.PROMOTING
    bench.model.tick()
    following = bench.look()
    assert following.rollout.phase is Phase.PROMOTED
    assert isinstance(following.action, Finish)
    assert bench.model.users() == {R2: 100}


def test_a_canary_that_is_not_ready_does_not_get_100():
    bench = promoting()
    bench.model.crashed.add(R2)
    bench.model.tick()
    following = bench.look()
    assert following.rollout.phase is Phase.ROLLING_BACK
    assert bench.patches[-1].live == Live("target", 95)


def test_a_patch_to_100_that_was_lost_is_not_repeated_on_a_canary_that_has_failed_since():
    bench = promoting()
    bench.look()
    bench.model.crashed.add(R2)
    bench.model.tick()
    bench.go(300)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert Live("target", 100) not in [p.live for p in bench.patches]


def test_a_canary_that_is_slow_to_be_ready_again_is_not_given_100_and_rolled_back():
    bench = promoting()
    bench.model.unready.add(R2)
    bench.model.tick()
    bench.go(280)
    assert bench.rollout.phase is Phase.PROMOTING
    bench.go(400)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "was not Ready to be promoted for 300 s" in bench.rollout.reason


def test_a_canary_that_fails_before_100_is_seen_is_rolled_back():
    bench = promoting()
    bench.act(bench.look())
    bench.model.crashed.add(R2)
    bench.model.tick()
    bench.go(600)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}


def test_100_that_is_never_seen_is_rolled_back():
    bench = promoting()
    bench.act(bench.look())
    bench.model.is_stuck = True
    bench.go(310)
    assert bench.rollout.phase is Phase.ROLLING_BACK
    assert "does not show 100 %" in bench.rollout.reason


def test_nothing_follows_a_promotion():
    bench = promoting()
    bench.go(60)
    patches = list(bench.patches)
    assert isinstance(bench.look().action, Finish)
    assert bench.patches == patches


def test_a_service_that_is_gone_ends_the_rollout_with_a_warning():
    bench = promoting()
    bench.model.uid = "u2"
    following = bench.look()
    assert following.rollout.phase is Phase.ROLLED_BACK
    assert "made anew" in bench.told("ServiceGone")
    assert isinstance(following.action, Finish)


def test_a_service_that_was_deleted_ends_the_rollout():
    bench = promoting()
    bench.model.is_deleted = True
    assert bench.look().rollout.reason == "the InferenceService was deleted"


def test_the_deadline_of_the_watchdog_moves_on_at_each_look():
    bench = promoting()
    bench.rollout = replace(bench.rollout, watch_deadline=0.0)
    assert bench.look().rollout.watch_deadline == bench.now + 120.0


def renewed() -> Bench:
    """Return a bench whose 100 % KServe has given to a newer revision of the same template."""
    bench = promoting()
    bench.act(bench.look())
    bench.model.make_a_revision()
    bench.go(60)
    assert bench.model.users() == {R3: 100}
    return bench


def test_users_on_a_newer_revision_of_the_same_template_wait_for_a_person():
    bench = renewed()
    assert bench.rollout.hold.kind is HoldKind.FOREIGN
    assert bench.rollout.phase is Phase.PROMOTING


def test_resume_takes_a_newer_revision_of_the_same_template_for_the_promotion():
    bench = renewed()
    bench.go(10, command=Command.RESUME)
    assert bench.rollout.phase is Phase.PROMOTED
    assert R3 in bench.told("Promoted")
    assert bench.model.users() == {R3: 100}


def test_resume_before_all_users_are_on_the_newer_revision_is_refused():
    bench = promoting()
    bench.act(bench.look())
    bench.model.unready.add(R3)
    bench.model.make_a_revision()
    bench.go(60)
    bench.look(Command.RESUME)
    assert "nobody has judged" in bench.told("CommandRefused")


@pytest.mark.parametrize("template", ["others", "target"])
def test_resume_takes_no_revision_that_nobody_judged_for_the_promotion(template):
    bench = promoting()
    if template == "target":
        bench.rollout = moves.begin_stage(bench.rollout, 2, 95, bench.now)
    bench.model.edit(percent=100, template=template)
    bench.model.make_a_revision()
    bench.go(60)
    bench.look(Command.RESUME)
    assert "nobody has judged" in bench.told("CommandRefused")
