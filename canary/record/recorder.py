"""Where the controller tells what it has seen and done."""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from canary.judgement.verdict import Judged
from canary.record.audit import AuditFile
from canary.record.entry import Told, is_decision, make_entry
from canary.record.notify import Notifier, json_payload, slack_payload
from canary.record.own_metrics import MetricsServer, OwnMetrics
from canary.record.trace import RolloutTrace
from canary.rollout.actions import Advance
from canary.rollout.state import Rollout
from canary.samples import Sample

_MAX_TOLD: Final = 50
_PATIENCE_S: Final = 10.0
_PAYLOADS: Final = {"json": json_payload, "slack": slack_payload}


class Recorder:
    """Tells every place that was asked for; what fails there is told once and stops nothing.

    ``tell`` takes one line for the user, and is called from other threads too.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        *,
        audit: AuditFile | None = None,
        notifier: Notifier | None = None,
        metrics: OwnMetrics | None = None,
        server: MetricsServer | None = None,
        trace: RolloutTrace | None = None,
    ) -> None:
        self._tell = tell
        self._audit = audit
        self._notifier = notifier
        self._metrics = metrics
        self._server = server
        self._trace = trace
        self._has_plan = False
        self._is_audit_failing = False
        self._told: deque[Told] = deque(maxlen=_MAX_TOLD)
        self.judged: Judged | None = None

    @property
    def told(self) -> tuple[Told, ...]:
        """Return the last decisions, the newest last."""
        return tuple(self._told)

    def record(
        self,
        rollout: Rollout,
        advance: Advance,
        judged: Judged | None,
        sample: Sample | None,
        now: float,
        *,
        told: Sequence[Told] = (),
    ) -> None:
        """Tell of one step from ``rollout`` to ``advance.rollout``, at cluster time ``now``.

        ``told`` are the advance's notes with their numbers, where they have some.
        """
        told = told or [Told(now, note) for note in advance.notes]
        self._told.extend(told)
        if judged is not None:
            self.judged = judged
        if is_decision(advance, judged, sample):
            self._write(advance, judged, sample, now, told[0].number if told else None)
        if self._metrics is not None:
            self._metrics.record(advance.rollout, judged, sample, told, now)
        if self._trace is not None:
            self._trace.record(rollout, advance.rollout, judged, told, now)
        if self._notifier is not None:
            self._notifier.record(advance.rollout, told)

    def close(self) -> None:
        """Send what still waits, for some seconds at most."""
        if self._notifier is not None:
            self._notifier.close(_PATIENCE_S)
        if self._trace is not None:
            self._trace.close()
        if self._server is not None:
            self._server.close()
        if self._audit is not None:
            self._audit.close()

    def _write(
        self,
        advance: Advance,
        judged: Judged | None,
        sample: Sample | None,
        now: float,
        first_note: int | None,
    ) -> None:
        if self._audit is None:
            return
        entry = make_entry(
            advance,
            judged,
            sample,
            now=now,
            with_plan=not self._has_plan,
            first_note=first_note,
        )
        try:
            self._audit.write(entry)
        except OSError as error:
            if not self._is_audit_failing:
                self._is_audit_failing = True
                self._tell(f"the audit is not written: {error.strerror}; the rollout goes on")
            return
        self._has_plan, self._is_audit_failing = True, False


def open_recorder(
    tell: Callable[[str], None],
    *,
    audit: Path | None,
    webhook_url_file: Path | None,
    webhook_format: str,
    metrics_host: str,
    metrics_port: int | None,
    otlp_endpoint: str | None,
) -> Recorder:
    """Return a recorder of what is given; raises InputError where it cannot be opened."""
    metrics = server = None
    if metrics_port is not None:
        metrics = OwnMetrics()
        server = MetricsServer(metrics.registry, metrics_host, metrics_port)
    return Recorder(
        tell,
        audit=AuditFile(audit) if audit else None,
        notifier=Notifier(webhook_url_file, _PAYLOADS[webhook_format], tell)
        if webhook_url_file
        else None,
        metrics=metrics,
        server=server,
        trace=RolloutTrace(otlp_endpoint, tell) if otlp_endpoint else None,
    )
