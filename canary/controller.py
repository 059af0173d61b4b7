"""The only loop: observe, advance, write down, patch, tell, and what else there is to do.

The state is written before the action is taken, by compare-and-swap, and a patch is sent under the
resourceVersion that was read before that write. So a process that was overtaken writes no state,
and one that dies between the two leaves a state from which the next one goes on. A patch that was
under way by then may still land, once, as long as the service's resourceVersion has not moved: the
state names it, and whoever goes on waits for it or moves the spec before it ends.

What is to be told is written with the state, so that a kill before the telling loses no word of it,
and no patch waits for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from canary.cluster.cluster import Cluster
from canary.cluster.lease import Lease
from canary.cluster.refusals import NotFound
from canary.cluster.store import Store, Stored
from canary.errors import Conflict, Held, Rejected, Unreachable
from canary.judgement.evidence import absorb
from canary.judgement.judge import flood, judge
from canary.judgement.verdict import Judged, Verdict
from canary.prometheus import PrometheusReader
from canary.record import outbox
from canary.record.entry import Told
from canary.record.outbox import Outbox
from canary.rollout.actions import Action, Advance, Finish, Judge, Note, Patch, RunGate, Wait
from canary.rollout.advance import OVER, advance
from canary.rollout.patience import written_every_s
from canary.rollout.route import live_of
from canary.rollout.seen import GateResult, Reading, Seen
from canary.rollout.service import Service
from canary.rollout.state import Command, HoldKind, Live, Rollout
from canary.rollout.stored import dump
from canary.samples import Sample
from canary.shares import Share

# Between two looks at a cluster that does not answer, and at one that has changed meanwhile.
_BEAR_S = 5.0
_AGAIN_S = 0.5
_MAX_SHOWN = 40

Record = Callable[[Rollout, Advance, Sequence[Told], Judged | None, Sample | None, float], None]


@dataclass(frozen=True, slots=True)
class Edges:
    """The outside systems of one rollout; ``sleep`` and ``monotonic`` are of seconds.

    ``record`` tells of a decision, ``warn`` of what is no part of the rollout.
    """

    cluster: Cluster
    store: Store
    lease: Lease
    reader: PrometheusReader
    gate: Callable[[Rollout], GateResult]
    record: Record
    warn: Callable[[str], None]
    summarise: Callable[[Rollout], str]
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Carried:
    """What the last action gave, for the next look."""

    reading: Reading | None = None
    gate: GateResult | None = None
    patched: Live | None = None
    written: Live | None = None
    rejected: str | None = None
    problem: str | None = None


class Controller:
    """Drives one rollout; the caller holds the Lease, and has `tell_again` called first."""

    def __init__(
        self, edges: Edges, shares: Sequence[Share], stored: Stored, rollout: Rollout, box: Outbox
    ) -> None:
        self.rollout = rollout
        self._edges = edges
        self._shares = tuple(shares)
        self._stored = stored
        self._box = box
        self._carried = _Carried()
        self._drift: str | None = None
        self._answered = edges.monotonic()
        self._is_silent = False
        self._unsaid: list[Callable[[], None]] = []

    def run(self, *, is_done: Callable[[Rollout], bool] = lambda rollout: False) -> Rollout:
        """Return the rollout once it has ended, or is done by what the caller says.

        Raises Held where another has taken over, Forbidden where a right is missing, Unreachable
        once the cluster has not answered for as long as a rollout may go unwatched.
        """
        while True:
            try:
                self._edges.lease.renew_if_due()
                action = self.step()
            except Conflict as error:
                # Read again and decide again, as for any change.
                self._try_again(error)
                continue
            except Unreachable as error:
                self._bear(error)
                continue
            self._hear()
            if isinstance(action, Finish):
                self._close_box()
                return self.rollout
            if is_done(self.rollout):
                return self.rollout

    def tell_again(self) -> None:
        """Tell what the last process may not have told before it died."""
        for told in self._box.untold:
            again = Advance(self.rollout, Wait(0.0), (told.note,))
            self._edges.record(self.rollout, again, (told,), None, None, told.time)

    def step(self) -> Action:
        """Look, decide, write the decision down, act on it, tell of it.

        What takes no time for the users is told before: a wait, an interval, the gate.
        """
        following = self.decide(advance)
        assert following is not None
        if not isinstance(following.action, Patch):
            self.tell()
        try:
            self.act(following.action)
        finally:
            self.tell()
        return following.action

    def decide(self, by: Callable[[Rollout, Seen, float], Advance | None]) -> Advance | None:
        """Look, let ``by`` decide and write that down; None where it decides nothing.

        It is told of by ``tell``, and by the next ``step`` once that has sent its patch.

        Raises Conflict where something has changed meanwhile: nothing is written or told then.
        """
        seen, unknown = self.look()
        now = self._edges.cluster.now()
        following = by(self.rollout, seen, now)
        if following is None:
            return None
        following = replace(following, notes=(*unknown, *following.notes))
        before, reading = self.rollout, seen.reading
        told = self._write(following, now)
        judged = None if reading is None else reading.judged
        sample = None if reading is None else reading.sample
        record = self._edges.record
        self._unsaid.append(lambda: record(before, following, told, judged, sample, now))
        # Only now: had the write failed, the reading would be due again.
        self._carried = _Carried()
        return following

    def tell(self) -> None:
        """Tell of what was decided and not told yet."""
        while self._unsaid:
            self._unsaid.pop(0)()

    def look(self) -> tuple[Seen, tuple[Note, ...]]:
        """Return all that a decision is made of, and notes of what cannot be understood.

        Raises Held where another has written the rollout.
        """
        self._read_store()
        service = self._read_service()
        command, notes = _parse_command(self._stored.command)
        if command is not None and _is_foreign(self.rollout):
            self._look_for_drift()
        revisions = [self.rollout.stable_revision]
        if self.rollout.canary_revision is not None:
            revisions.append(self.rollout.canary_revision)
        namespace = self.rollout.plan.namespace
        seen = Seen(
            service,
            pods=tuple(self._edges.cluster.pods_of(namespace, name) for name in revisions),
            command=command,
            reading=self._carried.reading,
            gate=self._carried.gate,
            patched=self._carried.patched,
            written=self._carried.written,
            rejected=self._carried.rejected,
            problem=self._carried.problem,
            drift=self._drift,
        )
        return seen, notes

    def act(self, action: Action) -> None:
        """Do what was decided and written down."""
        match action:
            case Patch():
                self._carried = self._patch(action)
            case Judge():
                self._carried = self._judge(action.start)
            case RunGate():
                self._carried = self._run_gate()
            case Wait():
                self._edges.sleep(action.seconds)
            case Finish():
                pass

    def _read_store(self) -> None:
        """Take a command that came meanwhile; give way to another operator."""
        found = self._edges.store.read()
        if found is None:
            if self._stored.resource_version:
                self._restore()
            return
        if (found.rollout, found.holder) != (self._stored.rollout, self._stored.holder):
            raise Held(f"{found.holder or 'somebody'} has taken the rollout over")
        self._stored = found

    def _restore(self) -> None:
        """Write again what somebody has deleted: without it nobody could end this rollout.

        Raises Held where the Lease is another's, or the state went with its service.
        """
        service = self._read_service()
        if service is None or service.is_deleted or service.uid != self.rollout.service_uid:
            raise Held("the rollout's ConfigMap is gone, and the InferenceService with it")
        self._edges.lease.renew()
        stored = replace(self._stored, command="", resource_version="")
        self._stored = self._edges.store.write(stored)
        self._edges.warn("the rollout's ConfigMap was deleted; it is written again from memory")

    def _read_service(self) -> Service | None:
        plan = self.rollout.plan
        try:
            return self._edges.cluster.read_service(plan.namespace, plan.service)
        except NotFound:
            return None

    def _write(self, following: Advance, now: float) -> tuple[Told, ...]:
        """Write what has changed, and return the notes with their numbers."""
        rollout = following.rollout
        has_said = bool(self._stored.command or following.notes)
        # A patch, a repeated one too, goes out from nobody who was overtaken.
        has_to = has_said or isinstance(following.action, Patch)
        if not has_to and not _is_worth_writing(self.rollout, rollout):
            # The deadline that is kept may be a little older: the watchdog only comes earlier.
            self.rollout = replace(rollout, watch_deadline=self.rollout.watch_deadline)
            return ()
        box, told = self._box.all_told().add(following.notes, now)
        stored = replace(
            self._stored,
            rollout=dump(rollout),
            command="",
            holder=self._edges.lease.holder,
            outbox=outbox.dump(box),
        )
        if rollout.phase in OVER and self.rollout.phase not in OVER:
            stored = stored.with_ended(self._edges.summarise(rollout))
        self._stored = self._edges.store.write(stored)
        self.rollout, self._box = rollout, box
        return told

    def _close_box(self) -> None:
        """Write down that everything was told; where that fails it is told once more."""
        if not self._box.untold:
            return
        self._box = self._box.all_told()
        stored = replace(self._stored, outbox=outbox.dump(self._box))
        try:
            self._stored = self._edges.store.write(stored)
        except (Conflict, Unreachable):
            return

    def _try_again(self, error: Conflict) -> None:
        # A quota answers so, too: for as long as it likes.
        if self._edges.monotonic() - self._answered > self.rollout.plan.limits.unwatched:
            raise Unreachable(f"the cluster answers with conflicts alone: {error}")
        self._edges.sleep(_AGAIN_S)

    def _bear(self, error: Unreachable) -> None:
        silent_s = self._edges.monotonic() - self._answered
        limit_s = self.rollout.plan.limits.unwatched
        if silent_s > limit_s:
            raise error
        if not self._is_silent:
            self._is_silent = True
            self._edges.warn(f"{error}; it is asked again for {limit_s:g} s")
        # No sooner than it wants to be asked, and once more before it is given up.
        self._edges.sleep(max(_BEAR_S, min(error.retry_after_s, limit_s - silent_s)))

    def _hear(self) -> None:
        self._answered = self._edges.monotonic()
        if self._is_silent:
            self._is_silent = False
            self._edges.warn("the cluster answers again; the rollout goes on")

    def _patch(self, patch: Patch) -> _Carried:
        plan = self.rollout.plan
        try:
            found = self._edges.cluster.patch(plan.namespace, plan.service, patch)
        except (Conflict, NotFound):
            return _Carried()
        except Rejected as error:
            return _Carried(rejected=str(error))
        return _Carried(patched=patch.live, written=live_of(found))

    def _run_gate(self) -> _Carried:
        try:
            return _Carried(gate=self._edges.gate(self.rollout))
        except Unreachable as error:
            return _Carried(problem=str(error))

    def _judge(self, start: float | None) -> _Carried:
        rollout, reader = self.rollout, self._edges.reader
        canary, stable = rollout.canary_revision, rollout.stable_revision
        assert canary is not None
        try:
            sample = reader.read(self._shares, canary, stable, start, reader.now())
            self._drift = self._why_drifted()
        except Unreachable as error:
            return _Carried(problem=str(error))
        if start is None:
            evidence = replace(rollout.evidence, until=sample.end)
            return _Carried(Reading(evidence, judge(rollout.plan, self._shares, evidence), None))
        evidence = absorb(rollout.plan, self._shares, rollout.evidence, sample)
        judged = judge(rollout.plan, self._shares, evidence)
        if why := flood(sample):
            judged = replace(judged, verdict=Verdict.ROLL_BACK, reason=why)
        return _Carried(Reading(evidence, judged, sample))

    def _look_for_drift(self) -> None:
        """A person who goes on takes note of what is so now."""
        try:
            self._drift = self._why_drifted()
        except Unreachable as error:
            self._edges.warn(f"the generation defaults are not known: {error}")

    def _why_drifted(self) -> str | None:
        """Return which digest of the generation defaults is not the one at the start."""
        stable = self.rollout.stable_revision
        before = self.rollout.defaults_digest
        now = self._edges.reader.defaults_digest([stable]).get(stable)
        if now is None or before is None or now == before:
            return None
        return f"{stable} serves with {now}, began with {before}"


def _parse_command(text: str) -> tuple[Command | None, tuple[Note, ...]]:
    """Return the command, or a note where another program has left what is none."""
    if not text:
        return None, ()
    try:
        return Command(text), ()
    except ValueError:
        allowed = ", ".join(Command)
        why = f"{text[:_MAX_SHOWN]!r} is no command, must be one of {allowed}"
        return None, (Note("CommandRefused", why, is_warning=True),)


def _is_foreign(rollout: Rollout) -> bool:
    return rollout.hold is not None and rollout.hold.kind is HoldKind.FOREIGN


def _is_worth_writing(before: Rollout, after: Rollout) -> bool:
    """Return whether more has changed than the watchdog's deadline, later by a little."""
    moved_s = after.watch_deadline - before.watch_deadline
    if not 0 <= moved_s <= written_every_s(after):
        return True
    return replace(after, watch_deadline=before.watch_deadline) != before
