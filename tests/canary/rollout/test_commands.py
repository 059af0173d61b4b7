import pytest

from canary.judgement.verdict import Verdict
from canary.plan import Step
from canary.rollout.actions import Patch, Wait
from canary.rollout.state import Command, HoldKind, Live, Phase
from tests.canary.rollout.bench import PLAN, Bench
from tests.canary.rollout.model import R1, R2, R3


def stepping(**changes: object) -> Bench:
    """Return a bench whose first 5 % are seen in status."""
    bench = Bench(**changes)
    bench.go(15)
    return bench


def ended(verdict: Verdict) -> Bench:
    bench = Bench(verdict=verdict)
    bench.go(3000)
    return bench


def test_a_pause_before_the_start_patch_keeps_it_back():
    bench = Bench()
    bench.go(60, command=Command.PAUSE)
    assert bench.patches == []
    bench.go(20, command=Command.RESUME)
    assert bench.patches[0].live == Live("target", 0)


def test_a_paused_stage_is_not_left():
    bench = stepping()
    bench.go(300, command=Command.PAUSE)
    assert bench.model.users() == {R1: 95, R2: 5}
    assert bench.rollout.hold.kind is HoldKind.PAUSED


def losing_a_patch() -> tuple[Bench, Patch]:
    """Return a bench at 5 % whose patch to 50 % is under way, and that patch."""
    bench = stepping()
    while not isinstance(bench.look().action, Patch):
        bench.act(bench.last)
        bench.now += 5.0
    return bench, bench.last.action


def test_a_pause_says_which_patch_may_still_land():
    bench, _ = losing_a_patch()
    bench.look(Command.PAUSE)
    assert bench.rollout.hold.reason.endswith(
        "; a patch to 50 % was under way by then, and may still land"
    )


def test_a_pause_with_no_patch_under_way_speaks_of_none():
    bench = stepping()
    bench.look(Command.PAUSE)
    assert "patch" not in bench.rollout.hold.reason


def test_a_patch_that_lands_in_a_pause_is_ours_and_the_pause_goes_on():
    bench, patch = losing_a_patch()
    bench.look(Command.PAUSE)
    bench.model.apply(patch)
    bench.go(300)
    assert bench.rollout.hold.kind is HoldKind.PAUSED
    assert bench.model.users() == {R1: 50, R2: 50}


def test_a_paused_gate_is_not_run():
    bench = Bench()
    bench.act(bench.look())
    bench.model.tick()
    bench.look()
    bench.go(100, command=Command.PAUSE)
    assert bench.rollout.phase is Phase.GATING


def test_evidence_against_the_canary_rolls_back_while_paused():
    bench = stepping()
    bench.go(40, command=Command.PAUSE)
    bench.verdict = Verdict.ROLL_BACK
    bench.go(100)
    assert bench.rollout.phase is Phase.ROLLED_BACK


def test_the_kill_switch_works_while_paused():
    bench = stepping()
    bench.go(40, command=Command.PAUSE)
    bench.model.crashed.add(R2)
    bench.go(100)
    assert bench.rollout.phase is Phase.ROLLED_BACK


def test_silence_while_paused_is_borne():
    bench = stepping(gap="stale")
    bench.go(20, command=Command.PAUSE)
    bench.now += 50_000.0
    bench.go(20)
    assert bench.rollout.hold.kind is HoldKind.PAUSED


def test_a_pause_counts_for_no_limit_once_it_is_over():
    bench = stepping()
    bench.go(20, command=Command.PAUSE)
    bench.now += 20_000.0
    bench.go(600, command=Command.RESUME)
    assert bench.rollout.phase is Phase.PROMOTED


@pytest.mark.parametrize("seconds", [5, 15, 150], ids=["gate", "step", "later step"])
def test_promote_gives_the_ready_canary_100_now(seconds):
    bench = Bench(verdict=Verdict.INCONCLUSIVE)
    bench.go(seconds)
    bench.go(20, command=Command.PROMOTE)
    assert bench.rollout.phase is Phase.PROMOTED
    assert bench.model.users() == {R2: 100}


def test_promote_is_refused_while_the_canary_is_not_ready():
    bench = Bench()
    bench.model.broken.add("target")
    bench.go(20)
    bench.look(Command.PROMOTE)
    assert "not the newest Ready revision" in bench.told("CommandRefused")
    assert bench.rollout.phase is Phase.STARTING


def test_promote_is_refused_before_the_start():
    bench = Bench()
    bench.look(Command.PROMOTE)
    assert "does not have the rollout's template" in bench.told("CommandRefused")


@pytest.mark.parametrize("seconds", [0, 5, 15, 150], ids=["start", "gate", "step", "later step"])
def test_abort_rolls_back_from_anywhere(seconds):
    bench = Bench()
    bench.go(seconds)
    bench.go(200, command=Command.ABORT)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.rollout.reason == "a person aborted it"
    assert bench.model.users() == {R3: 100}


def test_abort_takes_the_first_patch_at_once():
    bench = stepping()
    assert bench.look(Command.ABORT).action.live == Live("target", 0)


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("verdict", [Verdict.PROMOTE, Verdict.ROLL_BACK])
def test_commands_after_the_end_are_refused(command, verdict):
    bench = ended(verdict)
    before = bench.rollout
    following = bench.look(command)
    assert following.rollout == before
    assert [note.reason for note in following.notes] == ["CommandRefused"]


@pytest.mark.parametrize("command", [Command.PAUSE, Command.PROMOTE, Command.ABORT])
def test_a_rollback_is_not_stopped_by_a_command(command):
    bench = stepping()
    bench.look(Command.ABORT)
    following = bench.look(command)
    assert following.rollout.phase is Phase.ROLLING_BACK
    assert following.notes[0].reason == "CommandRefused"


def test_resume_is_refused_where_nothing_is_held():
    bench = stepping()
    assert bench.look(Command.RESUME).notes[0].text == "resume is refused: it is not held"


def test_pause_is_refused_where_it_is_held_already():
    bench = stepping()
    bench.look(Command.PAUSE)
    assert "it is held already" in bench.look(Command.PAUSE).notes[0].text


def test_a_proven_bake_with_approval_is_promoted_by_resume():
    bake = Step(percent=95, min_duration=60.0, min_requests=10, approval=True)
    bench = stepping(plan=PLAN.model_copy(update={"bake": bake}))
    bench.go(1000)
    assert bench.rollout.hold.kind is HoldKind.APPROVAL
    assert isinstance(bench.last.action, Wait)
    bench.go(20, command=Command.RESUME)
    assert bench.rollout.phase is Phase.PROMOTED


def approved() -> Bench:
    """Return a bench that waits for a person to leave the bake."""
    bake = Step(percent=95, min_duration=60.0, min_requests=10, approval=True)
    bench = Bench(plan=PLAN.model_copy(update={"gate": None, "bake": bake}))
    bench.go(600)
    assert (bench.rollout.stage, bench.rollout.hold.kind) == (2, HoldKind.APPROVAL)
    return bench


@pytest.mark.parametrize(
    "since",
    [
        pytest.param({"e_worse": 50.0}, id="speaks against it"),
        pytest.param({"verdict": Verdict.INCONCLUSIVE}, id="no longer proven"),
        pytest.param({"gap": "stale"}, id="no data"),
        pytest.param({"problem": "prometheus does not answer"}, id="no Prometheus"),
    ],
)
def test_a_resume_leaves_no_bake_whose_proof_is_gone(since):
    bench = approved()
    for name, value in since.items():
        setattr(bench, name, value)
    bench.go(3600)
    bench.go(60, command=Command.RESUME)
    assert bench.rollout.phase is not Phase.PROMOTED


def test_a_resume_leaves_a_bake_that_is_proven_still():
    bench = approved()
    bench.go(3600)
    bench.go(60, command=Command.RESUME)
    assert bench.rollout.phase is Phase.PROMOTED


def test_the_time_that_only_evidence_was_missing_counts_for_the_total():
    limits = PLAN.limits.model_copy(update={"then": "hold"})
    bench = Bench(plan=PLAN.model_copy(update={"gate": None, "limits": limits}), gap="stale")
    bench.go(6000)
    assert bench.rollout.hold.kind is HoldKind.INCONCLUSIVE
    bench.model.edit(percent=6)
    bench.model.tick()
    bench.go(20)
    assert bench.rollout.hold.kind is HoldKind.FOREIGN
    bench.go(10, command=Command.RESUME)
    assert bench.rollout.held_s < 60
