"""The rollout as Prometheus may scrape it from this program."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.registry import Collector

from canary.errors import InputError
from canary.judgement.verdict import Judged
from canary.record.entry import OF_GATE, Told, canary_percent
from canary.rollout.actions import Note
from canary.rollout.state import HoldKind, Phase, Rollout
from canary.samples import Gap, Sample

_OF: Final = ("namespace", "service")


class OwnMetrics:
    """Metrics of one rollout, in a registry of their own; times are of the cluster's clock."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._phase = self._gauge("phase", "1 for the phase that the rollout is in.", "phase")
        self._hold = self._gauge("held", "1 for the kind of hold that it is under.", "kind")
        self._percent = self._gauge("traffic_percent", "Users asked for the canary, in percent.")
        self._stage = self._gauge("stage", "Stage of the plan, from 1; 0 outside of them.")
        self._tick = self._gauge("last_tick_timestamp_seconds", "When it was last looked at.")
        self._began = self._gauge("began_timestamp_seconds", "When the rollout began.")
        self._share = self._gauge(
            "share_ratio", "Share of bad events so far.", "metric", "revision"
        )
        self._e = self._gauge(
            "e_value", "Evidence that it is worse than the tolerance, or good.", "metric", "test"
        )
        self._threshold = self._gauge("e_value_threshold", "What the evidence needs.", "test")
        self._gate_prompts = self._gauge("gate_prompts", "Prompts that the gate has compared.")
        self._gate_right = self._gauge(
            "gate_right_prompts", "Prompts of the gate answered rightly.", "revision"
        )
        self._gate_ttft = self._gauge(
            "gate_ttft_seconds", "Median TTFT of the warm revision at the gate.", "revision"
        )
        self._gate_e = self._gauge(
            "gate_e_value", "The gate's evidence that it is worse than its margin, or good.", "test"
        )
        self._verdicts = self._counter("verdicts", "Verdicts of looks.", "verdict")
        self._requests = self._counter("requests_judged", "Requests judged.", "revision")
        self._gaps = self._counter("gaps", "Looks that told nothing.")
        self._decisions = self._counter("decisions", "Decisions told.", "reason")

    def record(
        self,
        rollout: Rollout,
        judged: Judged | None,
        sample: Sample | None,
        told: Sequence[Told],
        now: float,
    ) -> None:
        """Bring every metric to the rollout's present state."""
        of = (rollout.plan.namespace, rollout.plan.service)
        for phase in Phase:
            self._phase.labels(*of, phase).set(rollout.phase is phase)
        for kind in HoldKind:
            is_held = rollout.hold is not None and rollout.hold.kind is kind
            self._hold.labels(*of, kind).set(is_held)
        self._percent.labels(*of).set(canary_percent(rollout, rollout.known))
        is_stepping = rollout.phase is Phase.STEPPING
        self._stage.labels(*of).set(rollout.stage + 1 if is_stepping else 0)
        self._tick.labels(*of).set(now)
        self._began.labels(*of).set(rollout.began)
        for one in told:
            self._decisions.labels(*of, one.note.reason).inc()
            if one.note.reason in OF_GATE:
                self._record_gate(of, one.note)
        if sample is not None:
            self._record_sample(of, sample)
        if judged is not None:
            self._record_judged(of, judged)

    def _record_gate(self, of: tuple[str, str], note: Note) -> None:
        shown = {
            "num_pairs": (self._gate_prompts, ()),
            "canary_right": (self._gate_right, ("canary",)),
            "stable_right": (self._gate_right, ("stable",)),
            "canary_ttft_s": (self._gate_ttft, ("canary",)),
            "stable_ttft_s": (self._gate_ttft, ("stable",)),
            "e_pass": (self._gate_e, ("good",)),
            "e_fail": (self._gate_e, ("worse",)),
        }
        for gauge, _ in shown.values():
            # One that asked nothing is not to show what an earlier one was answered.
            gauge.clear()
        for name, (gauge, labels) in shown.items():
            value = note.numbers.get(name)
            if isinstance(value, int | float):
                gauge.labels(*of, *labels).set(value)

    def _record_sample(self, of: tuple[str, str], sample: Sample) -> None:
        if isinstance(sample, Gap):
            self._gaps.labels(*of).inc()
            return
        self._requests.labels(*of, "canary").inc(sample.canary.num_requests)
        self._requests.labels(*of, "stable").inc(sample.stable.num_requests)

    def _record_judged(self, of: tuple[str, str], judged: Judged) -> None:
        self._verdicts.labels(*of, judged.verdict).inc()
        self._threshold.labels(*of, "worse").set(judged.worse_threshold)
        self._threshold.labels(*of, "good").set(judged.good_threshold)
        # A metric that is no longer judged is not to keep its last value.
        self._share.clear()
        self._e.clear()
        for finding in judged.findings:
            self._e.labels(*of, finding.metric, "worse").set(finding.e_worse)
            self._e.labels(*of, finding.metric, "good").set(finding.e_good)
            shares = {"canary": finding.canary_share, "stable": finding.stable_share}
            for revision, share in shares.items():
                if share is not None:
                    self._share.labels(*of, finding.metric, revision).set(share)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"r1_canary_{name}", text, (*_OF, *labels), registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"r1_canary_{name}", text, (*_OF, *labels), registry=self.registry)


class MetricsServer:
    """Serves a registry over HTTP until it is closed; port 0 takes a free one."""

    def __init__(self, registry: Collector, host: str, port: int) -> None:
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise InputError(
                f"metrics port {port} of {host}: {error.strerror}, must be a free one"
            ) from None
        self.port: int = self._server.server_port

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
