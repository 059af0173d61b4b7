"""Gates over a few cold starts."""

from typing import Any

import pytest

from loadtest.coldstart.judgement import judge, parse_slo, summarize
from loadtest.errors import UsageError
from loadtest.report.coldstart_schema import ColdStart, Phase
from loadtest.report.schema import Interval, Verdict


def start(ttft_s: float | None, **fields: Any) -> ColdStart:
    made: dict[str, Any] = {
        "number": 1,
        "started_at": "2026-01-02T03:04:05.000+00:00",
        "waited_s": 60.0,
        "outcome": "ok" if ttft_s else "timeout",
        "status": 200,
        "detail": "",
        "is_cold": True,
        "ttft_s": ttft_s,
        "e2e_s": ttft_s and ttft_s + 1,
        "pod": "r1-a",
        "num_pods": 1,
        "num_restarts": 0,
        "image_was_present": True,
        "moments": [],
        "phases": [],
        "remarks": [],
        "clock_skew_s": Interval(value=0, low=0, high=0),
    }
    return ColdStart(**{**made, **fields})


def starts(*ttfts_s: float | None) -> list[ColdStart]:
    return [start(ttft_s) for ttft_s in ttfts_s]


@pytest.mark.parametrize(
    ("slo", "ttfts_s", "verdict"),
    [
        pytest.param("max_ttft<10s", [9.0, 9.5], Verdict.PASS, id="most-met"),
        pytest.param("max_ttft<10s", [9.0, 10.0], Verdict.FAIL, id="most-reached"),
        pytest.param("max_ttft<=10s", [9.0, 10.0], Verdict.PASS, id="most-at-it"),
        pytest.param("max_ttft<10s", [9.0, None], Verdict.FAIL, id="one-without"),
        pytest.param("max_e2e<10s", [9.0], Verdict.FAIL, id="whole-answer"),
        pytest.param("max_ttft<10s", [], Verdict.INSUFFICIENT, id="none"),
        pytest.param("p50_ttft<10s", [5.0] * 4, Verdict.INSUFFICIENT, id="median-of-four"),
        pytest.param("p50_ttft<10s", [5.0] * 5, Verdict.PASS, id="median-of-five"),
        pytest.param("p50_ttft<10s", [11.0] * 5, Verdict.FAIL, id="median-over"),
        pytest.param("p50_ttft<10s", [None] * 5, Verdict.FAIL, id="median-without"),
        pytest.param("p99_ttft<10s", [5.0] * 20, Verdict.INSUFFICIENT, id="tail-of-twenty"),
        pytest.param("mean_ttft<10s", [5.0, 5.1, 4.9], Verdict.PASS, id="mean"),
        pytest.param("mean_ttft<10s", [5.0, 5.1, None], Verdict.INSUFFICIENT, id="mean-without"),
        pytest.param("mean_ttft<10s", [5.0], Verdict.INSUFFICIENT, id="mean-of-one"),
    ],
)
def test_gate_passes_and_fails_only_where_so_many_cold_starts_tell(
    slo: str, ttfts_s: list[float | None], verdict: Verdict
) -> None:
    found = judge(parse_slo(slo), starts(*ttfts_s), 0.95)

    assert (found.verdict, found.text) == (verdict, slo)


def test_median_that_is_undecided_says_how_many_would_decide() -> None:
    assert judge(parse_slo("p50_ttft<10s"), starts(5.0, 5.0, 5.0), 0.95).num_needed == 5


def test_start_of_a_service_that_was_awake_is_judged_by_no_gate() -> None:
    warm = start(99.0, is_cold=False)

    assert judge(parse_slo("max_ttft<10s"), [warm, start(5.0)], 0.95).verdict is Verdict.PASS
    assert summarize([warm, start(5.0)], 0.95)["ttft"].most == 5.0


@pytest.mark.parametrize(
    ("slo", "message"),
    [
        pytest.param("max_ttft<10", "its unit is none", id="unit"),
        pytest.param(
            "max_gap<10s", "gap is not of cold starts, must be one of ttft, e2e", id="gap"
        ),
        pytest.param("error_rate<1%", "error_rate is not of cold starts", id="scalar"),
        pytest.param("ttft<1s", "needs a statistic", id="statistic"),
    ],
)
def test_gate_that_is_not_of_cold_starts_is_refused(slo: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_slo(slo)


@pytest.mark.parametrize(("count", "percents"), [(5, []), (6, [50.0])], ids=["five", "six"])
def test_percentiles_stand_only_where_both_bounds_do(count: int, percents: list[float]) -> None:
    found = summarize(starts(*map(float, range(1, count + 1))), 0.95)["ttft"]

    assert [one.percent for one in found.percentiles] == percents
    assert (found.count, found.least, found.most) == (count, 1.0, count)


def test_phase_that_did_not_end_is_in_no_statistic() -> None:
    ended = Phase(name="load", value=3, low=2, high=4, is_finished=True)
    cut = Phase(name="load", value=500, low=500, high=500, is_finished=False)

    found = summarize([start(5.0, phases=[ended]), start(None, phases=[cut])], 0.95)

    assert (found["load"].count, found["load"].most) == (1, 3.0)
