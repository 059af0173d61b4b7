import pytest

from canary.judgement.verdict import Verdict
from canary.rollout.actions import Finish, Patch, RunGate, Wait
from canary.rollout.seen import GateResult
from canary.rollout.state import Command, HoldKind, Live, Phase
from tests.canary.rollout.bench import PLAN, Bench
from tests.canary.rollout.model import R0, R1, R2, R3, TARGET


def test_a_rollout_starts_with_one_patch_of_the_target_template_and_percent_0():
    bench = Bench()
    following = bench.look()
    assert isinstance(following.action, Patch)
    assert following.action.live == Live("target", 0)
    assert following.action.template is not None
    assert following.action.template.predictor == TARGET


def test_the_start_patch_is_for_the_resource_version_that_was_seen():
    bench = Bench()
    bench.model.version = 77
    following = bench.look()
    assert isinstance(following.action, Patch)
    assert following.action.resource_version == "77"


def test_the_start_patch_is_due_again_after_a_kill_between_state_and_patch():
    bench = Bench()
    first = bench.look()
    bench.die()
    again = bench.look()
    assert again.action == first.action
    assert again.notes == ()


def test_the_gate_runs_once_the_canary_is_ready_beside_the_stable_revision():
    bench = Bench()
    bench.act(bench.look())
    bench.model.tick()
    following = bench.look()
    assert isinstance(following.action, RunGate)
    assert following.rollout.canary_revision == R2


def test_nothing_but_waiting_happens_before_the_canary_is_ready():
    bench = Bench()
    bench.model.broken.add("target")
    bench.go(500)
    assert len(bench.patches) == 1
    assert bench.rollout.phase is Phase.STARTING
    assert isinstance(bench.last.action, Wait)


def test_a_canary_that_is_not_ready_in_time_is_rolled_back_to_the_old_template():
    bench = Bench()
    bench.model.broken.add("target")
    bench.go(2000)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "not Ready after 600 s" in bench.rollout.reason
    assert bench.model.users() == {R3: 100}
    assert bench.model.world.intent.template == "stable"


def test_a_crash_loop_at_the_start_is_rolled_back_before_the_time_is_up():
    bench = Bench(num_restarts=3)
    bench.model.broken.add("target")
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "has restarted 3 times" in bench.rollout.reason


def test_a_restart_at_the_start_is_borne():
    bench = Bench(num_restarts=2)
    bench.go(30)
    assert bench.rollout.phase is Phase.STEPPING


def test_kserve_going_back_a_version_at_the_start_is_mended_with_the_stable_template():
    bench = Bench()
    bench.act(bench.look())
    bench.model.race()
    assert bench.model.service().rolled_out == R0
    bench.go(300)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert f"moved the rolled-out revision to {R0}" in bench.rollout.reason
    assert bench.model.users() == {R3: 100}


def test_a_template_that_knative_refuses_is_taken_back_without_percent_0_on_the_stable_one():
    bench = Bench()
    bench.act(bench.look())
    bench.model.is_refused = True
    bench.go(300)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert [p.live for p in bench.patches] == [Live("target", 0), Live("stable", 100)]
    assert bench.model.users() == {R1: 100}


def test_a_rollout_aborted_before_its_first_patch_ends_without_one():
    bench = Bench()
    following = bench.look(Command.ABORT)
    assert isinstance(following.action, Finish)
    assert following.rollout.phase is Phase.ROLLED_BACK
    assert bench.told("RolledBack") == "nothing was changed yet: a person aborted it"


def test_a_start_patch_that_is_refused_ends_the_rollout():
    bench = Bench(rejected="admission webhook denied it")
    bench.go(10)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.rollout.reason == "the start patch was refused: admission webhook denied it"
    assert bench.model.users() == {R1: 100}


def test_without_a_gate_users_come_at_once():
    bench = Bench(plan=PLAN.model_copy(update={"gate": None}))
    bench.go(5)
    assert bench.rollout.phase is Phase.STEPPING
    assert bench.patches[-1].live == Live("target", 5)


@pytest.mark.parametrize(
    ("verdict", "phase"),
    [
        pytest.param(Verdict.PROMOTE, Phase.STEPPING, id="passed"),
        pytest.param(Verdict.ROLL_BACK, Phase.ROLLED_BACK, id="failed"),
        pytest.param(Verdict.INCONCLUSIVE, Phase.GATING, id="inconclusive"),
    ],
)
def test_the_gate_decides_whether_users_come(verdict, phase):
    bench = Bench(gate_verdict=verdict)
    bench.go(50)
    assert bench.rollout.phase is phase


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        pytest.param(Verdict.PROMOTE, "GatePassed", id="passed"),
        pytest.param(Verdict.ROLL_BACK, "GateFailed", id="failed"),
        pytest.param(Verdict.INCONCLUSIVE, "GateInconclusive", id="inconclusive"),
    ],
)
def test_what_the_gate_says_is_told_with_its_numbers(verdict, reason):
    bench = Bench()
    bench.act(bench.look())
    bench.model.tick()
    bench.look()
    numbers = {"num_pairs": 85, "canary_right": 84, "e_pass": 7.5, "canary_ttft_s": None}
    bench.gate = GateResult(verdict, "84 of 85 right", numbers)
    told = {note.reason: note for note in bench.look().notes}
    assert told[reason].numbers == numbers
    assert "84 of 85 right" in told[reason].text


def test_a_failed_gate_is_told_before_the_rollback():
    bench = Bench(gate_verdict=Verdict.ROLL_BACK)
    bench.go(50)
    failed = bench.reasons().index("GateFailed")
    assert bench.reasons()[failed + 1] == "RollbackBegun"
    assert bench.told("RollbackBegun") == "the gate failed: 200 of 200 equal"


def test_a_failed_gate_means_that_no_user_ever_reached_the_canary():
    bench = Bench(gate_verdict=Verdict.ROLL_BACK)
    bench.go(50)
    assert {p.live.percent for p in bench.patches if p.live.fingerprint == "target"} == {0}


def test_a_gate_that_says_nothing_for_too_long_is_rolled_back():
    bench = Bench(gate_verdict=Verdict.INCONCLUSIVE)
    bench.go(400)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "inconclusive for more than 300 s" in bench.rollout.reason


def test_a_gate_that_says_nothing_is_asked_again_while_it_is_held():
    bench = Bench(gate_verdict=Verdict.INCONCLUSIVE)
    bench.go(250)
    assert bench.rollout.hold.kind is HoldKind.INCONCLUSIVE
    bench.gate_verdict = Verdict.PROMOTE
    bench.go(30)
    assert bench.rollout.phase is Phase.STEPPING


def test_tag_hosts_that_do_not_answer_are_no_pass():
    bench = Bench(problem="latest-r1-predictor.r1 does not answer")
    bench.go(200)
    assert bench.rollout.phase is Phase.GATING


def test_a_gate_that_says_nothing_is_held_where_the_plan_says_so():
    limits = PLAN.limits.model_copy(update={"then": "hold"})
    bench = Bench(
        plan=PLAN.model_copy(update={"limits": limits}), gate_verdict=Verdict.INCONCLUSIVE
    )
    bench.go(400)
    assert bench.rollout.hold.kind is HoldKind.INCONCLUSIVE
    assert bench.rollout.phase is Phase.GATING
