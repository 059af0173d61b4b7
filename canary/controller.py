"""The only loop: observe, advance, write down, patch, tell, and what else there is to do.

The state is written before the action is taken, by compare-and-swap (canary/journal.py), and a
patch is sent under the resourceVersion that was read before that write. So a process that was
overtaken writes no state, and one that dies between the two leaves a state from which the next one
goes on. A patch that was under way by then may still land, once, as long as the service's
resourceVersion has not moved: the state names it, and whoever goes on waits for it or moves the
spec before it ends.

What is to be told is written with the state, so that no patch waits for it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from canary.cluster.cluster import Cluster
from canary.cluster.lease import Lease
from canary.cluster.refusals import NotFound
from canary.cluster.store import Store, Stored
from canary.errors import Conflict, Held, Rejected, Unreachable
from canary.journal import Deleted, Journal
from canary.judgement.verdict import Judged
from canary.judging import judge_interval, why_drifted
from canary.outages import Outages
from canary.prometheus import PrometheusReader
from canary.record.entry import Told
from canary.record.outbox import Outbox
from canary.rollout.actions import Action, Advance, Finish, Judge, Note, Patch, RunGate, Wait
from canary.rollout.advance import advance
from canary.rollout.route import live_of
from canary.rollout.seen import GateResult, Reading, Seen
from canary.rollout.service import Service
from canary.rollout.state import Command, HoldKind, Live, Rollout
from canary.samples import Sample
from canary.shares import Share

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
        self._journal = Journal(edges.store, edges.lease, edges.summarise, stored, box)
        self._outages = Outages(edges.sleep, edges.monotonic, edges.warn)
        self._carried = _Carried()
        self._drift: str | None = None
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
                self._outages.bear_conflict(error, self.rollout.plan.limits.unwatched)
                continue
            except Unreachable as error:
                self._outages.bear(error, self.rollout.plan.limits.unwatched)
                continue
            self._outages.hear()
            if isinstance(action, Finish):
                self._journal.close()
                return self.rollout
            if is_done(self.rollout):
                return self.rollout

    def tell_again(self) -> None:
        """Tell what the last process may not have told before it died."""
        for told in self._journal.untold:
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
        self.rollout, told = self._journal.write(before, following, now)
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
        self._read_journal()
        service = self._read_service()
        command, notes = _parse_command(self._journal.command)
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

    def _read_journal(self) -> None:
        try:
            self._journal.read()
        except Deleted:
            self._restore()

    def _restore(self) -> None:
        """Write again what somebody has deleted: without it nobody could end this rollout.

        Raises Held where the Lease is another's, or the state went with its service.
        """
        service = self._read_service()
        if service is None or service.is_deleted or service.uid != self.rollout.service_uid:
            raise Held("the rollout's ConfigMap is gone, and the InferenceService with it")
        self._journal.restore()
        self._edges.warn("the rollout's ConfigMap was deleted; it is written again from memory")

    def _read_service(self) -> Service | None:
        plan = self.rollout.plan
        try:
            return self._edges.cluster.read_service(plan.namespace, plan.service)
        except NotFound:
            return None

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
        reader = self._edges.reader
        try:
            reading = judge_interval(reader, self._shares, self.rollout, start)
            self._drift = why_drifted(reader, self.rollout)
        except Unreachable as error:
            return _Carried(problem=str(error))
        return _Carried(reading)

    def _look_for_drift(self) -> None:
        """A person who goes on takes note of what is so now."""
        try:
            self._drift = why_drifted(self._edges.reader, self.rollout)
        except Unreachable as error:
            self._edges.warn(f"the generation defaults are not known: {error}")


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
