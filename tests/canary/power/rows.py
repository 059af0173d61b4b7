"""The rows of the table: what is true, what is judged, and what is to hold."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from canary.judgement.evidence import policies
from canary.plan import RolloutPlan
from canary.policies import MetricPolicy
from tests.canary.power.traffic import (
    ARM_BURSTS,
    ERROR_SHARE,
    HARD_INCIDENTS,
    SHARED_INCIDENTS,
    SLOT_S,
    Scenario,
)

_DEFAULTS: Final = policies(RolloutPlan(service="r1", namespace="r1", manifest="r1.yaml"))
_ERRORS: Final = _DEFAULTS["errors"]
_UNCAPPED: Final = _ERRORS.model_copy(update={"cap": None})
_TTFT: Final = _DEFAULTS["ttft"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line; a plan that judges ``errors`` or ``ttft`` alone leaves the other out."""

    name: str
    kind: Literal["equal", "change", "promotion"]
    scenario: Scenario
    errors: MetricPolicy | None = _ERRORS
    ttft: MetricPolicy | None = _TTFT
    inter_token: MetricPolicy | None = None
    longest_gap: MetricPolicy | None = None
    # The counts that the others judge.
    rivals: Literal["errors", "slow"] = "errors"
    # Share of runs rolled back, or proven, at most; medians in minutes at most.
    max_rolled_back: float | None = None
    max_proven: float | None = None
    max_minutes: float | None = None
    max_failed: float | None = None


def _odds_times(odds: float, share: float) -> float:
    return odds * share / (1 + (odds - 1) * share)


def _odds_twice(share: float) -> float:
    return _odds_times(2.0, share)


_EQUAL: Final = Row("", "equal", Scenario(), max_rolled_back=0.01)
_GAPS: Final = replace(
    _EQUAL,
    errors=None,
    ttft=None,
    inter_token=_DEFAULTS["inter_token"].model_copy(update={"edges": (0.1,)}),
)
_STALLS: Final = replace(_EQUAL, errors=None, ttft=None, longest_gap=_DEFAULTS["longest_gap"])
# The stable revision has few requests, whose slow gaps must not be rounded away.
_BAKE: Final = (95,) * 4
_ONE_PERCENT: Final = (0.01, 0.01)

ROWS: Final = (
    replace(_EQUAL, name="A/A"),
    replace(_EQUAL, name="A/A, shared incidents", scenario=Scenario(disturbance=SHARED_INCIDENTS)),
    replace(_EQUAL, name="A/A, arm-local bursts", scenario=Scenario(disturbance=ARM_BURSTS)),
    *(
        replace(
            _EQUAL,
            name=f"A/A, {disturbance.error_share:.0%} of all users fail "
            f"for {disturbance.num_slots * SLOT_S:g} s",
            scenario=Scenario(disturbance=disturbance),
        )
        for disturbance in HARD_INCIDENTS
    ),
    replace(
        _EQUAL,
        name="A/A, errors of 1.5 %, above the cap",
        scenario=Scenario(error_shares=(0.015, 0.015)),
        ttft=None,
    ),
    replace(
        _GAPS,
        name="A/A, slow gaps of 1.1 %, at 95 %",
        scenario=Scenario(slow_gaps=(0.011, 0.011), percents=_BAKE),
    ),
    replace(
        _GAPS,
        name="A/A, slow gaps of 1.1 %, alike in a stream",
        scenario=Scenario(slow_gaps=(0.011, 0.011), are_gaps_alike=True),
    ),
    replace(_EQUAL, name="A/A at 200/s", scenario=Scenario(rate_per_s=200.0)),
    replace(_EQUAL, name="A/A at 1/s", scenario=Scenario(rate_per_s=1.0)),
    replace(
        _EQUAL, name="A/A, healthy P99 of 450 ms", scenario=Scenario(p99_s=0.45), rivals="slow"
    ),
    replace(
        _EQUAL, name="A/A, healthy P99 of 480 ms", scenario=Scenario(p99_s=0.48), rivals="slow"
    ),
    Row("errors x10", "change", Scenario(error_shares=(10 * ERROR_SHARE, ERROR_SHARE))),
    Row(
        "errors to 5 %",
        "change",
        Scenario(error_shares=(0.05, ERROR_SHARE)),
        max_minutes=3.0,
        max_failed=10.0,
    ),
    Row("slow share 1 to 2 %", "change", Scenario((0.02, 0.01)), errors=_UNCAPPED, ttft=None),
    Row("TTFT x1.05", "change", Scenario(slowdown=1.05), rivals="slow"),
    Row("TTFT x1.1", "change", Scenario(slowdown=1.1), rivals="slow"),
    Row("TTFT x1.2", "change", Scenario(slowdown=1.2), rivals="slow", max_minutes=5.0),
    Row("TTFT x1.5", "change", Scenario(slowdown=1.5), rivals="slow", max_minutes=2.0),
    *(
        Row(
            f"{name} at {rate}/s",
            "change",
            replace(scenario, rate_per_s=float(rate)),
            rivals="slow" if scenario.slowdown > 1 else "errors",
        )
        for name, scenario in (
            ("errors to 5 %", Scenario(error_shares=(0.05, ERROR_SHARE))),
            ("TTFT x1.5", Scenario(slowdown=1.5)),
        )
        for rate in (1, 5, 200)
    ),
    replace(
        _GAPS,
        name="slow gaps of 0.3 %, x4, alike in a stream",
        kind="change",
        scenario=Scenario(slow_gaps=(0.012, 0.003), are_gaps_alike=True),
        max_rolled_back=None,
    ),
    Row(
        "slow share 1 %, at the margin",
        "promotion",
        Scenario((_odds_twice(0.01), 0.01)),
        errors=_UNCAPPED,
        ttft=None,
        max_proven=0.05,
    ),
    Row(
        "errors 0.05 %, at the margin, no cap",
        "promotion",
        Scenario((_odds_twice(ERROR_SHARE), ERROR_SHARE)),
        errors=_UNCAPPED,
        ttft=None,
        max_proven=0.05,
    ),
    Row(
        "errors at the cap of 1 %",
        "promotion",
        Scenario((0.01, ERROR_SHARE)),
        ttft=None,
        max_proven=0.05,
    ),
    Row(
        "TTFT x1.3, beyond the margin above 0.3 s",
        "promotion",
        Scenario(slowdown=1.3),
        errors=None,
        max_proven=0.05,
    ),
    *(
        replace(
            _GAPS,
            name=f"slow gaps of 0.6 %, at the margin{alike}",
            kind="promotion",
            scenario=Scenario(
                slow_gaps=(_odds_times(2.5, 0.006), 0.006), are_gaps_alike=bool(alike)
            ),
            max_rolled_back=None,
            max_proven=0.05,
        )
        for alike in ("", ", alike in a stream")
    ),
    Row(
        "slow share 1 %, equal",
        "promotion",
        Scenario(_ONE_PERCENT),
        errors=_UNCAPPED,
        ttft=None,
    ),
    Row("errors 0.05 %, equal, no cap", "promotion", Scenario(), errors=_UNCAPPED, ttft=None),
    Row("errors 0.05 %, equal, cap of 1 %", "promotion", Scenario(), ttft=None),
    Row("TTFT, equal", "promotion", Scenario(), errors=None),
    Row("errors and TTFT, equal", "promotion", Scenario()),
    replace(
        _STALLS,
        name="A/A, 1 % of answers stall",
        scenario=Scenario(stalls=_ONE_PERCENT),
    ),
    replace(
        _STALLS,
        name="0.05 to 1 % of answers stall",
        kind="change",
        scenario=Scenario(stalls=(0.01, 0.0005)),
        max_rolled_back=None,
    ),
)
