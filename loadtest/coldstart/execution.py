"""The probe whole: wait until nothing runs, send one request, see what it waited for; again."""

import os
import platform
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final, Literal

from loadtest.analysis.gates import EXIT_CODES, overall
from loadtest.analysis.summary import without_secrets
from loadtest.coldstart.clock import estimate_clock
from loadtest.coldstart.cluster import Cluster
from loadtest.coldstart.definitions import DEFINITIONS
from loadtest.coldstart.judgement import Spec, judge, summarize
from loadtest.coldstart.measurement import Seen, measure
from loadtest.coldstart.request import check_reachable, moments, send_request
from loadtest.coldstart.service import ZeroService
from loadtest.coldstart.waiting import await_zero
from loadtest.coldstart.watching import Watch
from loadtest.combinations import check_combinations
from loadtest.config import RunConfig
from loadtest.errors import ExitCode, TargetError, UsageError
from loadtest.exchange import Exchange
from loadtest.net.endpoint import Endpoint, make_endpoint
from loadtest.prompts.prompt import PromptSource
from loadtest.prompts.source import make_source
from loadtest.record import Outcome
from loadtest.report.coldstart_schema import ColdStart, ColdStartReport, ScaledService
from loadtest.report.schema import Run, Target
from loadtest.run.interrupts import Interrupts

# The API may tell that a pod is ready after the pod has answered.
_SETTLE_S: Final = 5.0
# What no further request would change.
_UNFIT: Final = (
    Outcome.CONNECT_FAILED,
    Outcome.TLS_FAILED,
    Outcome.REFUSED,
    Outcome.MALFORMED,
)
End = Literal["requests", "duration", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """``zero_s`` for each wait until nothing runs; no cold start is begun after ``total_s``."""

    times: int
    zero_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe that nothing speaks against, as far as can be seen without waking the service."""

    config: RunConfig
    endpoint: Endpoint
    source: PromptSource
    cluster: Cluster
    service: ZeroService
    bounds: Bounds
    gates: tuple[Spec, ...]
    run_id: str

    @property
    def target(self) -> Target:
        return Target(
            url=self.config.target,
            protocol=self.config.protocol,
            model=self.config.model,
            addresses=[host for host, _ in self.endpoint.addresses],
            # Asking for its name would wake it.
            server=None,
        )


def make_probe(
    config: RunConfig, cluster: Cluster, service: str, bounds: Bounds, gates: Sequence[Spec]
) -> Probe:
    """Check all that can be checked without a request; raises UsageError or TargetError."""
    if not config.protocol.is_stream:
        raise UsageError(
            f"--protocol is {config.protocol}, must be one that ends in -stream: others have no "
            "first token"
        )
    check_combinations(config)
    endpoint = make_endpoint(config)
    source = make_source(config)
    check_reachable(config, endpoint)
    found = cluster.read_service(service)
    cluster.list_pods(service)
    return Probe(
        config, endpoint, source, cluster, found, bounds, tuple(gates), uuid.uuid4().hex[:12]
    )


def run_probe(
    probe: Probe,
    interrupts: Interrupts,
    *,
    say: Callable[[str], None],
    on_start: Callable[[ColdStart], None],
) -> ColdStartReport:
    """Return what the cold starts tell; Ctrl-C and a cluster that fails end it early.

    Raises TargetError where it fails before the first of them, or where that one is refused.
    """
    started_at, began = datetime.now(UTC), time.monotonic()
    starts: list[ColdStart] = []
    end, reason = _repeat(probe, starts, interrupts, say=say, on_start=on_start)
    return _report(
        probe, _run(probe.run_id, started_at, time.monotonic() - began, end), starts, reason
    )


def _repeat(
    probe: Probe,
    starts: list[ColdStart],
    interrupts: Interrupts,
    *,
    say: Callable[[str], None],
    on_start: Callable[[ColdStart], None],
) -> tuple[End, str]:
    """Append to the starts until they are enough; return how it ended, and why if early."""
    over_at = time.monotonic() + probe.bounds.total_s
    while len(starts) < probe.bounds.times:
        try:
            left_s = over_at - time.monotonic()
            start = _start_once(probe, len(starts) + 1, left_s, interrupts, say)
        except TargetError as error:
            if not starts:
                raise
            is_over = time.monotonic() >= over_at
            return ("duration" if is_over else "failed"), str(error)
        if start is None:
            return "interrupted", "interrupted"
        starts.append(start)
        on_start(start)
        if len(starts) < probe.bounds.times and time.monotonic() >= over_at:
            return "duration", f"the {probe.bounds.total_s:g} s for all were over"
    return "requests", ""


def _start_once(
    probe: Probe,
    number: int,
    left_s: float,
    interrupts: Interrupts,
    say: Callable[[str], None],
) -> ColdStart | None:
    """Return one cold start; None where an interrupt ended it."""
    service = probe.service.name
    began = time.monotonic()
    empty = await_zero(
        probe.cluster, service, min(probe.bounds.zero_s, left_s), interrupts, say=say
    )
    if empty is None:
        return None
    waited_s = time.monotonic() - began
    say(f"{number} of {probe.bounds.times}: scaled to zero after {waited_s:.0f} s, sending")
    with Watch(probe.cluster, service, empty) as watch:
        started_at = datetime.now(UTC)
        exchange = send_request(
            probe.config,
            probe.endpoint,
            probe.source,
            interrupts,
            run_id=probe.run_id,
            number=number,
        )
        if exchange.outcome is Outcome.OK:
            watch.await_ready(_SETTLE_S)
    if exchange.outcome is Outcome.UNFINISHED:
        return None
    if number == 1:
        _check_fit(probe, exchange)
    pod = watch.sightings.serving()
    seen = Seen(
        sightings=watch.sightings,
        clock=estimate_clock(watch.samples),
        events=probe.cluster.list_image_events(pod.pod) if pod else None,
        started_at=started_at,
        waited_s=waited_s,
        wall_ns=time.time_ns() - time.monotonic_ns(),
    )
    return measure(number, exchange, moments(exchange), seen)


def _check_fit(probe: Probe, exchange: Exchange) -> None:
    if exchange.outcome in _UNFIT:
        assert exchange.outcome is not None
        raise TargetError(
            f"{probe.config.target}: the first request was "
            f"{exchange.outcome.name.lower().replace('_', ' ')}: {exchange.detail}"
        )


def _run(run_id: str, started_at: datetime, duration_s: float, end: End) -> Run:
    return Run(
        id=run_id,
        version=version("kserve-r1"),
        started_at=started_at.isoformat(timespec="milliseconds"),
        python=platform.python_version(),
        platform=platform.platform(),
        num_cpus=os.cpu_count() or 1,
        duration_s=duration_s,
        drain_s=0.0,
        end=end,
    )


def _report(probe: Probe, run: Run, starts: list[ColdStart], reason: str) -> ColdStartReport:
    confidence = probe.config.confidence
    gates = [judge(gate, starts, confidence) for gate in probe.gates]
    num_answered = sum(start.is_cold and start.ttft_s is not None for start in starts)
    verdict = overall(gates, is_saturated=False, num_answered=num_answered)
    early = {"interrupted": ExitCode.INTERRUPTED, "failed": ExitCode.UNREACHABLE}
    return ColdStartReport(
        run=run,
        target=probe.target,
        config=without_secrets(probe.config),
        service=ScaledService(
            name=probe.service.name, namespace=probe.service.namespace, mode=probe.service.mode
        ),
        num_asked=probe.bounds.times,
        starts=starts,
        statistics=summarize(starts, confidence),
        gates=gates,
        verdict=verdict,
        exit_code=early.get(run.end, EXIT_CODES[verdict]),
        reason=reason,
        definitions=DEFINITIONS,
    )
