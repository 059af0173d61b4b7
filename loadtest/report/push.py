"""Results to a Prometheus Pushgateway, as gauges of one group: the job and the target's host."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway

from loadtest.errors import LoadtestError, UsageError
from loadtest.net.shown import shown_url
from loadtest.report.schema import Distribution, Interval, KneeReport, Report, Verdict

JOB: Final = "r1_loadtest"
TIMEOUT_S: Final = 10.0


def push(report: Report | KneeReport, url: str) -> None:
    """Replace what the gateway holds of earlier runs against that host.

    What is not known is left out. Proxies of the environment are not used. Raises UsageError for
    what is no URL, LoadtestError in one line where the gateway does not take it.
    """
    check_url(url)
    instance = urlsplit(report.target.url).netloc
    registry = registry_of(report)
    try:
        push_to_gateway(
            url, JOB, registry, {"instance": instance}, timeout=TIMEOUT_S, handler=_send
        )
    except (OSError, http.client.HTTPException) as error:
        reason = _reason(error)
        raise LoadtestError(
            f"pushgateway {shown_url(url)} did not take the results: {reason}"
        ) from error


def _reason(error: OSError | http.client.HTTPException) -> str:
    match error:
        case urllib.error.HTTPError():
            error.close()
            return f"status {error.code}"
        case urllib.error.URLError(reason=OSError() as cause):
            return cause.strerror or str(cause)
        case OSError():
            return error.strerror or str(error)
        case _:
            return f"no whole HTTP answer, {type(error).__name__}"


def registry_of(report: Report | KneeReport) -> CollectorRegistry:
    """Return the metrics of a report; all are named r1_loadtest_*."""
    metrics = _Metrics()
    _add_run(metrics, report)
    if isinstance(report, KneeReport):
        text = "Highest rate that meets the gates"
        metrics.add_interval("knee_requests_per_second", text, report.knee_rps)
    else:
        _add_measured(metrics, report)
    return metrics.registry


class _Metrics:
    """Gauges by name, each made when its first value comes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}

    def add(self, name: str, text: str, value: float | None, **labels: str) -> None:
        # Before the gauge is made: one without labels would be 0.
        if value is None:
            return
        if name not in self._gauges:
            self._gauges[name] = Gauge(
                f"r1_loadtest_{name}", text, tuple(labels), registry=self.registry
            )
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def add_interval(self, name: str, text: str, interval: Interval, **labels: str) -> None:
        """Add a value and the bounds of its interval."""
        bounds = {"value": interval.value, "low": interval.low, "high": interval.high}
        for bound, value in bounds.items():
            self.add(name, text, value, **labels, bound=bound)


def _add_run(metrics: _Metrics, report: Report | KneeReport) -> None:
    run, target = report.run, report.target
    started = datetime.fromisoformat(run.started_at).timestamp()
    metrics.add("started_timestamp_seconds", "When the run began, Unix time", started)
    metrics.add("duration_seconds", "How long requests were sent", run.duration_s)
    metrics.add("exit_code", "How the run ended for the shell", report.exit_code)
    _add_verdict(metrics, "verdict", "1 for the verdict of the run", report.verdict)
    metrics.add(
        "run_info",
        "What was run",
        1,
        id=run.id,
        version=run.version,
        protocol=target.protocol,
        model=target.model,
    )


def _add_verdict(metrics: _Metrics, name: str, text: str, verdict: Verdict, **labels: str) -> None:
    for each in Verdict:
        metrics.add(name, text, each is verdict, **labels, verdict=each.value)


def _add_measured(metrics: _Metrics, report: Report) -> None:
    for outcome, count in report.counts.outcomes.items():
        metrics.add("requests", "Requests by outcome, warm-up included", count, outcome=outcome)
    _add_rates(metrics, report)
    for name, distribution in report.distributions.items():
        _add_distribution(metrics, name, distribution)
    if report.answers is not None:
        metrics.add_interval("accuracy_ratio", "Answers that are right", report.answers.accuracy)
    for gate in report.gates:
        text = "1 for the verdict of a gate"
        _add_verdict(metrics, "gate_verdict", text, gate.verdict, gate=gate.text)


def _add_rates(metrics: _Metrics, report: Report) -> None:
    rates = report.rates
    metrics.add("late_ratio", "Sends later than the limit", report.saturation.late_share)
    metrics.add("offered_requests_per_second", "Requests that were due", rates.offered_rps)
    metrics.add("sent_requests_per_second", "Requests that were sent", rates.sent_rps)
    metrics.add("completed_requests_per_second", "Requests answered", rates.completed_rps)
    metrics.add("goodput_requests_per_second", "Good requests", rates.goodput_rps)
    metrics.add("prompt_tokens_per_second", "Tokens of prompts", rates.prompt_tokens_per_s)
    metrics.add("output_tokens_per_second", "Tokens of answers", rates.output_tokens_per_s)
    metrics.add_interval("error_ratio", "Requests that failed", rates.error_rate)
    metrics.add_interval("truncated_ratio", "Streams that broke off", rates.truncated_rate)
    if rates.goodput_ratio is not None:
        metrics.add_interval("goodput_ratio", "Requests that are good", rates.goodput_ratio)


def _add_distribution(metrics: _Metrics, name: str, distribution: Distribution) -> None:
    # A name may say its unit itself: tokens_per_chunk.
    metric = f"{name}_seconds" if distribution.unit == "s" else name
    text = "Over the measured window; definitions are in the report"
    metrics.add_interval(metric, text, distribution.mean, statistic="mean")
    for percentile in distribution.percentiles:
        metrics.add_interval(metric, text, percentile, statistic=f"p{percentile.percent:g}")


def check_url(url: str) -> None:
    """Raise UsageError unless it may be a Pushgateway's."""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web:
        raise UsageError(
            f"pushgateway is {shown_url(url)!r}, must be http:// or https:// with a host"
        )
    if parts.username is not None:
        # Not shown: a password may be in it.
        raise UsageError(f"pushgateway of {parts.hostname} has a user, must have none")


def _send(
    url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes
) -> Callable[[], None]:
    def send() -> None:
        request = urllib.request.Request(url, data, dict(headers), method=method)  # noqa: S310
        # The library's own handler would follow the environment's proxies.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=timeout).close()

    return send
