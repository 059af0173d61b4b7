"""The grammar of gates, objectives and the warm-up."""

import pytest

from loadtest.errors import UsageError
from loadtest.objectives import (
    GateSpec,
    Metric,
    Operator,
    Scalar,
    check_measurable,
    objectives_from,
    parse_gate,
    parse_objective,
    parse_warmup,
)


@pytest.mark.parametrize(
    ("text", "metric", "percent", "operator", "threshold"),
    [
        ("p99_ttft<500ms", Metric.TTFT, 99, Operator.LESS, 0.5),
        ("p50_ttft_sent<=20us", Metric.TTFT_SENT, 50, Operator.AT_MOST, 2e-5),
        ("p99.9_e2e<1.5s", Metric.E2E, 99.9, Operator.LESS, 1.5),
        ("mean_tpot<30ms", Metric.TPOT, None, Operator.LESS, 0.03),
        ("p0.5_gap<1s", Metric.GAP, 0.5, Operator.LESS, 1),
        ("error_rate<0.1%", Scalar.ERROR_RATE, None, Operator.LESS, 0.001),
        ("truncated_rate<=0.01", Scalar.TRUNCATED_RATE, None, Operator.AT_MOST, 0.01),
        ("goodput_ratio>95%", Scalar.GOODPUT_RATIO, None, Operator.MORE, 0.95),
        ("accuracy>=.9", Scalar.ACCURACY, None, Operator.AT_LEAST, 0.9),
        ("throughput>10rps", Scalar.THROUGHPUT, None, Operator.MORE, 10),
        ("goodput>=7", Scalar.GOODPUT, None, Operator.AT_LEAST, 7),
        ("output_tokens>250tok/s", Scalar.OUTPUT_TOKENS, None, Operator.MORE, 250),
    ],
    ids=str,
)
def test_gate_says_what_is_judged_and_against_what(
    text: str, metric: Metric, percent: float | None, operator: Operator, threshold: float
) -> None:
    assert parse_gate(text) == GateSpec(text, metric, percent, operator, threshold)


def test_blanks_in_a_gate_mean_nothing() -> None:
    assert parse_gate("  p99_ttft <= 500 ms ") == parse_gate("p99_ttft<=500ms")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("p99_ttft", "number with its unit"),
        ("p99_ttft<", "number with its unit"),
        ("p99_ttft<fast", "number with its unit"),
        ("p99_ttft<-5ms", "number with its unit"),
        ("p99_ttft=5ms", "one of < <= > >="),
        ("p99_ttft<500", "its unit is none, must be one of: us, ms, s"),
        ("p99_ttft<5min", "its unit is min, must be one of: us, ms, s"),
        ("p99_ttft<0ms", "must be over 0"),
        ("p99_ttft>500ms", "a duration takes < or <="),
        ("ttft<500ms", "such as p99_ttft or mean_ttft"),
        ("p100_ttft<5ms", "N between 0 and 100"),
        ("p0_ttft<5ms", "N between 0 and 100"),
        ("max_ttft<5ms", "must be mean or pN"),
        ("p99_speed<5ms", "and metric ttft, ttft_sent, tpot"),
        ("p99_error_rate<1%", "write it without 'p99'"),
        ("error_rate>1%", "better when low, so it takes < or <="),
        ("accuracy<90%", "better when high, so it takes > or >="),
        ("error_rate<1ms", "its unit is ms, must be one of: none, %"),
        ("error_rate<=0", "between 0 and 100 %"),
        ("accuracy>=100%", "between 0 and 100 %"),
        ("throughput>0rps", "must be over 0"),
        ("throughput>5tok/s", "its unit is tok/s, must be one of: none, rps"),
    ],
    ids=lambda value: value,
)
def test_gate_that_cannot_be_followed_is_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_gate(text)

    assert text in str(refusal.value)
    assert named in str(refusal.value)


def test_objective_is_of_one_request() -> None:
    objective = parse_objective("tpot <= 30ms")

    assert (objective.metric, objective.operator) == (Metric.TPOT, Operator.AT_MOST)
    assert objective.threshold == 0.03


@pytest.mark.parametrize("text", ["p99_ttft<500ms", "error_rate<1%", "ttft>5ms", "ttft"])
def test_objective_that_no_request_can_meet_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="objective"):
        parse_objective(text)


@pytest.mark.parametrize(
    ("text", "limit_ns"), [("e2e<1us", 1000), ("e2e<=1us", 1001)], ids=["less", "at-most"]
)
def test_threshold_itself_misses_only_a_strict_limit(text: str, limit_ns: int) -> None:
    assert parse_objective(text).limit_ns == limit_ns


def test_objectives_come_from_the_highest_percentile_of_each_metric() -> None:
    gates = [
        parse_gate(text)
        for text in ("p99_ttft<500ms", "p50_ttft<90ms", "mean_e2e<1s", "error_rate<1%")
    ]

    derived = objectives_from(gates, [])

    assert derived == (parse_objective("ttft<500ms"),)


def test_objectives_that_are_given_leave_the_gates_out() -> None:
    given = [parse_objective("e2e<2s")]

    assert objectives_from([parse_gate("p99_ttft<500ms")], given) == tuple(given)


@pytest.mark.parametrize("text", ["p99_ttft<1s", "p99_tpot<1s", "p99_gap<1s", "truncated_rate<1%"])
def test_gate_on_streams_is_refused_for_a_protocol_without_them(text: str) -> None:
    with pytest.raises(UsageError, match="protocol v2-infer is none"):
        check_measurable([parse_gate(text)], "v2-infer", is_stream=False)


def test_gate_on_streams_is_measurable_on_a_stream() -> None:
    check_measurable([parse_gate("p99_ttft<1s")], "v2-stream", is_stream=True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("auto", None), ("10s", 10), ("1.5", 1.5), (" 0s ", 0)]
)
def test_warmup_is_auto_or_seconds(text: str, seconds: float | None) -> None:
    assert parse_warmup(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", "5ms", "inf"])
def test_warmup_of_another_kind_is_refused_by_value(text: str) -> None:
    with pytest.raises(UsageError, match="must be auto or seconds"):
        parse_warmup(text)
