"""Every metric of the server: name, unit, labels and buckets.

Rollouts, alerts and dashboards stand on these. Labels come from closed sets, so that no client can
add a series. Names are OpenTelemetry's where its GenAI conventions have one.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from predictor.engine.client import EngineClient
from predictor.errors import PredictorError

Wire = Literal["rest", "grpc"]
Outcome = Literal["ok", "refused", "unavailable", "deadline", "cancelled", "error"]

# Those that end in a generation.
GENERATING_ROUTES: Final[dict[Wire, tuple[str, ...]]] = {
    "rest": ("infer", "generate", "generate_stream", "chat_completions", "completions"),
    "grpc": ("ModelInfer", "ModelStreamInfer"),
}

# Objectives are judged at bucket edges, so the edges are round numbers of seconds.
LATENCY_BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 120)
INTER_TOKEN_BUCKETS_S: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5),
)
TOKEN_BUCKETS: Final = tuple(2**n for n in range(18))

# nginx's code for a client that left.
CLIENT_CLOSED_REQUEST: Final = 499


def outcome_of_status(status: int) -> Outcome:
    """Return how a request that was answered with this HTTP status ended."""
    if status < HTTPStatus.BAD_REQUEST:
        return "ok"
    if status == CLIENT_CLOSED_REQUEST:
        return "cancelled"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return "refused"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "unavailable"
    return "deadline" if status == HTTPStatus.GATEWAY_TIMEOUT else "error"


@dataclass(slots=True)
class Observed:
    """A request under way; ``route`` and ``outcome`` may be set until it ends."""

    route: str
    outcome: Outcome = "ok"
    # Whether part of a streamed answer has been sent.
    has_begun: bool = False

    def fail(self, error: BaseException) -> None:
        if isinstance(error, PredictorError):
            self.outcome = outcome_of_status(error.http_status)
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.outcome = "cancelled"
        else:
            self.outcome = "error"


class Metrics:
    """What the server counts and times, in one registry; durations on a monotonic clock."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = _counter(
            registry, "r1_requests", "Requests that have ended", "protocol", "route", "outcome"
        )
        self.requests_in_flight = Gauge(
            "r1_requests_in_flight", "Requests under way", ["protocol"], registry=registry
        )
        self.request_duration = Histogram(
            "gen_ai_server_request_duration_seconds",
            "From a request's head to the end of its answer",
            ["protocol", "route"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.truncated_streams = _counter(
            registry,
            "r1_truncated_streams",
            "Streams that failed after their first part was sent",
            "protocol",
        )
        self.queue_time = _seconds(registry, "r1_queue_time", "From the engine's queue to a batch")
        self.time_to_first_token = _seconds(
            registry, "gen_ai_server_time_to_first_token", "From a decoded request to its token"
        )
        self.time_per_output_token = _seconds(
            registry,
            "gen_ai_server_time_per_output_token",
            "A sequence's mean time between tokens, the first left out",
            INTER_TOKEN_BUCKETS_S,
        )
        self.inter_token = _seconds(
            registry, "r1_inter_token", "Between one token and the next", INTER_TOKEN_BUCKETS_S
        )
        self.longest_gap = _seconds(
            registry, "r1_longest_gap", "An answer's longest wait for its next token"
        )
        self.prompt_tokens = _tokens(registry, "r1_prompt_tokens", "Tokens of a prompt")
        self.reasoning_tokens = _tokens(registry, "r1_reasoning_tokens", "Tokens of a reasoning")
        self.completion_tokens = _tokens(
            registry, "r1_completion_tokens", "Tokens of a completion, reasoning included"
        )
        self.finish_reasons = _counter(
            registry, "r1_finish_reasons", "Sequences that ended by themselves", "reason"
        )
        self.build_info = Gauge(
            "r1_build_info",
            "1, with what is served; there once the digests are known",
            ["version", "model", "model_digest", "defaults_digest", "revision"],
            registry=registry,
        )
        self.defaults_reloads = _counter(
            registry, "r1_defaults_reloads", "Changes of the defaults' directory", "outcome"
        )
        self.defaults_stale = Gauge(
            "r1_defaults_stale",
            "1 while the defaults' directory holds what was refused",
            registry=registry,
        )
        self._begin_at_0()

    @contextmanager
    def request(self, protocol: Wire, route: str) -> Iterator[Observed]:
        """Count and time a request; an exception that leaves the block is its outcome."""
        observed = Observed(route)
        in_flight = self.requests_in_flight.labels(protocol)
        in_flight.inc()
        started_s = time.monotonic()
        try:
            yield observed
        except BaseException as error:
            observed.fail(error)
            raise
        finally:
            in_flight.dec()
            self._end(protocol, observed, time.monotonic() - started_s)

    def _end(self, protocol: Wire, observed: Observed, duration_s: float) -> None:
        self.requests.labels(protocol, observed.route, observed.outcome).inc()
        self.request_duration.labels(protocol, observed.route).observe(duration_s)
        if observed.has_begun and observed.outcome not in ("ok", "cancelled"):
            self.truncated_streams.labels(protocol).inc()

    def _begin_at_0(self) -> None:
        """Show what failures are counted in: a counter's first step has no rate without a 0."""
        for protocol, routes in GENERATING_ROUTES.items():
            self.truncated_streams.labels(protocol)
            for route in routes:
                for outcome in get_args(Outcome):
                    self.requests.labels(protocol, route, outcome)
        for outcome in ("ok", "refused"):
            self.defaults_reloads.labels(outcome)


class EngineCollector(Collector):
    """The engine's own figures, as of its last step when they are scraped."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client

    def collect(self) -> Iterable[Metric]:
        stats, ready = self._client.stats, self._client.ready
        yield _gauge("r1_sequences_waiting", "Sequences not in a batch", stats.num_waiting)
        yield _gauge("r1_sequences_running", "Sequences in the batch", stats.num_running)
        yield _gauge("r1_kv_blocks_used", "Blocks of KV cache in use", stats.num_used_blocks)
        yield _gauge("r1_kv_blocks", "Blocks of KV cache", ready.num_blocks if ready else 0)
        yield CounterMetricFamily(
            "r1_preemptions", "Sequences put back for want of blocks", stats.num_preemptions
        )
        yield CounterMetricFamily(
            "r1_prefix_hit_tokens",
            "Prompt tokens found in the KV cache",
            stats.num_prefix_hit_tokens,
        )
        yield CounterMetricFamily(
            "r1_draft_tokens", "Tokens computed ahead by prompt lookup", stats.num_draft_tokens
        )
        yield CounterMetricFamily(
            "r1_accepted_draft_tokens",
            "Tokens computed ahead that came to be sampled",
            stats.num_accepted_tokens,
        )
        yield CounterMetricFamily(
            "r1_engine_restarts", "Engine processes after the first", self._client.num_restarts
        )


def _counter(registry: CollectorRegistry, name: str, text: str, *labels: str) -> Counter:
    return Counter(name, text, labels, registry=registry)


def _seconds(
    registry: CollectorRegistry,
    name: str,
    text: str,
    buckets: tuple[float, ...] = LATENCY_BUCKETS_S,
) -> Histogram:
    return Histogram(f"{name}_seconds", text, buckets=buckets, registry=registry)


def _tokens(registry: CollectorRegistry, name: str, text: str) -> Histogram:
    return Histogram(name, text, buckets=TOKEN_BUCKETS, registry=registry)


def _gauge(name: str, text: str, value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value)
