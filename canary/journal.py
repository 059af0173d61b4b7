"""The rollout as it is stored, and what was told of it: each decision is written before its deed.

By compare-and-swap, so that a process that was overtaken writes no state. What is to be told is
written with it, so that a kill before the telling loses no word.
"""

from collections.abc import Callable
from dataclasses import replace

from canary.cluster.lease import Lease
from canary.cluster.store import Store, Stored
from canary.errors import Conflict, Held, Unreachable
from canary.record import outbox
from canary.record.entry import Told
from canary.record.outbox import Outbox
from canary.rollout.actions import Advance, Patch
from canary.rollout.advance import OVER
from canary.rollout.patience import written_every_s
from canary.rollout.state import Rollout
from canary.rollout.stored import dump


class Deleted(Exception):
    """Somebody has deleted the stored rollout."""


class Journal:
    """Of one rollout, while its caller holds the Lease."""

    def __init__(
        self,
        store: Store,
        lease: Lease,
        summarise: Callable[[Rollout], str],
        stored: Stored,
        box: Outbox,
    ) -> None:
        self._store = store
        self._lease = lease
        self._summarise = summarise
        self._stored = stored
        self._box = box

    @property
    def command(self) -> str:
        """Return what a person has asked for since, as it was read last."""
        return self._stored.command

    @property
    def untold(self) -> tuple[Told, ...]:
        return self._box.untold

    def read(self) -> None:
        """Take a command that came meanwhile.

        Raises Held where another operator has written the rollout, Deleted where it is gone.
        """
        found = self._store.read()
        if found is None and self._stored.resource_version:
            raise Deleted
        if found is None:
            return
        if (found.rollout, found.holder) != (self._stored.rollout, self._stored.holder):
            raise Held(f"{found.holder or 'somebody'} has taken the rollout over")
        self._stored = found

    def restore(self) -> None:
        """Write again what somebody has deleted; raises Held where the Lease is another's."""
        self._lease.renew()
        self._stored = self._store.write(replace(self._stored, command="", resource_version=""))

    def write(
        self, before: Rollout, following: Advance, now: float
    ) -> tuple[Rollout, tuple[Told, ...]]:
        """Write what has changed; return the rollout as it goes on, and the notes numbered."""
        rollout = following.rollout
        has_said = bool(self._stored.command or following.notes)
        # A patch, a repeated one too, goes out from nobody who was overtaken.
        has_to = has_said or isinstance(following.action, Patch)
        if not has_to and not _is_worth_writing(before, rollout):
            # The deadline that is kept may be a little older: the watchdog only comes earlier.
            return replace(rollout, watch_deadline=before.watch_deadline), ()
        box, told = self._box.all_told().add(following.notes, now)
        stored = replace(
            self._stored,
            rollout=dump(rollout),
            command="",
            holder=self._lease.holder,
            outbox=outbox.dump(box),
        )
        if rollout.phase in OVER and before.phase not in OVER:
            stored = stored.with_ended(self._summarise(rollout))
        self._stored = self._store.write(stored)
        self._box = box
        return rollout, told

    def close(self) -> None:
        """Write down that everything was told; where that fails it is told once more."""
        if not self._box.untold:
            return
        self._box = self._box.all_told()
        try:
            self._stored = self._store.write(replace(self._stored, outbox=outbox.dump(self._box)))
        except (Conflict, Unreachable):
            return


def _is_worth_writing(before: Rollout, after: Rollout) -> bool:
    """Return whether more has changed than the watchdog's deadline, later by a little."""
    moved_s = after.watch_deadline - before.watch_deadline
    if not 0 <= moved_s <= written_every_s(after):
        return True
    return replace(after, watch_deadline=before.watch_deadline) != before
