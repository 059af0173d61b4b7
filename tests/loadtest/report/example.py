"""Reports as a run would leave them, made of seeded random numbers: for tests, not for truth."""

from collections import Counter

import numpy as np
from scipy import stats

from loadtest.definitions import DEFINITIONS
from loadtest.report.schema import (
    Answers,
    Capture,
    Change,
    Comparison,
    Counts,
    CrossCheck,
    Distribution,
    ErrorSample,
    File,
    Gate,
    Interval,
    KneeReport,
    MetricSeries,
    Percentile,
    Rates,
    Report,
    Run,
    Saturation,
    Scatter,
    Series,
    Stage,
    Steadiness,
    Target,
    Tokens,
    Verdict,
    Worker,
)

RATE = 40.0
UNKNOWN = Interval(value=None, low=None, high=None)
CONFIG = {
    "target": "http://127.0.0.1:8080",
    "protocol": "v2-stream",
    "model": "r1",
    "arrivals": "poisson",
    "rate": RATE,
    "concurrency": None,
    "rates": None,
    "seed": 1,
    "duration_s": 125.0,
    "max_requests": 10_000,
    "header": ["x-tenant"],
    "check_answers": True,
    "slo": ["p99_ttft<500ms", "p50_e2e<2s", "error_rate<1%"],
    "confidence": 0.95,
}


def make_report(
    *, seed: int = 1, num_requests: int = 5000, verdict: Verdict = Verdict.FAIL
) -> Report:
    """Return a streaming run with a slow patch, some failures and captured metrics."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.exponential(1 / RATE, num_requests))
    slow = 1 + 1.6 * np.exp(-(((at - 0.65 * at[-1]) / (0.08 * at[-1])) ** 2))
    ttft = rng.lognormal(np.log(0.14), 0.35, num_requests) * slow
    tpot = rng.lognormal(np.log(0.012), 0.2, num_requests) * np.sqrt(slow)
    tokens = rng.integers(20, 160, num_requests)
    e2e = ttft + tpot * tokens
    late = rng.lognormal(np.log(60e-6), 0.5, num_requests)
    outcomes = rng.choice(
        ["ok", "overloaded", "timeout", "truncated"], num_requests, p=[0.985, 0.009, 0.004, 0.002]
    )
    answered = outcomes == "ok"
    warmup_s = 0.064 * float(at[-1])
    num_late = int((outcomes == "timeout").sum())
    return Report(
        run=make_run(duration_s=float(at[-1])),
        target=make_target(),
        config=CONFIG,
        counts=Counts(
            scheduled=num_requests,
            sent=num_requests,
            outcomes=dict(Counter(outcomes.tolist())),
            statuses={"200": int(answered.sum()), "503": int((outcomes == "overloaded").sum())},
            finish_reasons={"stop": int(answered.sum()) - 40, "length": 40},
        ),
        errors=[
            ErrorSample(outcome="overloaded", status=503, detail="queue is full", count=45),
            ErrorSample(outcome="timeout", status=-1, detail="no answer within 120 s", count=20),
            ErrorSample(outcome="truncated", status=200, detail="no last part", count=10),
        ],
        rates=Rates(
            window_s=float(at[-1]) - warmup_s,
            offered_rps=RATE,
            sent_rps=RATE - 0.01,
            completed_rps=39.4,
            prompt_tokens_per_s=5100.0,
            output_tokens_per_s=3520.0,
            error_rate=Interval(value=0.0152, low=0.0121, high=0.019),
            truncated_rate=Interval(value=0.002, low=0.0009, high=0.0036),
            goodput_rps=36.2,
            goodput_ratio=Interval(value=0.905, low=0.896, high=0.913),
        ),
        tokens=Tokens(
            prompt=640_000,
            completion=int(tokens.sum()),
            reasoning=120_000,
            num_without_usage=12,
            num_checked=4900,
            num_prompt_differs=0,
            num_output_differs=31,
            prompt_difference=0,
            output_difference=-44,
        ),
        answers=Answers(
            num_checked=4925,
            num_right=4711,
            accuracy=Interval(value=0.9565, low=0.9505, high=0.962),
        ),
        distributions={
            "ttft": make_distribution(ttft[answered], num_censored=num_late),
            "e2e": make_distribution(e2e[answered], num_censored=num_late),
            "tpot": make_distribution(tpot[answered]),
            "gap": make_distribution(rng.exponential(0.012, 3 * num_requests)),
            "tokens_per_chunk": make_distribution(
                rng.lognormal(0.1, 0.1, num_requests), unit="tokens"
            ),
            "lateness": make_distribution(late),
            "connect": make_distribution(rng.lognormal(-8, 0.3, 24)),
        },
        objectives=["ttft<500ms", "e2e<2s"],
        steadiness=Steadiness(
            warmup_s=warmup_s,
            method="auto",
            is_stationary=False,
            p_value=0.003,
            reason="Latency rose in the second half of the window and fell again.",
        ),
        saturation=Saturation(
            is_saturated=verdict is Verdict.SATURATED,
            reasons=["3.1 % of sends were later than 10 ms; at most 1 % may be."]
            if verdict is Verdict.SATURATED
            else [],
            late_share=0.031 if verdict is Verdict.SATURATED else 0.0,
            lateness_limit_s=0.01,
            cpu_ratios=[0.41, 0.39],
            busy_p99_s=0.0004,
            busy_most_s=0.0021,
        ),
        gates=make_gates(verdict),
        verdict=verdict,
        exit_code=_EXIT_CODES[verdict],
        series=make_series(rng, at, ttft, e2e, outcomes),
        scatter=Scatter(
            scheduled_s=at.tolist(),
            ttft_s=np.where(answered, ttft, None).tolist(),
            e2e_s=np.where(answered, e2e, None).tolist(),
            lateness_s=late.tolist(),
            outcomes=outcomes.tolist(),
        ),
        captures=[make_capture(rng, float(at[-1]))],
        cross_checks=[
            CrossCheck(
                name="requests", client=5000, server=5000, difference=0, note="r1_requests_total"
            ),
            CrossCheck(
                name="mean ttft", client=0.171, server=0.168, difference=0.003, note="the network"
            ),
        ],
        workers=[
            Worker(
                number=number,
                num_requests=num_requests // 2,
                cpu_s=51.2,
                connections_opened=12,
                connections_most=96,
            )
            for number in range(2)
        ],
        files=[File(name="requests.csv", sha256="ab" * 32, num_bytes=812_345, num_rows=5000)],
        definitions=DEFINITIONS,
    )


def make_empty_report() -> Report:
    """Return a run that was interrupted before its first request was answered."""
    full = make_report(num_requests=40, verdict=Verdict.INSUFFICIENT)
    return full.model_copy(
        update={
            "run": full.run.model_copy(update={"end": "interrupted"}),
            "counts": Counts(scheduled=0, sent=0, outcomes={}, statuses={}, finish_reasons={}),
            "errors": [],
            "rates": Rates(
                window_s=0,
                offered_rps=0,
                sent_rps=0,
                completed_rps=0,
                prompt_tokens_per_s=None,
                output_tokens_per_s=None,
                error_rate=UNKNOWN,
                truncated_rate=UNKNOWN,
                goodput_rps=None,
                goodput_ratio=None,
            ),
            "tokens": Tokens(
                prompt=0,
                completion=0,
                reasoning=0,
                num_without_usage=0,
                num_checked=0,
                num_prompt_differs=0,
                num_output_differs=0,
                prompt_difference=0,
                output_difference=0,
            ),
            "answers": None,
            "distributions": {},
            "gates": [make_gate("p99_ttft<500ms", None, None, None, 0.5, Verdict.INSUFFICIENT)],
            "series": make_series(np.random.default_rng(1), *[np.empty(0)] * 3, np.empty(0, str)),
            "scatter": Scatter(scheduled_s=[], ttft_s=[], e2e_s=[], lateness_s=[], outcomes=[]),
            "captures": [],
            "cross_checks": [],
            "workers": [],
            "files": [],
        }
    )


def make_failed_report() -> Report:
    """Return a run of which every request failed to connect, but was sent on time."""
    full = make_report(num_requests=200)
    nothing = [None] * 200
    no_rows = [None] * len(full.series.at_s)
    latencies = {"ttft_p50_s", "ttft_p99_s", "e2e_p50_s", "e2e_p99_s"}
    return full.model_copy(
        update={
            "counts": full.counts.model_copy(update={"outcomes": {"connect_failed": 200}}),
            "rates": full.rates.model_copy(
                update={
                    "completed_rps": 0.0,
                    "output_tokens_per_s": None,
                    "error_rate": Interval(value=1.0, low=0.98, high=1.0),
                    "goodput_rps": 0.0,
                    "goodput_ratio": Interval(value=0.0, low=0.0, high=0.02),
                }
            ),
            "gates": [
                make_gate("p99_ttft<500ms", None, None, None, 0.5, Verdict.INSUFFICIENT),
                make_gate("error_rate<3%", 1.0, 0.98, 1.0, 0.03, Verdict.FAIL),
            ],
            "distributions": {"lateness": full.distributions["lateness"]},
            "scatter": full.scatter.model_copy(
                update={"ttft_s": nothing, "e2e_s": nothing, "outcomes": ["connect_failed"] * 200}
            ),
            "series": full.series.model_copy(
                update=dict.fromkeys(latencies, no_rows)
                | {
                    "completed": [0] * len(full.series.at_s),
                    "output_tokens": [0] * len(full.series.at_s),
                    "errors": full.series.offered,
                }
            ),
        }
    )


def make_unary_report() -> Report:
    """Return a run without streams: no first token, no gaps, no usage."""
    full = make_report(num_requests=400, verdict=Verdict.PASS)
    no_rows = [None] * len(full.series.at_s)
    return full.model_copy(
        update={
            "distributions": {name: full.distributions[name] for name in ("e2e", "lateness")},
            "scatter": full.scatter.model_copy(update={"ttft_s": [None] * 400}),
            "series": full.series.model_copy(update={"ttft_p50_s": no_rows, "ttft_p99_s": no_rows}),
            "answers": None,
        }
    )


def make_knee(*, seed: int = 1, verdict: Verdict = Verdict.PASS) -> KneeReport:
    """Return a search over ten rates with its knee near 46 a second."""
    rng = np.random.default_rng(seed)
    rates = np.linspace(8, 80, 10)
    misses = 1 / (1 + np.exp(-(rates - 62) / 5)) + rng.uniform(0, 0.002, 10)
    found = Interval(value=46.2, low=44.1, high=48.0) if verdict is Verdict.PASS else UNKNOWN
    return KneeReport(
        run=make_run(duration_s=610.0),
        target=make_target(),
        config=CONFIG,
        objectives=["ttft<500ms"],
        stages=[
            make_stage(float(rate), float(min(miss, 1)))
            for rate, miss in zip(rates, misses, strict=True)
        ],
        knee_rps=found,
        fit=list(zip(rates.tolist(), np.minimum(1, np.maximum.accumulate(misses)), strict=True)),
        verdict=verdict,
        exit_code=_EXIT_CODES[verdict],
        reason="The gates are met up to 46.2 a second."
        if verdict is Verdict.PASS
        else "No rate that was tried meets the gates.",
        definitions=DEFINITIONS,
    )


def make_stage(rate: float, miss: float) -> Stage:
    load = min(rate / 70, 0.97)
    return Stage(
        rate=rate,
        num_requests=int(rate * 60),
        duration_s=60.0,
        sent_rps=rate,
        completed_rps=min(rate, 68.0),
        miss_ratio=Interval(value=miss, low=max(0, miss - 0.03), high=min(1, miss + 0.03)),
        gates=[make_gate("p99_ttft<500ms", 0.2 / (1 - load), 0.18, 0.7, 0.5, Verdict.PASS)],
        ttft_p99_s=0.2 / (1 - load),
        e2e_p50_s=0.9 / (1 - load * 0.6),
        e2e_p99_s=1.7 / (1 - load * 0.9),
        output_tokens_per_s=rate * 88,
        is_saturated=rate > 75,
        is_met=miss < 0.05,
    )


def make_comparison(*, verdict: str = "worse") -> Comparison:
    """Return a comparison of two runs of the same prompts with a change of each kind."""
    return Comparison(
        a="before/report.json",
        b="after/report.json",
        is_paired=True,
        why_not_paired="",
        num_pairs=4800,
        confidence=0.95,
        margin=0.05,
        share_margin=0.01,
        changes=[
            make_change("ttft", "p50", 0.151, 0.149, 0.02, "same"),
            make_change("ttft", "p99", 0.412, 0.561, 0.12, "worse"),
            make_change("e2e", "p50", 1.12, 1.13, 0.015, "same"),
            make_change("e2e", "p99", 3.4, 3.6, 0.11, "undecided"),
            make_change("tpot", "mean", 0.0121, 0.0104, 0.02, "better"),
            make_change("error_rate", "share", 0.004, 0.006, 0.5, "undecided", unit="1"),
            make_change("output_tokens", "rate", 3400.0, 3420.0, 0.03, "same", unit="1/s"),
            Change(
                metric="gap",
                statistic="p99.9",
                unit="s",
                a=None,
                b=0.2,
                difference=UNKNOWN,
                ratio=UNKNOWN,
                verdict="undecided",
            ),
        ],
        verdict=verdict,
        exit_code=1 if verdict == "worse" else 0,
    )


def make_change(
    metric: str, statistic: str, a: float, b: float, spread: float, verdict: str, unit: str = "s"
) -> Change:
    ratio = b / a
    return Change(
        metric=metric,
        statistic=statistic,
        unit=unit,
        a=a,
        b=b,
        difference=Interval(value=b - a, low=b - a - spread * a, high=b - a + spread * a),
        ratio=Interval(value=ratio, low=ratio * (1 - spread), high=ratio * (1 + spread)),
        verdict=verdict,
    )


def make_run(*, duration_s: float) -> Run:
    return Run(
        id="7f3a9c",
        version="0.1.0",
        started_at="2026-03-01T09:30:00Z",
        python="3.11.2",
        platform="Linux-6.1-x86_64",
        num_cpus=2,
        duration_s=duration_s,
        drain_s=2.4,
        end="duration",
    )


def make_target() -> Target:
    return Target(
        url="http://127.0.0.1:8080",
        protocol="v2-stream",
        model="r1",
        addresses=["127.0.0.1"],
        server="r1-predictor 0.1.0",
    )


def make_gates(verdict: Verdict) -> list[Gate]:
    first = Verdict.PASS if verdict in (Verdict.SATURATED, Verdict.NONE) else verdict
    if verdict is Verdict.NONE:
        return []
    value = {Verdict.FAIL: 0.61, Verdict.INSUFFICIENT: 0.49}.get(first, 0.38)
    return [
        make_gate("p99_ttft<500ms", value, value - 0.04, value + 0.05, 0.5, first),
        make_gate("p50_e2e<2s", 1.19, 1.16, 1.22, 2.0, Verdict.PASS),
        make_gate("error_rate<3%", 0.0152, 0.0121, 0.019, 0.03, Verdict.PASS),
    ]


def make_gate(
    text: str,
    value: float | None,
    low: float | None,
    high: float | None,
    threshold: float,
    verdict: Verdict,
) -> Gate:
    reasons = {
        Verdict.PASS: "The whole interval meets it.",
        Verdict.FAIL: "The whole interval misses it.",
        Verdict.INSUFFICIENT: "The interval holds the threshold; 4,100 more would decide it.",
    }
    return Gate(
        text=text,
        value=value,
        low=low,
        high=high,
        threshold=threshold,
        verdict=verdict,
        reason=reasons[verdict],
        num_samples=4925,
        num_needed=4100 if verdict is Verdict.INSUFFICIENT else None,
    )


def make_distribution(
    values: np.ndarray, *, num_censored: int = 0, unit: str = "s"
) -> Distribution:
    """Return what the sorted values say, with order statistics for bounds."""
    ordered = np.sort(values)
    count = len(values) + num_censored
    half = 1.96 * float(values.std()) / np.sqrt(len(values))
    mean = float(values.mean())
    points = np.linspace(0, len(values) - 1, min(256, len(values))).astype(int)
    return Distribution(
        unit=unit,
        count=count,
        num_censored=num_censored,
        effective_count=count * 0.6,
        mean=Interval(value=mean, low=mean - half, high=mean + half),
        std=float(values.std()),
        least=float(ordered[0]),
        most=float(ordered[-1]),
        percentiles=[make_percentile(ordered, count, percent) for percent in (50, 90, 99, 99.9)],
        cdf=[(float(ordered[point]), (point + 1) / count) for point in points],
        hdr="",
    )


def make_percentile(ordered: np.ndarray, count: int, percent: float) -> Percentile:
    ranks = [
        int(np.ceil(count * percent / 100)),
        int(stats.binom.ppf(0.025, count, percent / 100)),
        int(stats.binom.ppf(0.975, count, percent / 100)) + 1,
    ]
    value, low, high = (
        float(ordered[max(rank, 1) - 1]) if rank <= len(ordered) else None for rank in ranks
    )
    return Percentile(
        value=value, low=low, high=high, percent=percent, is_sufficient=ranks[2] <= count
    )


def make_series(
    rng: np.random.Generator,
    at: np.ndarray,
    ttft: np.ndarray,
    e2e: np.ndarray,
    outcomes: np.ndarray,
) -> Series:
    rows = np.arange(int(at[-1]) + 1 if len(at) else 0)
    of_row = at.astype(int)
    members = [of_row == row for row in rows]
    ended = (at + e2e).astype(int)
    return Series(
        width_s=1.0,
        at_s=[float(row) for row in rows],
        offered=[int(m.sum()) for m in members],
        sent=[int(m.sum()) for m in members],
        completed=[int((ended == row).sum()) for row in rows],
        errors=[int((outcomes[m] != "ok").sum()) for m in members],
        in_flight=[int(((at <= row) & (at + e2e > row)).sum()) for row in rows],
        output_tokens=[int(m.sum()) * 88 for m in members],
        lateness_most_s=rng.lognormal(-8, 0.3, len(rows)).tolist(),
        ttft_p50_s=_percentile_rows(ttft, members, 50),
        ttft_p99_s=_percentile_rows(ttft, members, 99),
        e2e_p50_s=_percentile_rows(e2e, members, 50),
        e2e_p99_s=_percentile_rows(e2e, members, 99),
    )


def make_capture(rng: np.random.Generator, duration_s: float) -> Capture:
    at = np.arange(0, duration_s, 2.0)
    waiting = np.maximum(0, rng.normal(2, 2, len(at)).cumsum() * 0.2)
    gauges = {
        "r1_sequences_running": 30 + rng.normal(0, 4, len(at)),
        "r1_sequences_waiting": waiting,
        "r1_kv_blocks_used": 1200 + rng.normal(0, 100, len(at)),
        "DCGM_FI_DEV_GPU_UTIL": np.clip(rng.normal(88, 6, len(at)), 0, 100),
        "process_open_fds": np.full(len(at), 64.0),
    }
    tokens = np.cumsum(rng.poisson(7000, len(at))).astype(float)
    series = [
        MetricSeries(
            name=name,
            kind="gauge",
            labels={"model": "r1"},
            at_s=at.tolist(),
            values=values.tolist(),
            increase=None,
        )
        for name, values in gauges.items()
    ]
    counter = MetricSeries(
        name="r1_completion_tokens_total",
        kind="counter",
        labels={},
        at_s=at.tolist(),
        values=tokens.tolist(),
        increase=float(tokens[-1] - tokens[0]),
    )
    return Capture(
        url="http://127.0.0.1:8080/metrics",
        num_scrapes=len(at),
        failures={"timeout": 1},
        series=[*series, counter],
    )


_EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.NONE: 0,
    Verdict.FAIL: 1,
    Verdict.INSUFFICIENT: 2,
    Verdict.SATURATED: 3,
}


def _percentile_rows(
    values: np.ndarray, members: list[np.ndarray], percent: float
) -> list[float | None]:
    return [float(np.percentile(values[m], percent)) if m.any() else None for m in members]
