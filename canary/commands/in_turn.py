"""A file's rollouts in turn: go on with the one that was left, then begin what is left to do."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from canary.commands.opening import Opened
from canary.commands.options import Output
from canary.commands.preflight import begin_rollout, parts_left
from canary.commands.printing import say
from canary.commands.status import exit_status, show
from canary.errors import CanaryError, ExitStatus, InputError
from canary.record.quantity import moment
from canary.rollout.advance import OVER
from canary.rollout.begin import NOTHING, min_replicas_of
from canary.rollout.parts import Part
from canary.rollout.state import Rollout
from canary.rollout.stored import load

_POLL_S = 5.0


@dataclass(frozen=True, slots=True)
class InTurn:
    """``find`` reads the service anew.

    ``drive`` brings the stored rollout, or a new one, to its end or to where it stops. ``check``
    raises what only a new one is not to begin with: who left users split is to be gone on with.
    """

    parts: tuple[Part, ...]
    find: Callable[[], Opened]
    drive: Callable[[Opened, Rollout | None], ExitStatus]
    attempt: str | None
    output: Output
    check: Callable[[], None]

    def run(self) -> ExitStatus:
        """Return how the last of them ended, or why it did not."""
        opened = self.find()
        if (rollout := _unfinished(opened)) is not None:
            part = self._part_of(rollout)
            if part is None and rollout.phase not in OVER:
                raise InputError(_why_not_this(rollout))
            say(f"going on with rollout {rollout.id}, begun {moment(rollout.began)}")
            status = self.drive(opened, None)
            if part is not None:
                return self._after(part, status)
            opened = self.find()
        if (ended := _ended(opened, self.attempt)) is not None:
            return self._answer(ended, opened.cluster.now())
        left = parts_left(opened, self.parts)
        if not left:
            raise InputError(NOTHING)
        if left[0].is_restore:
            return self._restore()
        return self._after(left[0], self.drive(opened, self._begin(opened, left)))

    def _part_of(self, rollout: Rollout) -> Part | None:
        return next((part for part in self.parts if part.is_of(rollout)), None)

    def _answer(self, ended: Rollout, now: float) -> ExitStatus:
        """Say how a rollout ended, and begin no other but the one that follows its promotion."""
        part, status = self._part_of(ended), exit_status(ended)
        say(f"rollout {ended.id} was this attempt's, and has ended: {ended.phase}")
        if part is not None and self._is_followed(part, status):
            return self._restore()
        if self.output is Output.JSON:
            show(ended, (), now, self.output)
        if part is None and status is ExitStatus.PROMOTED and ended.plan.restore is not None:
            raise InputError(
                "the new version is promoted; minReplicas was to be put back after it, and the "
                "file or its manifest is another by now: `run FILE` with another attempt begins it"
            )
        return status

    def _is_followed(self, part: Part, status: ExitStatus) -> bool:
        return status is ExitStatus.PROMOTED and part != self.parts[-1]

    def _after(self, part: Part, status: ExitStatus) -> ExitStatus:
        if self._is_followed(part, status):
            return self._restore()
        if part.is_restore and status is ExitStatus.ROLLED_BACK:
            kept, own = (min_replicas_of(each.template) for each in self.parts)
            say(f"the new version stays promoted, with minReplicas {kept}: {own} is not put back")
        return status

    def _restore(self) -> ExitStatus:
        """Begin the rollout that follows the promotion, where what was promoted is live still."""
        restore = self.parts[-1]
        own = min_replicas_of(restore.template)
        try:
            rollout, opened = self._begin_restore(restore)
        except CanaryError:
            say(
                f"the new version is promoted; only the rollout that puts minReplicas {own} back "
                "is missing:"
            )
            raise
        say(f"the new version is promoted; rollout {rollout.id} puts minReplicas {own} back")
        return self._after(restore, self.drive(opened, rollout))

    def _begin(self, opened: Opened, left: tuple[Part, ...]) -> Rollout:
        self.check()
        part, *then = left
        return begin_rollout(opened, part, then=then, id=secrets.token_hex(16))

    def _begin_restore(self, restore: Part) -> tuple[Rollout, Opened]:
        """Return the rollout once nothing refuses it any more.

        Just after a promotion the service may not be Ready, or its revision not be scraped often
        enough: for limits.promote every refusal is asked about again.
        """
        opened, limit_s = self.find(), restore.plan.limits.promote
        monotonic, sleep = opened.surroundings.monotonic, opened.surroundings.sleep
        deadline, has_said = monotonic() + limit_s, False
        while True:
            try:
                return self._begin_now(restore, opened), opened
            except _Another:
                raise
            except InputError as error:
                if monotonic() >= deadline:
                    raise
                if not has_said:
                    say(f"not yet, and tried again for {limit_s:g} s: {error}")
                has_said = True
            sleep(_POLL_S)
            opened = self.find()

    def _begin_now(self, restore: Part, opened: Opened) -> Rollout:
        if parts_left(opened, self.parts) != (restore,):
            raise _Another
        rollout = self._begin(opened, (restore,))
        # The preflight reads anew what has changed since.
        if rollout.known.fingerprint != opened.service.fingerprint:
            raise _Another
        return rollout


class _Another(InputError):
    """Somebody has written another template since the promotion."""

    def __init__(self) -> None:
        super().__init__("another template is live than the one that was promoted")


def _why_not_this(rollout: Rollout) -> str:
    return (
        f"rollout {rollout.id} of {rollout.plan.namespace}/{rollout.plan.service} is under way "
        f"with another file or manifest, in phase {rollout.phase}: `r1-canary abort` or `promote` "
        "ends it"
    )


def _ended(opened: Opened, attempt: str | None) -> Rollout | None:
    """Return the rollout that this attempt has ended already; a killed one does not know of it."""
    if attempt is None or not opened.stored.rollout:
        return None
    rollout = load(opened.stored.rollout)
    return rollout if rollout.phase in OVER and rollout.attempt == attempt else None


def _unfinished(opened: Opened) -> Rollout | None:
    """Return the stored rollout where it goes on, or has ended and may not have told so."""
    if not opened.stored.rollout:
        return None
    rollout = load(opened.stored.rollout)
    return None if rollout.phase in OVER and not opened.outbox().untold else rollout
