"""A controller that may die at any look, and what the world tells it."""

from dataclasses import dataclass, field, replace

from canary.judgement.verdict import Finding, Judged, Verdict
from canary.plan import Limits, RolloutPlan, Step
from canary.rollout.actions import Advance, Finish, Judge, Note, Patch, RunGate
from canary.rollout.advance import advance
from canary.rollout.begin import begin
from canary.rollout.route import live_of
from canary.rollout.seen import GateResult, Reading, Seen
from canary.rollout.service import Pods
from canary.rollout.state import Command, Live, Phase, Rollout
from canary.rollout.stored import dump, load
from canary.samples import Arm, Gap, Interval, Sample
from tests.canary.rollout.model import TARGET, Model, serving

PLAN = RolloutPlan(
    service="r1",
    namespace="r1",
    manifest="isvc.yaml",
    steps=(
        Step(percent=5, min_duration=60.0, min_requests=10),
        Step(percent=50, min_duration=60.0, min_requests=10),
    ),
    bake=Step(percent=95, min_duration=60.0, min_requests=10),
    limits=Limits(start=600.0, inconclusive=300.0, unproven=600.0, unwatched=120.0, total=7200.0),
)


@dataclass
class Bench:
    """A controller's loop on a model, its clock, and what Prometheus and the gate would say."""

    model: Model = field(default_factory=serving)
    plan: RolloutPlan = PLAN
    now: float = 1000.0
    verdict: Verdict = Verdict.PROMOTE
    gate_verdict: Verdict = Verdict.PROMOTE
    # Why Prometheus gives no interval, and why nobody there answers.
    gap: str | None = None
    problem: str | None = None
    drift: str | None = None
    # The evidence against the canary, of the 100 that roll it back.
    e_worse: float = 1.0
    rate_rps: float = 20.0
    # Whether the cluster lists pods.
    has_pods: bool = True
    num_restarts: int = 0
    num_ready: int | None = None
    notes: list[Note] = field(default_factory=list)
    patches: list[Patch] = field(default_factory=list)
    rollout: Rollout = field(init=False)
    reading: Reading | None = None
    gate: GateResult | None = None
    patched: Live | None = None
    written: Live | None = None
    # What the stable template would get if it were written again.
    stable_fingerprint: str | None = None
    # Why every patch is refused.
    rejected: str | None = None
    last: Advance = field(init=False)
    latest: Seen = field(init=False)

    def __post_init__(self) -> None:
        service, pods = self.model.service(), self.model.pods()
        self.rollout = begin(
            self.plan,
            service,
            TARGET,
            self.model.admission.get("target", "target"),
            pods,
            self.now,
            "0" * 32,
            stable_fingerprint=self.stable_fingerprint,
        )

    def seen(self, command: Command | None = None) -> Seen:
        return Seen(
            service=self.model.service(),
            pods=self._pods(),
            command=command,
            reading=self.reading,
            gate=self.gate,
            patched=self.patched,
            written=self.written,
            rejected=self.rejected,
            problem=self.problem,
            drift=self.drift,
        )

    def _pods(self) -> tuple[Pods, ...]:
        pods = self.model.pods() if self.has_pods else ()
        if self.num_ready is not None:
            pods = tuple(replace(p, num_ready=self.num_ready) for p in pods)
        if self.num_restarts:
            pods = tuple(replace(p, num_restarts=self.num_restarts) for p in pods)
        return pods

    def look(self, command: Command | None = None) -> Advance:
        """Advance once and write the state; nothing is done yet."""
        self.latest = self.seen(command)
        following = advance(self.rollout, self.latest, self.now)
        self.rollout = following.rollout
        self.notes += following.notes
        self.last, self.reading, self.gate = following, None, None
        self.patched = self.written = None
        return following

    def die(self) -> None:
        """Lose everything but what the cluster keeps."""
        self.rollout = load(dump(self.rollout))
        self.reading = self.gate = self.patched = self.written = None

    def act(self, following: Advance) -> None:
        """Do what an advance asks for; a conflict leaves things as they are."""
        match following.action:
            case Patch() if self.rejected is None:
                self.patches.append(following.action)
                self.model.apply(following.action)
                self.patched = following.action.live
                self.written = live_of(self.model.service())
            case Judge(start=start) if self.problem is None:
                self.reading = self._read(start)
            case RunGate() if self.problem is None:
                self.gate = GateResult(self.gate_verdict, "200 of 200 equal")

    def go(
        self, seconds: float, *, command: Command | None = None, until: Phase | None = None
    ) -> None:
        """Run the loop for so long, with a tick of the world after each action."""
        end = self.now + seconds
        while self.rollout.phase is not until:
            following = self.look(command)
            command = None
            self.act(following)
            self.model.tick()
            if isinstance(following.action, Finish) or self.now >= end:
                return
            self.now += 5.0

    def reasons(self) -> list[str]:
        return [note.reason for note in self.notes]

    def told(self, reason: str) -> str:
        """Return the text of the last note of a kind."""
        return [note.text for note in self.notes if note.reason == reason][-1]

    def _read(self, start: float | None) -> Reading:
        canary = self.rollout.canary_revision or ""
        finding = Finding("errors", self.verdict, "", None, None, 0, 0, self.e_worse, 1.0)
        judged = Judged(self.verdict, (finding,), f"it says {self.verdict.value}", 100.0, 20.0)
        evidence = replace(self.rollout.evidence, until=self.now)
        if start is None:
            return Reading(evidence, replace(judged, verdict=Verdict.INCONCLUSIVE), None)
        if self.gap is not None:
            lost = replace(judged, verdict=Verdict.INCONCLUSIVE)
            return Reading(evidence, lost, Gap(start, self.now, self.gap))
        users = self.model.users()
        arms = [
            Arm(int(self.rate_rps * (self.now - start) * users.get(name, 0) / 100), {}, 1.0)
            for name in (canary, self.rollout.stable_revision)
        ]
        sample: Sample = Interval(start, self.now, *arms)
        more = replace(evidence, num_intervals=evidence.num_intervals + 1)
        return Reading(more, judged, sample)
