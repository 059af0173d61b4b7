from dataclasses import replace

import pytest

from canary.judgement.verdict import Judged, Verdict
from canary.plan import Step
from canary.rollout import moves
from canary.rollout.actions import Judge, Patch, Wait
from canary.rollout.patience import forgive_absence
from canary.rollout.seen import Reading
from canary.rollout.state import Command, HoldKind, Live, Phase
from canary.samples import Arm, Interval
from tests.canary.rollout.bench import PLAN, Bench
from tests.canary.rollout.model import R0, R1, R2, R3


def stepping(**changes: object) -> Bench:
    """Return a bench whose first 5 % are seen in status."""
    bench = Bench(**changes)
    bench.go(10)
    assert bench.model.users() == {R1: 95, R2: 5}
    return bench


def limited(**limits: object) -> object:
    return PLAN.model_copy(update={"limits": PLAN.limits.model_copy(update=limits)})


def test_stages_are_walked_in_turn_and_the_canary_is_promoted():
    bench = stepping()
    bench.go(600)
    percents = [p.live.percent for p in bench.patches]
    assert percents == [0, 5, 50, 95, 100]
    assert bench.rollout.phase is Phase.PROMOTED


def test_nothing_is_judged_before_status_shows_the_percent_on_the_canary():
    bench = Bench()
    bench.go(5)
    bench.model.is_stuck = True
    bench.go(60)
    assert bench.rollout.wanted == Live("target", 5)
    assert bench.rollout.evidence.num_intervals == 0


def test_the_first_interval_of_a_stage_begins_after_its_percent_is_seen():
    bench = stepping()
    first = bench.look()
    assert first.action == Judge(None)


def test_the_split_is_looked_for_often_until_it_should_be_there():
    bench = Bench()
    bench.go(5)
    bench.model.is_stuck = True
    bench.go(10)
    assert bench.last.action == Wait(moves.URGENT_S)
    bench.go(60)
    assert bench.last.action == Wait(moves.POLL_S)


def test_a_reading_is_not_counted_twice():
    bench = stepping()
    bench.go(60)
    stale = Interval(bench.now - 500.0, bench.now, Arm(999, {}, None), Arm(999, {}, None))
    judged = Judged(Verdict.INCONCLUSIVE, (), "", 100.0, 20.0)
    bench.reading = Reading(bench.rollout.evidence, judged, stale)
    before = bench.rollout.stage_requests
    assert bench.look().rollout.stage_requests == before


def test_an_interval_in_which_the_split_was_not_as_wanted_is_forgotten():
    bench = stepping()
    bench.go(60)
    assert bench.rollout.evidence.until is not None
    status = bench.model.world.status
    bench.model.world = replace(bench.model.world, status=replace(status, rolled_out=R2))
    assert bench.look().rollout.evidence.until is None


def test_a_stage_is_not_left_before_its_least_requests():
    bench = stepping(rate_rps=0.7)
    bench.go(250)
    assert bench.rollout.stage == 0
    assert bench.rollout.stage_s > 60.0


def test_a_stage_is_not_left_before_its_least_duration():
    bench = stepping(rate_rps=1000.0)
    bench.go(45)
    assert bench.rollout.stage == 0
    assert bench.rollout.stage_requests > 10


def test_a_step_before_the_bake_is_left_without_a_proof():
    bench = stepping(verdict=Verdict.INCONCLUSIVE)
    bench.go(250)
    assert bench.rollout.stage == 2


def test_the_bake_is_not_left_without_a_proof():
    bench = stepping(verdict=Verdict.INCONCLUSIVE)
    bench.go(400)
    assert bench.rollout.phase is Phase.STEPPING
    assert bench.model.users() == {R1: 5, R2: 95}


def test_a_bake_without_a_proof_for_too_long_is_rolled_back():
    bench = stepping(verdict=Verdict.INCONCLUSIVE)
    bench.go(1000)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "unproven for more than 600 s" in bench.rollout.reason


def test_a_bake_without_a_proof_is_held_before_it_is_rolled_back():
    bench = stepping(verdict=Verdict.INCONCLUSIVE)
    bench.go(700)
    assert bench.rollout.hold.kind is HoldKind.INCONCLUSIVE
    assert bench.told("Held") == "unproven for more than 300 s: it says inconclusive"


def test_a_bake_that_is_held_for_want_of_proof_is_promoted_once_it_is_proven():
    bench = stepping(verdict=Verdict.INCONCLUSIVE)
    bench.go(700)
    bench.verdict = Verdict.PROMOTE
    bench.go(60)
    assert bench.rollout.phase is Phase.PROMOTED


@pytest.mark.parametrize(
    ("e_worse", "stage"),
    [pytest.param(19.0, 2, id="too little to tell"), pytest.param(20.0, 0, id="suspect")],
)
def test_a_step_is_left_only_while_the_evidence_does_not_speak_against_the_canary(e_worse, stage):
    bench = stepping(e_worse=e_worse)
    bench.go(280)
    assert bench.rollout.stage == stage


def test_a_suspect_canary_is_rolled_back_in_the_end():
    bench = stepping(e_worse=50.0)
    bench.go(500)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "the evidence speaks against the canary" in bench.rollout.reason


def test_a_rollback_for_want_of_proof_says_what_was_not_proven():
    bench = stepping(verdict=Verdict.INCONCLUSIVE)
    bench.go(1000)
    assert bench.rollout.reason.endswith("it says inconclusive")


def test_evidence_against_the_canary_rolls_it_back_at_once():
    bench = stepping(verdict=Verdict.ROLL_BACK)
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert bench.rollout.reason == "it says roll_back"


@pytest.mark.parametrize(
    "silence",
    [
        pytest.param({"gap": "no data"}, id="no data"),
        pytest.param({"problem": "Prometheus does not answer"}, id="Prometheus down"),
        pytest.param({"rate_rps": 0.0}, id="no traffic"),
    ],
)
def test_silence_is_never_a_pass_and_rolled_back_in_the_end(silence):
    bench = stepping()
    for name, value in silence.items():
        setattr(bench, name, value)
    bench.go(280)
    assert bench.rollout.phase is Phase.STEPPING
    assert bench.rollout.stage == 0
    assert bench.rollout.hold.kind is HoldKind.INCONCLUSIVE
    bench.go(200)
    assert bench.rollout.phase is Phase.ROLLED_BACK


def test_a_hold_for_want_of_intervals_ends_by_itself():
    bench = stepping(gap="stale")
    bench.go(200)
    assert bench.rollout.hold.kind is HoldKind.INCONCLUSIVE
    bench.gap = None
    bench.go(45)
    assert bench.rollout.hold is None
    assert bench.told("HoldEnded") == "intervals count again"


def test_a_person_may_pause_what_is_held_for_want_of_intervals():
    bench = stepping(gap="stale")
    bench.go(200)
    bench.go(600, command=Command.PAUSE)
    assert bench.rollout.hold.kind is HoldKind.PAUSED


def test_silence_is_held_where_the_plan_says_so_and_resume_gives_it_more_time():
    bench = stepping(plan=limited(then="hold"), gap="stale")
    bench.go(500)
    assert bench.rollout.hold.kind is HoldKind.INCONCLUSIVE
    bench.gap = None
    bench.go(700, command=Command.RESUME)
    assert bench.rollout.phase is Phase.PROMOTED


@pytest.mark.parametrize("has_pods", [True, False], ids=["by pods", "by condition"])
def test_a_canary_that_crashes_with_users_is_rolled_back_and_the_route_freed(has_pods):
    bench = stepping(has_pods=has_pods)
    bench.model.crashed.add(R2)
    bench.model.tick()
    bench.go(60)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "RouteFrozen" in bench.reasons()
    assert R2 not in bench.model.users()


def test_a_canary_without_a_ready_pod_is_rolled_back_before_status_says_so():
    bench = stepping()
    bench.num_ready = 0
    following = bench.look()
    assert following.rollout.phase is Phase.ROLLING_BACK
    assert following.rollout.reason == f"no pod of {R2} is Ready, and it has 5 % of the users"


def test_a_canary_that_may_scale_to_zero_may_be_not_ready_for_a_moment():
    bench = stepping()
    target = replace(bench.rollout.target, predictor={"minReplicas": 0})
    bench.rollout = replace(bench.rollout, target=target)
    bench.num_ready = 0
    bench.go(10)
    assert bench.rollout.phase is Phase.STEPPING


def test_kserve_going_back_a_version_later_is_rolled_back_too():
    bench = stepping()
    status = replace(bench.model.world.status, rolled_out=R0)
    bench.model.world = replace(bench.model.world, status=status)
    assert bench.look().rollout.phase is Phase.ROLLING_BACK


def test_a_percent_is_not_raised_on_a_canary_that_is_not_ready():
    bench = Bench(has_pods=False)
    bench.go(0)
    bench.look()
    bench.gate = None
    bench.act(bench.last)
    bench.model.crashed.add(R2)
    bench.model.tick()
    following = bench.look()
    assert not isinstance(following.action, Patch)


def test_a_percent_that_is_refused_for_too_long_is_rolled_back():
    bench = Bench()
    bench.go(5)
    bench.rejected = "denied"
    bench.go(200)
    assert bench.model.users() == {R1: 100}
    bench.go(200)
    assert "5 % was refused: denied" in bench.rollout.reason


def test_a_step_with_approval_waits_for_a_person():
    steps = (Step(percent=5, min_duration=60.0, min_requests=10, approval=True),)
    bench = stepping(plan=PLAN.model_copy(update={"steps": steps}))
    bench.go(300)
    assert bench.rollout.hold.kind is HoldKind.APPROVAL
    assert bench.model.users() == {R1: 95, R2: 5}


def test_resume_approves_the_step():
    steps = (Step(percent=5, min_duration=60.0, min_requests=10, approval=True),)
    bench = stepping(plan=PLAN.model_copy(update={"steps": steps}))
    bench.go(300)
    bench.go(10, command=Command.RESUME)
    assert bench.model.users() == {R1: 5, R2: 95}


def test_approval_of_what_has_just_been_proved_bad_rolls_back():
    steps = (Step(percent=5, min_duration=60.0, min_requests=10, approval=True),)
    bench = stepping(plan=PLAN.model_copy(update={"steps": steps}))
    bench.go(300)
    bench.verdict = Verdict.ROLL_BACK
    bench.rollout = replace(bench.rollout, judge_at=bench.now)
    bench.act(bench.look())
    assert bench.look(Command.RESUME).rollout.phase is Phase.ROLLING_BACK


def test_a_rollout_that_takes_too_long_is_rolled_back():
    bench = stepping(plan=limited(total=400.0), rate_rps=0.7)
    bench.go(600)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "more than 400 s" in bench.rollout.reason


def test_a_clock_that_was_ahead_for_a_moment_does_not_stop_the_judging():
    bench = stepping()
    bench.rollout = replace(bench.rollout, judge_at=bench.now + 600.0)
    assert isinstance(bench.look().action, Judge)


def test_an_interval_that_nobody_watched_is_not_judged():
    bench = stepping()
    bench.go(60)
    bench.die()
    bench.now += 130.0
    assert bench.look().action != Judge(None)
    bench.now += 60.0
    assert bench.look().action == Judge(None)


def test_each_reading_is_told_with_its_numbers():
    bench = stepping()
    bench.go(60)
    note = next(note for note in bench.notes if note.reason == "Judged")
    assert note.numbers["percent"] == 5
    assert note.numbers["canary_requests"] == 35
    assert note.numbers["stable_requests"] == 665
    assert note.numbers["verdict"] == "promote"


@pytest.mark.parametrize("has_pods", [True, False], ids=["split still shown", "at the next step"])
def test_a_stable_revision_that_crashes_is_replaced_at_once(has_pods):
    bench = stepping(has_pods=has_pods)
    bench.model.crashed.add(R1)
    if not has_pods:
        bench.model.edit(percent=6)
        bench.rollout = moves.know(bench.rollout, bench.model.service(), bench.now)
    bench.model.tick()
    bench.go(30)
    assert bench.rollout.phase is Phase.ROLLED_BACK
    assert "RevisionMissing" in bench.rollout.reason
    assert bench.model.users() == {R3: 100}


def test_the_time_in_which_nobody_ran_a_rollout_is_no_lack_of_a_verdict():
    bench = stepping(verdict=Verdict.INCONCLUSIVE, gap="stale")
    bench.go(200)
    bench.die()
    bench.now += 110.0
    bench.rollout = forgive_absence(bench.rollout, bench.now)
    bench.go(50)
    assert bench.rollout.phase is Phase.STEPPING
    bench.go(100)
    assert "inconclusive for more than 300 s" in bench.rollout.reason


def test_an_absence_that_the_next_deadline_does_not_show_is_none():
    bench = stepping()
    assert forgive_absence(bench.rollout, bench.now + 10.0) == bench.rollout
