from dataclasses import replace

import pytest

from canary.rollout.actions import Patch, Wait
from canary.rollout.advance import advance
from canary.rollout.state import Command, HoldKind, Live, Phase
from tests.canary.rollout.bench import Bench
from tests.canary.rollout.model import NEW_KSERVE, R1, R2, R3, serving
from tests.canary.simulator.world import Intent


def stepping(**changes: object) -> Bench:
    bench = Bench(**changes)
    bench.go(10)
    return bench


def edited(**edit: object) -> Bench:
    """Return a bench at 5 % in whose service another has written since."""
    bench = stepping()
    bench.model.edit(**edit)
    bench.model.tick()
    bench.go(20)
    return bench


def test_a_percent_set_by_hand_is_named_with_its_value_and_manager():
    bench = edited(percent=40)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN
    assert bench.told("ForeignEdit") == (
        "spec.predictor.canaryTrafficPercent is 40, was to be 5; last written by kubectl-edit"
    )


def test_a_percent_set_by_hand_stays():
    bench = edited(percent=40)
    bench.go(200)
    assert bench.model.users() == {R1: 60, R2: 40}
    assert bench.rollout.hold.kind is HoldKind.FOREIGN


def test_another_template_is_named_by_the_first_field_that_differs():
    bench = edited(percent=5, template="others")
    assert bench.told("ForeignEdit") == (
        "spec.predictor.containers.0.image is r1:3, was to be r1:2; last written by kubectl-edit"
    )


def test_another_template_stays():
    bench = edited(percent=5, template="others")
    bench.go(200)
    assert bench.model.world.intent.template == "others"


def test_a_foreign_edit_is_told_once():
    bench = edited(percent=40)
    bench.go(200)
    assert bench.reasons().count("ForeignEdit") == 1


def test_a_second_foreign_edit_is_told_too():
    bench = edited(percent=40)
    bench.model.edit(percent=41)
    bench.go(20)
    assert "is 41" in bench.rollout.hold.reason


@pytest.mark.parametrize(
    ("percent", "stage", "next_percent"),
    [
        pytest.param(2, 0, 5, id="below the first stage"),
        pytest.param(40, 0, 50, id="between two stages"),
        pytest.param(60, 1, 95, id="above a stage"),
        pytest.param(97, 2, 100, id="above the bake"),
    ],
)
def test_resume_goes_on_from_a_percent_set_by_hand(percent, stage, next_percent):
    bench = edited(percent=percent)
    following = bench.look(Command.RESUME)
    assert following.rollout.hold is None
    assert (following.rollout.stage, following.rollout.known.percent) == (stage, percent)
    num_patches = len(bench.patches)
    bench.go(150)
    assert bench.patches[num_patches].live == Live("target", next_percent)


def test_resume_at_percent_0_asks_the_gate_again():
    bench = edited(percent=0)
    assert bench.look(Command.RESUME).rollout.phase is Phase.GATING


@pytest.mark.parametrize("percent", [None, 100], ids=["removed", "100"])
def test_resume_after_100_by_hand_acknowledges_the_promotion(percent):
    bench = edited(percent=percent)
    bench.go(20, command=Command.RESUME)
    assert bench.rollout.phase is Phase.PROMOTED
    assert bench.model.users() == {R2: 100}


def test_resume_is_refused_while_the_percent_is_none_that_knative_takes():
    bench = edited(percent=150)
    bench.look(Command.RESUME)
    assert "must be in 0..100" in bench.told("CommandRefused")
    assert bench.rollout.hold.kind is HoldKind.FOREIGN


@pytest.mark.parametrize("command", [Command.RESUME, Command.PROMOTE])
def test_nothing_goes_on_with_a_template_that_nobody_judged(command):
    bench = edited(percent=5, template="others")
    bench.go(100, command=command)
    assert "CommandRefused" in bench.reasons()
    assert bench.rollout.hold.kind is HoldKind.FOREIGN


def test_promote_acts_on_a_percent_set_by_hand():
    bench = edited(percent=40)
    bench.go(20, command=Command.PROMOTE)
    assert bench.rollout.phase is Phase.PROMOTED


def test_abort_acts_on_a_percent_set_by_hand():
    bench = edited(percent=40)
    bench.go(60, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}


def test_abort_takes_the_users_off_anothers_template_and_leaves_it_there():
    bench = edited(percent=5, template="others")
    bench.go(60, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R1: 100}
    assert bench.model.world.intent.template == "others"
    assert "another's" in bench.told("CleanFailed")


def test_abort_after_the_old_template_came_back_by_hand_gives_it_all_users():
    bench = edited(percent=5, template="stable")
    bench.go(60, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}


def test_abort_of_a_percent_set_before_the_start_patch_does_not_go_back_a_version():
    bench = Bench()
    bench.model.edit(percent=20)
    bench.look()
    bench.go(60, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R1: 100}
    assert Live("stable", 0) not in [p.live for p in bench.patches]


def test_a_revision_that_nobody_made_here_holds_the_rollout():
    bench = stepping()
    bench.model.make_a_revision()
    bench.go(20)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN
    assert f"latestCreatedRevision is {R3}" in bench.rollout.hold.reason


def test_changed_generation_defaults_hold_the_rollout_until_a_person_takes_note():
    bench = stepping()
    bench.drift = "defaults_digest is b, was a"
    bench.go(30)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN
    assert "defaults_digest is b, was a" in bench.rollout.hold.reason
    bench.go(600, command=Command.RESUME)
    assert bench.rollout.phase is Phase.PROMOTED


def test_a_later_change_of_the_defaults_holds_again():
    bench = stepping()
    bench.drift = "defaults_digest is b, was a"
    bench.go(30)
    bench.go(30, command=Command.RESUME)
    bench.drift = "defaults_digest is c, was a"
    bench.go(10)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN


def test_the_time_that_a_person_held_it_does_not_count():
    bench = edited(percent=40)
    bench.now += 10_000.0
    following = bench.look(Command.RESUME)
    assert following.rollout.phase is Phase.STEPPING
    bench.go(30)
    assert bench.rollout.phase is Phase.STEPPING


def test_a_foreign_edit_during_a_rollback_waits_for_a_person_too():
    bench = stepping()
    bench.look(Command.ABORT)
    bench.model.edit(percent=30)
    following = bench.look()
    assert isinstance(following.action, Wait)
    assert following.rollout.hold.kind is HoldKind.FOREIGN
    assert isinstance(bench.look(Command.RESUME).action, Patch)
    bench.act(bench.last)
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK


def test_values_that_may_be_secrets_are_not_told():
    bench = stepping()
    target = replace(bench.rollout.target, predictor={"env": [{"name": "T", "value": "old"}]})
    bench.rollout = replace(bench.rollout, target=target)
    bench.model.edit(percent=5, template="others")
    bench.look()
    assert bench.rollout.hold.reason.startswith("spec.predictor.env is not what it was")


def test_changed_defaults_do_not_keep_users_on_a_canary_that_crashes():
    bench = stepping()
    bench.drift = "defaults_digest is b, was a"
    bench.go(30)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN
    bench.model.crashed.add(R2)
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.model.users() == {R3: 100}


def test_a_revision_that_nobody_made_here_does_not_keep_users_on_a_frozen_route():
    bench = stepping()
    bench.model.make_a_revision()
    bench.go(20)
    bench.model.crashed.add(R3)
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert R3 not in bench.model.users()


def test_a_percent_of_0_by_hand_that_a_frozen_route_ignores_is_brought_about():
    bench = stepping()
    bench.model.crashed.add(R2)
    bench.model.edit(percent=0)
    bench.model.tick()
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "set by hand, has no effect" in bench.rollout.reason
    assert bench.model.users() == {R3: 100}


def test_a_percent_of_0_by_hand_that_takes_effect_stays():
    bench = edited(percent=0)
    bench.go(200)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN


@pytest.mark.parametrize("percent", [0, 5])
def test_anothers_template_stays_even_where_it_crashes(percent):
    bench = edited(percent=percent, template="others")
    bench.model.crashed.add(R3)
    bench.model.tick()
    bench.num_restarts = 9
    num_patches = len(bench.patches)
    bench.go(200)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN
    assert len(bench.patches) == num_patches


def upgraded(**changes: object) -> Bench:
    """Return a bench at 5 % under a KServe that writes other defaults from now on."""
    bench = stepping(**changes)
    bench.model.admission |= NEW_KSERVE
    return bench


def test_a_percent_that_admission_makes_a_revision_of_is_rolled_back():
    bench = upgraded()
    bench.go(600)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "admission changed the template" in bench.rollout.reason
    assert "ForeignEdit" not in bench.reasons()
    assert bench.model.world.intent.template == "new stable"
    assert list(bench.model.users().values()) == [100]


def test_a_rollback_goes_on_with_what_admission_makes_of_its_patches():
    bench = upgraded()
    bench.go(200, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "ForeignEdit" not in bench.reasons()
    assert bench.model.world.intent == Intent("new stable", 100)


def test_what_another_has_written_after_admission_is_held():
    bench = upgraded()
    bench.go(600, until=Phase.STEPPING)
    while not isinstance(bench.look().action, Patch):
        bench.act(bench.last)
        bench.now += 5.0
    bench.act(bench.last)
    bench.model.edit(percent=7)
    bench.go(60)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN


def test_a_percent_that_admission_changes_is_held():
    bench = stepping()
    seen = replace(bench.seen(), patched=bench.rollout.wanted, written=Live("new target", 7))
    bench.model.edit(percent=7, template="new target")
    service = bench.model.service()
    following = advance(bench.rollout, replace(seen, service=service), bench.now)
    assert following.rollout.hold.kind is HoldKind.FOREIGN


@pytest.mark.parametrize("is_frozen", [False, True], ids=["route follows", "route frozen"])
def test_a_stable_template_from_before_an_upgrade_is_put_back_as_it_is_written_now(is_frozen):
    model = serving()
    model.admission |= NEW_KSERVE
    bench = Bench(model=model, stable_fingerprint="new stable")
    bench.go(10)
    if is_frozen:
        model.crashed.add(R2)
    bench.go(0, command=Command.ABORT)
    # Nothing of what was answered is left.
    while bench.rollout.phase is not Phase.ROLLED_BACK:
        bench.now += 5.0
        bench.die()
        bench.go(0)
    assert bench.rollout.hold is None
    assert model.world.intent == Intent("new stable", 100)
    assert list(model.users().values()) == [100]


def test_an_abort_before_the_start_patch_landed_knows_the_template_from_before_an_upgrade():
    model = serving()
    model.admission |= NEW_KSERVE
    bench = Bench(model=model, stable_fingerprint="new stable")
    bench.look()
    bench.go(200, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert 0 not in [patch.live.percent for patch in bench.patches]
