"""Random faults on a rollout, and what must hold at every look and at the end."""

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from canary.judgement.verdict import Verdict
from canary.rollout.actions import Advance, Judge, Patch
from canary.rollout.route import live_of
from canary.rollout.seen import Reading, Seen
from canary.rollout.state import Command, HoldKind, Live, Phase, Rollout
from canary.rollout.watchdog import watchdog
from canary.samples import Interval
from tests.canary.rollout.bench import Bench
from tests.canary.rollout.model import NEW_KSERVE, R2, Conflict

OVER = (Phase.PROMOTED, Phase.ROLLED_BACK)
BACK = (Phase.ROLLING_BACK, Phase.CLEANING, Phase.ROLLED_BACK)
# Looks without a fault before one.
AFTER = st.sampled_from((0, 1, 2, 3, 5, 8, 13, 21, 34))


class Faults(RuleBasedStateMachine):
    """A controller that dies, time-outs, other people's edits, crashes, silence and commands."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.pending: list[Patch] = []
        self.judged_requests = 0
        self.is_edited = False
        self.calm = 0.0

    @initialize(has_people=st.booleans(), is_racy=st.booleans())
    def begin(self, has_people: bool, is_racy: bool) -> None:
        self.has_people = has_people
        if is_racy:
            self._act(self._look())
            self.bench.model.race()

    @rule(after=AFTER)
    def run(self, after: int) -> None:
        for _ in range(after):
            self._act(self._look())
            self.bench.model.tick()
            self.bench.now += 5.0

    @rule(after=AFTER)
    def look_again_before_the_controllers_have_run(self, after: int) -> None:
        self.run(after)
        self._act(self._look())

    @rule(after=AFTER)
    def die_after_the_state_is_written(self, after: int) -> None:
        self.run(after)
        self._look()
        self.bench.die()

    @rule(after=AFTER)
    def lose_the_answer_to_a_patch(self, after: int) -> None:
        self.run(after)
        following = self._look()
        if isinstance(following.action, Patch):
            self.pending.append(following.action)

    @precondition(lambda self: self.pending)
    @rule()
    def let_a_lost_patch_land(self) -> None:
        self._patch(self.pending.pop())

    @rule(after=AFTER)
    def be_written_to_before_the_patch(self, after: int) -> None:
        self.run(after)
        following = self._look()
        self.bench.model.version += 1
        self._act(following)

    @precondition(lambda self: self.has_people)
    @rule(command=st.sampled_from(Command), after=AFTER)
    def command(self, command: Command, after: int) -> None:
        self.run(after)
        self._act(self._look(command))

    @precondition(lambda self: self.has_people)
    @rule(
        percent=st.sampled_from((None, 0, 5, 30, 95, 100)),
        template=st.sampled_from((None, None, "stable", "others")),
        after=AFTER,
    )
    def edit_by_hand(self, percent: int | None, template: str | None, after: int) -> None:
        self.run(after)
        self.is_edited = True
        self.bench.model.edit(percent=percent, template=template)

    @precondition(lambda self: self.has_people)
    @rule(after=AFTER)
    def upgrade_kserve(self, after: int) -> None:
        self.run(after)
        self.bench.model.admission = NEW_KSERVE

    @rule(drift=st.sampled_from((None, "defaults_digest is b, was a")), after=AFTER)
    def change_the_defaults(self, drift: str | None, after: int) -> None:
        self.run(after)
        self.bench.drift = drift if self.has_people else None

    @rule(after=AFTER)
    def crash_the_stable_revision(self, after: int) -> None:
        self.run(after)
        self.bench.model.crashed.add(self.bench.rollout.stable_revision)
        self.bench.model.tick()

    @rule(after=AFTER)
    def crash_the_canary(self, after: int) -> None:
        self.run(after)
        self.bench.model.crashed.add(R2)
        self.bench.model.tick()

    @rule(after=AFTER)
    def crash_the_canary_unnoticed_by_its_pods(self, after: int) -> None:
        self.run(after)
        self.bench.has_pods = False
        self.bench.model.crashed.add(R2)
        self.bench.model.tick()

    @precondition(lambda self: self.bench.model.crashed)
    @rule(after=AFTER)
    def mend_the_canary(self, after: int) -> None:
        self.run(after)
        self.bench.model.crashed.discard(R2)
        self.bench.model.tick()

    @rule(template=st.sampled_from(("target", "stable")), after=AFTER)
    def let_new_pods_be_slow(self, template: str, after: int) -> None:
        self.bench.model.broken.add(template)
        self.run(after)
        self.bench.model.broken.discard(template)

    @rule(after=AFTER)
    def stop_the_controllers(self, after: int) -> None:
        self.bench.model.is_stuck = True
        self.run(after)
        self.bench.model.is_stuck = False

    @rule(verdict=st.sampled_from(Verdict), gate=st.sampled_from(Verdict), after=AFTER)
    def judge_otherwise(self, verdict: Verdict, gate: Verdict, after: int) -> None:
        self.bench.verdict, self.bench.gate_verdict = verdict, gate
        self.run(after)

    @rule(
        gap=st.sampled_from((None, "stale")),
        problem=st.sampled_from((None, "refused")),
        after=AFTER,
    )
    def lose_prometheus(self, gap: str | None, problem: str | None, after: int) -> None:
        self.bench.gap, self.bench.problem = gap, problem
        self.run(after)
        self.bench.gap = self.bench.problem = None

    @rule(rate_rps=st.sampled_from((0.0, 2.0, 20.0)))
    def change_the_rate(self, rate_rps: float) -> None:
        self.bench.rate_rps = rate_rps

    @rule(seconds=st.sampled_from((60.0, 150.0, 400.0, -30.0)))
    def skip_time(self, seconds: float) -> None:
        self.bench.now += seconds

    @rule()
    def watch(self) -> None:
        bench = self.bench
        bench.die()
        following = watchdog(bench.rollout, bench.seen(), bench.now)
        if following is not None:
            bench.rollout = following.rollout
            self._act(following)

    @invariant()
    def users_of_a_run_that_nobody_edits_are_on_its_two_templates(self) -> None:
        assert self.is_edited or self._templates() <= {"stable", "target"} or self._is_raced()

    def teardown(self) -> None:
        bench = self.bench
        bench.rate_rps, self.calm, num_held = 20.0, bench.now, 0
        # A hold that has stood for a while with everything well waits for a person alone.
        while num_held < 20 and bench.rollout.phase not in OVER:
            self._act(self._look())
            bench.model.tick()
            bench.now += 30.0
            hold = bench.rollout.hold
            num_held = num_held + 1 if hold and hold.kind is not HoldKind.INCONCLUSIVE else 0
            assert bench.now < self.calm + 50_000.0
        bench.model.tick()
        self._check_the_end()

    def _check_the_end(self) -> None:
        if self.bench.rollout.phase not in OVER:
            assert self.has_people
        elif not self.is_edited:
            is_promoted = self.bench.rollout.phase is Phase.PROMOTED
            assert self._templates() == {"target" if is_promoted else "stable"}

    def _templates(self) -> set[str]:
        revisions = self.bench.model.world.revisions
        templates = {revisions[name].template for name in self.bench.model.users()}
        return {template.removeprefix("new ") for template in templates}

    def _is_raced(self) -> bool:
        return self.bench.model.world.status.rolled_out == "r1-predictor-00001"

    def _act(self, following: Advance) -> None:
        if isinstance(following.action, Patch):
            self.bench.patched = self._patch(following.action)
            if self.bench.patched is not None:
                self.bench.written = live_of(self.bench.model.service())
        else:
            self.bench.act(following)

    def _patch(self, patch: Patch) -> Live | None:
        try:
            self.bench.model.apply(patch)
        except Conflict:
            return None
        return patch.live

    def _look(self, command: Command | None = None) -> Advance:
        before = self.bench.rollout
        following = self.bench.look(command)
        seen = self.bench.latest
        assert seen.service is not None
        if isinstance(following.action, Patch):
            self._check_patch(before, seen, following.action, following.rollout)
        if isinstance(following.action, Judge):
            self._check_split(following.rollout)
        if before.phase is Phase.STEPPING:
            self._check_step(before, seen, following.rollout)
        return following

    def _check_patch(self, before: Rollout, seen: Seen, patch: Patch, after: Rollout) -> None:
        service = seen.service
        assert service is not None
        assert patch.resource_version == service.resource_version
        assert patch.live == after.wanted
        live = live_of(service)
        is_ours = live in (before.known, before.wanted, *before.superseded, seen.written)
        assert is_ours or seen.command is not None or live == Live("target", 0)
        status = self.bench.model.world.status
        is_ready = status.conditions["PredictorConfigurationReady"].status == "True"
        if patch.live.fingerprint == "target" and (patch.live.percent or 0) > (live.percent or 0):
            assert status.latest_created == status.latest_ready == after.canary_revision
            assert is_ready
        if patch.live == Live("stable", 100) and status.latest_created != after.stable_revision:
            assert status.latest_created == status.latest_ready
            assert is_ready
            newest = self.bench.model.world.revisions[status.latest_created]
            assert newest.template == "stable" or self.is_edited

    def _check_split(self, rollout: Rollout) -> None:
        users = self.bench.model.users()
        percent = rollout.known.percent or 0
        expected = {rollout.canary_revision: percent, rollout.stable_revision: 100 - percent}
        assert users == expected or self.bench.model.is_stuck

    def _check_step(self, before: Rollout, seen: Seen, after: Rollout) -> None:
        reading = seen.reading
        if reading is not None and isinstance(reading.sample, Interval):
            self.judged_requests += reading.sample.canary.num_requests
        if (after.phase, after.stage) == (before.phase, before.stage):
            return
        if seen.command is None and after.phase not in BACK:
            self._check_leaving(before, reading, after)
        self.judged_requests = 0

    def _check_leaving(self, before: Rollout, reading: Reading | None, after: Rollout) -> None:
        assert reading is not None
        assert isinstance(reading.sample, Interval)
        assert self.judged_requests >= before.plan.stages[before.stage].min_requests
        if after.phase is Phase.PROMOTING:
            assert reading.judged.verdict is Verdict.PROMOTE
