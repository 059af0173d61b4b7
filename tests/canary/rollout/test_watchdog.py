import pytest

from canary.plan import Step
from canary.rollout.actions import Patch
from canary.rollout.state import Command, HoldKind, Live, Phase
from canary.rollout.watchdog import watchdog
from tests.canary.rollout.bench import PLAN, Bench
from tests.canary.rollout.model import R1, R2, R3


def left(seconds: float = 15, **changes: object) -> Bench:
    """Return a bench whose controller died after so long, an hour ago."""
    bench = Bench(**changes)
    bench.go(seconds)
    bench.die()
    bench.now += 3600.0
    return bench


def watched(bench: Bench):
    return watchdog(bench.rollout, bench.seen(), bench.now)


def test_split_traffic_that_nobody_watches_is_rolled_back():
    bench = left()
    following = watched(bench)
    assert following.rollout.phase is Phase.ROLLING_BACK
    assert following.action.live == Live("target", 0)
    assert "nobody had watched it" in following.rollout.reason


def test_the_rollback_that_the_watchdog_began_is_ended_like_any_other():
    bench = left()
    following = watched(bench)
    bench.rollout = following.rollout
    bench.act(following)
    bench.go(100)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}


def test_before_its_deadline_the_watchdog_does_nothing():
    bench = left()
    bench.now = bench.rollout.watch_deadline
    assert watched(bench) is None


@pytest.mark.parametrize("seconds", [0, 5], ids=["starting", "gating"])
def test_traffic_that_is_not_split_is_left_alone(seconds):
    assert watched(left(seconds)) is None


def test_a_start_that_was_never_patched_is_left_alone():
    bench = Bench()
    bench.now += 3600.0
    assert watched(bench) is None


def test_a_rollout_that_a_person_has_paused_is_left_alone():
    bench = Bench()
    bench.go(15)
    bench.go(10, command=Command.PAUSE)
    bench.now += 3600.0
    assert watched(bench) is None


def test_a_foreign_edit_that_a_person_must_decide_on_is_left_alone():
    bench = Bench()
    bench.go(15)
    bench.model.edit(percent=40)
    bench.go(10)
    bench.now += 3600.0
    assert watched(bench) is None


def test_a_foreign_edit_that_nobody_has_seen_yet_is_held_and_not_overwritten():
    bench = left()
    bench.model.edit(percent=40)
    bench.model.tick()
    following = watched(bench)
    assert following.rollout.hold.kind is HoldKind.FOREIGN
    assert not isinstance(following.action, Patch)


def test_an_approval_that_nobody_has_answered_is_rolled_back():
    steps = (Step(percent=5, min_duration=60.0, min_requests=10, approval=True),)
    bench = left(300, plan=PLAN.model_copy(update={"steps": steps}))
    assert bench.rollout.hold.kind is HoldKind.APPROVAL
    assert watched(bench).rollout.phase is Phase.ROLLING_BACK


def test_an_inconclusive_hold_that_nobody_watches_is_rolled_back():
    limits = PLAN.limits.model_copy(update={"then": "hold"})
    bench = left(500, plan=PLAN.model_copy(update={"limits": limits}), gap="stale")
    assert bench.rollout.hold.kind is HoldKind.INCONCLUSIVE
    assert watched(bench).rollout.phase is Phase.ROLLING_BACK


def test_a_rollback_that_was_left_half_done_goes_on():
    bench = Bench()
    bench.go(15)
    bench.look(Command.ABORT)
    bench.now += 3600.0
    assert watched(bench).action.live == Live("target", 0)


def test_a_promotion_that_only_had_to_be_seen_is_seen():
    bench = Bench()
    bench.go(600, until=Phase.PROMOTING)
    bench.act(bench.look())
    bench.model.tick()
    bench.now += 3600.0
    assert watched(bench).rollout.phase is Phase.PROMOTED


def test_an_ended_rollout_is_left_alone():
    assert watched(left(3000)) is None


def test_a_command_that_waits_is_obeyed_first():
    bench = left()
    following = watchdog(bench.rollout, bench.seen(Command.PAUSE), bench.now)
    assert following.rollout.hold.kind is HoldKind.PAUSED


def test_a_deleted_service_ends_the_rollout():
    bench = left()
    bench.model.is_deleted = True
    assert watched(bench).rollout.phase is Phase.ROLLED_BACK


def paused(**changes: object) -> Bench:
    """Return a bench at 5 % that a person has paused; its controller is gone since."""
    bench = Bench(**changes)
    bench.go(15)
    bench.go(10, command=Command.PAUSE)
    bench.die()
    bench.now += 3600.0
    return bench


def test_a_paused_canary_that_crashes_is_rolled_back():
    bench = paused()
    bench.model.crashed.add(R2)
    bench.model.tick()
    following = watched(bench)
    assert following.rollout.phase is Phase.ROLLING_BACK
    assert following.action.live == Live("target", 0)


def test_a_paused_rollout_whose_stable_revision_is_down_is_rolled_back():
    bench = paused()
    bench.model.crashed.add(R1)
    bench.model.tick()
    assert watched(bench).rollout.phase is Phase.ROLLING_BACK


def test_a_canary_that_crashes_while_changed_defaults_hold_it_is_rolled_back():
    bench = Bench()
    bench.go(15)
    bench.drift = "defaults_digest is b, was a"
    bench.go(10)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN
    bench.model.crashed.add(R2)
    bench.model.tick()
    bench.now += 3600.0
    assert watched(bench).rollout.phase is Phase.ROLLING_BACK


def test_anothers_template_that_crashes_is_left_to_whoever_wrote_it():
    bench = Bench()
    bench.go(15)
    bench.model.edit(percent=5, template="others")
    bench.model.tick()
    bench.go(10)
    bench.model.crashed.add(R3)
    bench.model.tick()
    bench.now += 3600.0
    assert watched(bench) is None


def test_a_watchdog_that_dies_after_its_decision_leaves_it_to_the_next_one():
    bench = left()
    bench.rollout = watched(bench).rollout
    bench.die()
    bench.now += 1.0
    assert watched(bench).action.live == Live("target", 0)
