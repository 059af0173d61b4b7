"""What a run is held to: gates over all requests ('p99_ttft<500ms', 'error_rate<0.1%') and
objectives that each good request meets ('ttft<500ms')."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from loadtest.errors import UsageError


class Metric(StrEnum):
    """A duration that each request has; defined in loadtest/definitions.py."""

    TTFT = "ttft"
    TTFT_SENT = "ttft_sent"
    TPOT = "tpot"
    E2E = "e2e"
    E2E_SENT = "e2e_sent"
    GAP = "gap"
    LATENESS = "lateness"
    CONNECT = "connect"

    @property
    def needs_stream(self) -> bool:
        return self in (Metric.TTFT, Metric.TTFT_SENT, Metric.TPOT, Metric.GAP)


class Scalar(StrEnum):
    """A number that only the run as a whole has."""

    ERROR_RATE = "error_rate"
    TRUNCATED_RATE = "truncated_rate"
    GOODPUT_RATIO = "goodput_ratio"
    ACCURACY = "accuracy"
    THROUGHPUT = "throughput"
    GOODPUT = "goodput"
    OUTPUT_TOKENS = "output_tokens"

    @property
    def is_share(self) -> bool:
        return self not in (Scalar.THROUGHPUT, Scalar.GOODPUT, Scalar.OUTPUT_TOKENS)


class Operator(StrEnum):
    """How a value compares with its threshold."""

    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="

    @property
    def is_upper_limit(self) -> bool:
        return self in (Operator.LESS, Operator.AT_MOST)


@dataclass(frozen=True, slots=True)
class ObjectiveSpec:
    """Holds for a request whose ``metric`` is below ``threshold`` seconds, or at it for '<='."""

    text: str
    metric: Metric
    operator: Operator
    threshold: float

    @property
    def limit_ns(self) -> int:
        return least_miss_ns(self.operator, self.threshold)


@dataclass(frozen=True, slots=True)
class GateSpec:
    """A number of the run and its threshold: seconds, a share from 0 to 1, or a second's rate.

    ``percent`` is set for a percentile of a Metric, None for its mean and for a Scalar.
    """

    text: str
    metric: Metric | Scalar
    percent: float | None
    operator: Operator
    threshold: float

    @property
    def limit_ns(self) -> int:
        return least_miss_ns(self.operator, self.threshold)

    @property
    def name(self) -> str:
        """What is judged, without the threshold: 'p99_ttft', 'mean_e2e', 'error_rate'."""
        if isinstance(self.metric, Scalar):
            return self.metric.value
        return f"{'mean' if self.percent is None else f'p{self.percent:g}'}_{self.metric}"


def least_miss_ns(operator: Operator, threshold_s: float) -> int:
    """Return the least duration in whole ns that breaks an upper limit."""
    return round(threshold_s * 1e9) + (operator is Operator.AT_MOST)


def parse_gate(text: str) -> GateSpec:
    """Parse '<stat>_<metric><op><number><unit>' or '<scalar><op><number><unit>'.

    Raises UsageError, which names what is wrong and what is allowed.
    """
    parts = _split(text, "gate")
    statistic, _, rest = parts.name.partition("_")
    if parts.name in _SCALARS:
        scalar = Scalar(parts.name)
        return GateSpec(parts.text, scalar, None, *_scalar_limit(parts, scalar))
    if parts.name in _METRICS:
        raise UsageError(
            f"gate {parts.text!r}: {parts.name} needs a statistic before it, "
            f"such as p99_{parts.name} or mean_{parts.name}"
        )
    if rest not in _METRICS:
        if rest in _SCALARS:
            raise UsageError(
                f"gate {parts.text!r}: {rest} is one number of the run, write it without "
                f"{statistic!r}"
            )
        raise UsageError(
            f"gate {parts.text!r}: {parts.name!r} is none of <stat>_<metric> with stat pN or mean "
            f"and metric {', '.join(_METRICS)}; nor {', '.join(_SCALARS)}"
        )
    percent = None if statistic == "mean" else _percent(parts.text, statistic)
    return GateSpec(parts.text, Metric(rest), percent, *_duration_limit(parts, "gate"))


def parse_objective(text: str) -> ObjectiveSpec:
    """Parse '<metric><op><number><unit>'; raises UsageError as parse_gate does."""
    parts = _split(text, "objective")
    if parts.name not in _METRICS:
        raise UsageError(
            f"objective {parts.text!r}: {parts.name!r} is no metric of one request; allowed are "
            f"{', '.join(_METRICS)}, without a statistic"
        )
    return ObjectiveSpec(parts.text, Metric(parts.name), *_duration_limit(parts, "objective"))


def objectives_from(
    gates: Sequence[GateSpec], objectives: Sequence[ObjectiveSpec]
) -> tuple[ObjectiveSpec, ...]:
    """Return the objectives given; where none is, those of the percentile gates.

    Of several gates on one metric the highest percentile's counts: a median's threshold is not
    meant for each request.
    """
    if objectives:
        return tuple(objectives)
    highest: dict[Metric, GateSpec] = {}
    for gate in gates:
        if gate.percent is None or not isinstance(gate.metric, Metric):
            continue
        known = highest.get(gate.metric)
        if known is None or (known.percent or 0) < gate.percent:
            highest[gate.metric] = gate
    return tuple(
        ObjectiveSpec(
            gate.text.removeprefix(gate.text.partition("_")[0] + "_"),
            metric,
            gate.operator,
            gate.threshold,
        )
        for metric, gate in highest.items()
    )


def check_measurable(
    specs: Sequence[GateSpec | ObjectiveSpec], protocol: str, *, is_stream: bool
) -> None:
    """Raise UsageError naming the first gate or objective that such a protocol cannot measure."""
    for spec in specs:
        metric = spec.metric
        is_of_streams = metric is Scalar.TRUNCATED_RATE or (
            isinstance(metric, Metric) and metric.needs_stream
        )
        if is_of_streams and not is_stream:
            raise UsageError(
                f"{spec.text!r}: {metric} is of streams, and protocol {protocol} is none; choose "
                f"another metric or a protocol that ends in -stream"
            )


def parse_warmup(text: str) -> float | None:
    """Return the seconds of '10s' or '10', None for 'auto'; raises UsageError for the rest."""
    stripped = text.strip()
    if stripped == "auto":
        return None
    match = re.fullmatch(rf"({_NUMBER})\s*(s?)", stripped)
    if match is None:
        raise UsageError(f"warmup is {text!r}, must be auto or seconds such as 10s")
    return float(match[1])


_NUMBER: Final = r"\d+(?:\.\d*)?|\.\d+"
_SPEC: Final = re.compile(rf"([\w.]+)\s*(<=|>=|<|>)\s*({_NUMBER})\s*(\S*)")
_DURATIONS: Final = {"us": Fraction(1, 1_000_000), "ms": Fraction(1, 1000), "s": Fraction(1)}
_SHARES: Final = {"": Fraction(1), "%": Fraction(1, 100)}
_REQUEST_RATES: Final = {"": Fraction(1), "rps": Fraction(1)}
_TOKEN_RATES: Final = {"": Fraction(1), "tok/s": Fraction(1)}
_METRICS: Final = tuple(metric.value for metric in Metric)
_SCALARS: Final = tuple(scalar.value for scalar in Scalar)


@dataclass(frozen=True, slots=True)
class _Parts:
    text: str
    name: str
    operator: Operator
    number: Fraction
    unit: str


def _split(text: str, kind: str) -> _Parts:
    stripped = text.strip()
    match = _SPEC.fullmatch(stripped)
    if match is None:
        example = "p99_ttft<500ms" if kind == "gate" else "ttft<500ms"
        raise UsageError(
            f"{kind} {stripped!r} must be a name, one of < <= > >=, and a number with its unit, "
            f"such as {example!r}"
        )
    name, operator, number, unit = match.groups()
    compact = f"{name}{operator}{number}{unit}"
    return _Parts(compact, name, Operator(operator), Fraction(number), unit)


def _percent(text: str, statistic: str) -> float:
    match = re.fullmatch(rf"p({_NUMBER})", statistic)
    if match is None or not 0 < float(match[1]) < 100:
        raise UsageError(
            f"gate {text!r}: {statistic!r} must be mean or pN with N between 0 and 100, such as p99"
        )
    return float(match[1])


def _duration_limit(parts: _Parts, kind: str) -> tuple[Operator, float]:
    where = f"{kind} {parts.text!r}"
    if not parts.operator.is_upper_limit:
        raise UsageError(
            f"{where}: {parts.operator} would ask for a latency that is long enough; "
            f"a duration takes < or <="
        )
    seconds = _in_unit(parts, where, _DURATIONS)
    if seconds <= 0:
        raise UsageError(f"{where}: the threshold must be over 0")
    return parts.operator, float(seconds)


def _scalar_limit(parts: _Parts, scalar: Scalar) -> tuple[Operator, float]:
    where = f"gate {parts.text!r}"
    is_cost = scalar in (Scalar.ERROR_RATE, Scalar.TRUNCATED_RATE)
    if parts.operator.is_upper_limit is not is_cost:
        raise UsageError(
            f"{where}: {scalar} is better when {'low' if is_cost else 'high'}, so it takes "
            f"{'< or <=' if is_cost else '> or >='}, not {parts.operator}"
        )
    if not scalar.is_share:
        units = _TOKEN_RATES if scalar is Scalar.OUTPUT_TOKENS else _REQUEST_RATES
        rate = _in_unit(parts, where, units)
        if rate <= 0:
            raise UsageError(f"{where}: the threshold must be over 0")
        return parts.operator, float(rate)
    share = _in_unit(parts, where, _SHARES)
    if not 0 < share < 1:
        # A share of exactly none or all cannot be shown by any number of requests.
        raise UsageError(f"{where}: the threshold must be between 0 and 100 %, both excluded")
    return parts.operator, float(share)


def _in_unit(parts: _Parts, where: str, units: Mapping[str, Fraction]) -> Fraction:
    if parts.unit not in units:
        allowed = ", ".join(unit or "none" for unit in units)
        raise UsageError(f"{where}: its unit is {parts.unit or 'none'}, must be one of: {allowed}")
    return parts.number * units[parts.unit]
