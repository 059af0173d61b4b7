"""The report as data: ``report.json`` is this, and ``r1-loadtest schema`` prints its JSON schema.

Durations are seconds, rates a second, shares from 0 to 1. A number that is not known is null.
"""

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    # JSON has no words for NaN and infinity.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Verdict(StrEnum):
    """Of a gate, of a comparison, of a run."""

    PASS = "pass"
    FAIL = "fail"
    INSUFFICIENT = "insufficient"
    SATURATED = "saturated"
    # No gate was asked for.
    NONE = "none"


class Interval(Value):
    """``low..high`` holds the true value with the report's confidence."""

    value: float | None
    low: float | None
    high: float | None


class Percentile(Interval):
    """An order statistic; a null value or bound lies beyond what was measured (censored)."""

    percent: float
    # Whether there are enough samples for its upper bound to exist.
    is_sufficient: bool


class Distribution(Value):
    """``count`` includes ``num_censored``, whose values are known only from below."""

    unit: str
    count: int
    num_censored: int
    # Independent samples that carry as much as these, which are correlated in time.
    effective_count: float
    mean: Interval
    std: float | None
    least: float | None
    most: float | None
    percentiles: list[Percentile]
    # Points of the distribution function, (value, share at or below it), at most 256.
    cdf: list[tuple[float, float]]
    # HdrHistogram V2, base64, in microseconds (or thousandths of another unit), 3 digits.
    hdr: str


class Counts(Value):
    """Over the whole run, the warm-up included; ``outcomes`` adds up to ``scheduled``."""

    scheduled: int
    sent: int
    outcomes: dict[str, int]
    statuses: dict[str, int]
    finish_reasons: dict[str, int]


class ErrorSample(Value):
    """The first errors of a kind, without any text of prompts or answers."""

    outcome: str
    status: int
    detail: str
    count: int


class Rates(Value):
    """Over the measured window: after the warm-up, until the last scheduled send."""

    window_s: float
    offered_rps: float
    sent_rps: float
    completed_rps: float
    prompt_tokens_per_s: float | None
    output_tokens_per_s: float | None
    error_rate: Interval
    truncated_rate: Interval
    goodput_rps: float | None
    goodput_ratio: Interval | None


class Tokens(Value):
    """``num_without_usage`` answers said no usage and are in no total."""

    prompt: int
    completion: int
    reasoning: int
    num_without_usage: int
    # With a local tokenizer: answers whose count differs from the server's, and by how much.
    num_checked: int
    num_prompt_differs: int
    num_output_differs: int
    prompt_difference: int
    output_difference: int


class Answers(Value):
    """Of answers with a known right one."""

    num_checked: int
    num_right: int
    accuracy: Interval


class Steadiness(Value):
    """Where the measured window begins, and whether the service was steady within it."""

    warmup_s: float
    method: Literal["auto", "given"]
    is_stationary: bool
    # Of the trend of latency over time; null with too few samples.
    p_value: float | None
    reason: str


class Saturation(Value):
    """Whether the client itself kept up; each reason is one sentence."""

    is_saturated: bool
    reasons: list[str]
    late_share: float
    lateness_limit_s: float
    # CPU time over time, of each worker.
    cpu_ratios: list[float]
    # Longest time that a worker was busy without looking at its sockets, 99th percentile and most.
    busy_p99_s: float
    busy_most_s: float


class Gate(Value):
    """One objective judged. ``num_needed`` more or less requests would decide it, where known."""

    text: str
    value: float | None
    low: float | None
    high: float | None
    threshold: float
    verdict: Verdict
    reason: str
    num_samples: int
    num_needed: int | None


class Series(Value):
    """The run over time, a row every ``width_s`` from the epoch, the warm-up included.

    Requests count where they were scheduled, but ``completed`` where they ended. Percentiles of a
    row with no sample are null.
    """

    width_s: float
    at_s: list[float]
    offered: list[int]
    sent: list[int]
    completed: list[int]
    errors: list[int]
    in_flight: list[int]
    output_tokens: list[int]
    lateness_most_s: list[float | None]
    ttft_p50_s: list[float | None]
    ttft_p99_s: list[float | None]
    e2e_p50_s: list[float | None]
    e2e_p99_s: list[float | None]


class Scatter(Value):
    """A sample of requests to plot, at most 5,000, evenly over the run."""

    scheduled_s: list[float]
    ttft_s: list[float | None]
    e2e_s: list[float | None]
    lateness_s: list[float | None]
    outcomes: list[str]


class MetricSeries(Value):
    """One series of a scraped page; of a counter its increase over the run too."""

    name: str
    kind: str
    labels: dict[str, str]
    at_s: list[float]
    values: list[float]
    increase: float | None


class Capture(Value):
    """What a metrics page said over the run. ``failures`` are scrapes that failed, by reason."""

    url: str
    num_scrapes: int
    failures: dict[str, int]
    # How often the server was another process than before, and a counter less for no such reason.
    num_restarts: int = 0
    num_falls: int = 0
    num_series_left_out: int = 0
    series: list[MetricSeries]


class CrossCheck(Value):
    """A number of the client's beside the server's own."""

    name: str
    client: float
    server: float
    difference: float
    note: str


class File(Value):
    """A file beside the report."""

    name: str
    sha256: str
    num_bytes: int
    num_rows: int


class Worker(Value):
    """A process that sent."""

    number: int
    num_requests: int
    cpu_s: float
    connections_opened: int
    connections_most: int


class Run(Value):
    """When, by what, and how it ended."""

    id: str
    version: str
    started_at: str
    python: str
    platform: str
    num_cpus: int
    duration_s: float
    drain_s: float
    end: Literal["duration", "requests", "trace", "interrupted", "failed"]
    # Why it failed; what a killed worker had not written yet is not in the report.
    failure: str | None = None


class Target(Value):
    """What was loaded; ``server`` is what the server calls itself."""

    url: str
    protocol: str
    model: str
    addresses: list[str]
    server: str | None


class Report(Value):
    """One run."""

    schema_version: Literal[1] = 1
    kind: Literal["run"] = "run"
    run: Run
    target: Target
    # Without secrets: of headers only their names.
    config: dict[str, Any]
    counts: Counts
    errors: list[ErrorSample]
    rates: Rates
    tokens: Tokens
    answers: Answers | None
    # By name: e2e, e2e_sent, ttft, ttft_sent, tpot, gap, tokens_per_chunk, lateness, connect ...
    distributions: dict[str, Distribution]
    objectives: list[str]
    steadiness: Steadiness
    saturation: Saturation
    gates: list[Gate]
    verdict: Verdict
    exit_code: int
    series: Series
    scatter: Scatter
    captures: list[Capture]
    cross_checks: list[CrossCheck]
    workers: list[Worker]
    files: list[File]
    # Every name above that a reader might take for something else.
    definitions: dict[str, str]


class Stage(Value):
    """One rate of a knee search; the gates' metric that broke first, over its threshold."""

    rate: float
    num_requests: int
    duration_s: float
    sent_rps: float
    completed_rps: float
    # Share of requests that miss an objective.
    miss_ratio: Interval
    # The gates at this rate.
    gates: list[Gate]
    ttft_p99_s: float | None
    e2e_p50_s: float | None
    e2e_p99_s: float | None
    output_tokens_per_s: float | None
    is_saturated: bool
    is_met: bool


class KneeReport(Value):
    """The highest rate that meets the gates; null bounds lie beyond the rates tried."""

    schema_version: Literal[1] = 1
    kind: Literal["knee"] = "knee"
    run: Run
    target: Target
    config: dict[str, Any]
    objectives: list[str]
    stages: list[Stage]
    knee_rps: Interval
    # The isotonic fit, (rate, share of requests that miss).
    fit: list[tuple[float, float]]
    verdict: Verdict
    exit_code: int
    reason: str
    definitions: dict[str, str]


class Change(Value):
    """One number of B against A; ``ratio`` is B over A. The unit of a share is 1, of a rate 1/s."""

    metric: str
    statistic: str
    unit: str
    a: float | None
    b: float | None
    difference: Interval
    ratio: Interval
    # better, worse, same (within the margin) or undecided.
    verdict: Literal["better", "worse", "same", "undecided"]


class Comparison(Value):
    """B against A: paired by request where both asked the same."""

    schema_version: Literal[1] = 1
    kind: Literal["comparison"] = "comparison"
    a: str
    b: str
    is_paired: bool
    why_not_paired: str
    num_pairs: int
    confidence: float
    # Of ratios, and of the differences of shares.
    margin: float
    share_margin: float
    changes: list[Change]
    verdict: Literal["better", "worse", "same", "undecided"]
    exit_code: int
