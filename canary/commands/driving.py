"""From a stored rollout to its end: the edges, the telling, the signals."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import orjson

from canary.cluster.lease import Lease
from canary.cluster.store import Stored
from canary.commands.opening import Opened, holder
from canary.commands.printing import say
from canary.commands.viewing import View
from canary.controller import Controller, Edges, Record
from canary.errors import CanaryError, InputError
from canary.gate import Gateway, make_gate
from canary.judgement.verdict import Judged
from canary.metrics import shares_of
from canary.prometheus import PrometheusReader
from canary.record import outbox
from canary.record.entry import EVERY_LOOK, Told
from canary.record.outbox import Outbox
from canary.record.recorder import Recorder, open_recorder
from canary.record.status import summary
from canary.rollout.actions import Advance
from canary.rollout.advance import OVER
from canary.rollout.patience import forgive_absence
from canary.rollout.state import Phase, Rollout
from canary.rollout.stored import load
from canary.samples import Sample


@dataclass(frozen=True, slots=True)
class Telling:
    """Where a run tells what it does, beside the cluster's Events; None leaves one out."""

    audit: Path | None = None
    webhook_url_file: Path | None = None
    webhook_format: str = "json"
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    otlp_endpoint: str | None = None


# Left half done, these would leave users where nobody wants them; none of them is judged.
_ENDING = (Phase.PROMOTING, Phase.ROLLING_BACK, Phase.CLEANING)


class Stopped(BaseException):
    """SIGTERM: not an error, so nothing that handles errors may take it."""


@contextmanager
def driver(
    opened: Opened,
    gateway: Gateway,
    telling: Telling,
    view: View,
    *,
    new: Rollout | None = None,
    attempt: str | None = None,
) -> Iterator[Controller]:
    """Yield the controller of the stored rollout, or of a new one; everything is closed afterwards.

    What the last process may not have told is told. ``attempt`` names who goes on. Raises Held
    where another operator lives, InputError where one has begun another rollout.
    """
    with ExitStack() as stack:
        lease = opened.cluster.lease(opened.service, holder())
        stack.enter_context(lease)
        # What was stored may have changed while the Lease was waited for.
        stored = opened.store.read() or Stored()
        rollout = _chosen(stored, new)
        if new is None:
            rollout = forgive_absence(rollout, opened.cluster.now())
        if attempt is not None:
            rollout = replace(rollout, attempt=attempt)
        reader = PrometheusReader(rollout.plan.prometheus)
        stack.callback(reader.close)
        recorder = _open(telling)
        stack.callback(recorder.close)
        gate = make_gate(rollout.plan, gateway, opened.service, on_wait=lease.renew_if_due)
        edges = Edges(
            cluster=opened.cluster,
            store=opened.store,
            lease=lease,
            reader=reader,
            gate=gate,
            record=_record(opened, recorder, lease, view),
            warn=say,
            summarise=lambda ended: orjson.dumps(summary(ended)).decode(),
            sleep=opened.surroundings.sleep,
            monotonic=opened.surroundings.monotonic,
        )
        box = Outbox() if new is not None else outbox.load(stored.outbox)
        controller = Controller(edges, shares_of(rollout.plan), stored, rollout, box)
        controller.tell_again()
        yield controller


def bring_to_end(controller: Controller) -> Rollout:
    """Go on with a promotion or a rollback, and with nothing that would have to be judged."""
    if _waits(controller.rollout):
        controller.tell()
        return controller.rollout
    return controller.run(is_done=_waits)


def _waits(rollout: Rollout) -> bool:
    return rollout.hold is not None or rollout.phase not in (*_ENDING, *OVER)


@contextmanager
def signals() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does: the Lease is given back, whatever comes after."""

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _chosen(stored: Stored, new: Rollout | None) -> Rollout:
    if new is None:
        return load(stored.rollout)
    if stored.rollout and load(stored.rollout).phase not in OVER:
        raise InputError(f"rollout {load(stored.rollout).id} was begun meanwhile")
    return new


def _open(telling: Telling) -> Recorder:
    return open_recorder(
        say,
        audit=telling.audit,
        webhook_url_file=telling.webhook_url_file,
        webhook_format=telling.webhook_format,
        metrics_host=telling.metrics_host,
        metrics_port=telling.metrics_port,
        otlp_endpoint=telling.otlp_endpoint,
    )


def _record(opened: Opened, recorder: Recorder, lease: Lease, view: View) -> Record:
    def record(
        before: Rollout,
        advance: Advance,
        told: Sequence[Told],
        judged: Judged | None,
        sample: Sample | None,
        now: float,
    ) -> None:
        recorder.record(before, advance, judged, sample, now, told=told)
        for one in told:
            if one.note.reason not in EVERY_LOOK:
                _tell(opened, advance.rollout, one, by=lease.holder)
        view.show(advance.rollout, recorder.judged, recorder.told, now)

    return record


def _tell(opened: Opened, rollout: Rollout, told: Told, *, by: str) -> None:
    note = told.note
    try:
        opened.cluster.tell(
            opened.service,
            key=f"{rollout.id}/{told.number}",
            # In the order in which they are numbered, of those that were decided at once.
            time=told.time + (told.number or 0) * 1e-6,
            reason=note.reason,
            text=note.text,
            is_warning=note.is_warning,
            instance=by,
        )
    except CanaryError as error:
        # A rollout can go on without its Events.
        say(f"no Event {note.reason}: {error}")
