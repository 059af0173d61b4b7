"""A W3C trace of each rollout: one span of the whole, and one within it of each phase and stage.

Span ids are digests of what they stand for, so that a process that takes over goes on in the same
trace; a span is sent when it has ended, with times of the cluster's clock.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from canary.errors import InputError
from canary.judgement.verdict import Judged
from canary.record.entry import ENDED, Told, canary_percent
from canary.rollout.state import Phase, Rollout

_SCOPE: Final = InstrumentationScope("r1-canary")
_TIMEOUT_S: Final = 5.0
_MAX_EVENTS: Final = 128
# Spans are few, and those of a process that is killed are lost.
_DELAY_MS: Final = 500
Attributes = dict[str, str | bool | int | float]


class RolloutTrace:
    """Sends the spans of a rollout that have ended; ``tell`` hears of the first failure in a row.

    ``endpoint`` is what OTEL_EXPORTER_OTLP_ENDPOINT holds: the base URL of a collector.
    """

    def __init__(self, endpoint: str, tell: Callable[[str], None]) -> None:
        if urlsplit(endpoint).scheme not in ("http", "https") or not urlsplit(endpoint).hostname:
            raise InputError("the OTLP endpoint must be a URL such as http://collector:4318")
        url = f"{endpoint.rstrip('/')}/v1/traces"
        exporter = OTLPSpanExporter(endpoint=url, timeout=_TIMEOUT_S)
        # It logs each failure with its URL; the first is told instead.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL + 1)
        self._processor = BatchSpanProcessor(
            _TellingExporter(exporter, tell), schedule_delay_millis=_DELAY_MS
        )
        self._resource = Resource.create({"service.name": "r1-canary"})
        self._told: list[Told] = []

    def record(
        self,
        before: Rollout,
        after: Rollout,
        judged: Judged | None,
        told: Sequence[Told],
        now: float,
    ) -> None:
        """Send the span of the phase or stage that ``after`` has left, and of all if it ended."""
        self._told = [*self._told, *told][-_MAX_EVENTS:]
        if _name(before) == _name(after):
            return
        self._send(_span(before, after, judged, self._told, now, self._resource))
        self._told = []
        if after.phase in ENDED:
            self._send(_whole(after, now, self._resource))

    def close(self) -> None:
        """Send what is left; takes some seconds where the collector does not answer."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def _send(self, span: ReadableSpan) -> None:
        self._processor.on_end(span)


class _TellingExporter(SpanExporter):
    def __init__(self, exporter: SpanExporter, tell: Callable[[str], None]) -> None:
        self._exporter = exporter
        self._tell = tell
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.FAILURE and not self._is_failing:
            self._tell("the OTLP endpoint does not take the trace; the rollout goes on without it")
        self._is_failing = result is SpanExportResult.FAILURE
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _span(
    before: Rollout,
    after: Rollout,
    judged: Judged | None,
    told: Sequence[Told],
    now: float,
    resource: Resource,
) -> ReadableSpan:
    attributes: Attributes = _attributes(before) | {
        "r1.canary.percent": canary_percent(before, before.wanted),
        "r1.canary.next_phase": after.phase.value,
    }
    if before.phase is Phase.STEPPING:
        attributes |= {
            "r1.canary.stage": before.stage + 1,
            "r1.canary.stage_requests": before.stage_requests,
        }
    if judged is not None:
        attributes |= {"r1.canary.verdict": judged.verdict.value}
        for finding in judged.findings:
            attributes[f"r1.canary.e_worse.{finding.metric}"] = finding.e_worse
            attributes[f"r1.canary.e_good.{finding.metric}"] = finding.e_good
    return ReadableSpan(
        _name(before),
        context=_context(before.id, _name(before)),
        parent=_context(before.id, "rollout"),
        resource=resource,
        attributes=attributes,
        events=[_event(one) for one in told],
        start_time=_nanoseconds(before.phase_since),
        end_time=_nanoseconds(max(now, before.phase_since)),
        instrumentation_scope=_SCOPE,
    )


def _whole(rollout: Rollout, now: float, resource: Resource) -> ReadableSpan:
    is_good = rollout.phase is Phase.PROMOTED
    code = StatusCode.OK if is_good else StatusCode.ERROR
    return ReadableSpan(
        "rollout",
        context=_context(rollout.id, "rollout"),
        resource=resource,
        attributes=_attributes(rollout),
        status=Status(code, None if is_good else rollout.reason),
        start_time=_nanoseconds(rollout.began),
        end_time=_nanoseconds(max(now, rollout.began)),
        instrumentation_scope=_SCOPE,
    )


def _name(rollout: Rollout) -> str:
    if rollout.phase is not Phase.STEPPING:
        return rollout.phase.value
    return f"stage {rollout.stage + 1}"


def _attributes(rollout: Rollout) -> Attributes:
    return {
        "r1.canary.service": rollout.plan.service,
        "k8s.namespace.name": rollout.plan.namespace,
        "r1.canary.phase": rollout.phase.value,
        "r1.canary.stable_revision": rollout.stable_revision,
        "r1.canary.canary_revision": rollout.canary_revision or "",
        "r1.canary.reason": rollout.reason,
    }


def _event(told: Told) -> Event:
    numbers = {
        f"r1.canary.{name}": value for name, value in told.note.numbers.items() if value is not None
    }
    attributes = {"text": told.note.text, "is_warning": told.note.is_warning, **numbers}
    return Event(told.note.reason, attributes, _nanoseconds(told.time))


def _context(rollout: str, name: str) -> SpanContext:
    digest = hashlib.sha256(f"{rollout} {name}".encode()).digest()
    # All zeros is no id (W3C Trace Context 3.2.2.4).
    span_id = int.from_bytes(digest[:8]) or 1
    return SpanContext(int(rollout, 16), span_id, is_remote=False, trace_flags=TraceFlags(1))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e6) * 1000
