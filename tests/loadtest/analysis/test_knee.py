"""The search for the knee, on queues whose knee is known and at its edges."""

import math

import numpy as np
import pytest

from loadtest.analysis.knee import (
    NUM_BLOCKS,
    KneeGate,
    KneeSettings,
    StageCounts,
    allowed_share,
    fit_knee,
    next_rate,
    stage_requests,
    stage_seconds,
)
from loadtest.analysis.sample_size import decisive_requests, least_requests
from loadtest.errors import UsageError
from loadtest.objectives import parse_gate
from tests.loadtest.analysis.queues import (
    P99,
    Queue,
    md1,
    md1_knee,
    mm1,
    mm1_knee,
    mm4,
    mm4_knee,
    search,
    searches,
)

P90 = KneeGate("p90_ttft<limit", 0.1)


def knee_settings(*gates: KneeGate, **changes: float) -> KneeSettings:
    return KneeSettings(gates or (P99,), **{"start": 10, "least": 1, "most": 1000} | changes)  # type: ignore[arg-type]


def counts(
    rate: float, *shares: float, num: int = 10_000, is_saturated: bool = False
) -> StageCounts:
    """A stage whose misses are spread evenly over its blocks, but for their rounding."""
    requests = np.full(NUM_BLOCKS, num // NUM_BLOCKS)
    edges = np.linspace(0, 1, NUM_BLOCKS + 1)
    misses = np.array([np.diff(np.rint(edges * share * num)) for share in shares]).astype(int)
    return StageCounts(rate, requests, misses, is_saturated)


def joined(one: StageCounts, other: StageCounts) -> StageCounts:
    """Both as if they had been one stage."""
    return StageCounts(
        one.rate,
        np.concatenate([one.requests, other.requests]),
        np.concatenate([one.misses, other.misses], axis=1),
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("queue", "limit", "knee"),
    [
        pytest.param(md1, 6, md1_knee(6, 0.01), id="M/D/1"),
        pytest.param(mm1, 10, mm1_knee(10, 0.01), id="M/M/1"),
    ],
)
def test_nine_of_ten_searches_end_within_5_percent_of_the_true_knee(
    queue: Queue, limit: float, knee: float
) -> None:
    knees, _, costs = searches(queue, limit, knee, 10)
    assert np.count_nonzero(np.abs(knees - 1) < 0.05) >= 9
    assert costs.mean() < 160_000


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("queue", "limit", "knee", "num"),
    [
        pytest.param(md1, 6, md1_knee(6, 0.01), 200, id="M/D/1"),
        pytest.param(mm1, 10, mm1_knee(10, 0.01), 200, id="M/M/1"),
        pytest.param(mm4, 6, mm4_knee(6, 0.01), 100, id="M/M/4"),
    ],
)
def test_knees_of_many_searches_repeat_and_their_intervals_cover_the_truth(
    queue: Queue, limit: float, knee: float, num: int
) -> None:
    knees, covered, costs = searches(queue, limit, knee, num)
    low, high = np.quantile(knees, (0.05, 0.95))
    assert 0.95 < low < high < 1.05
    # Of 95 % intended: a search ends when its stages happen to agree.
    assert covered.mean() >= 0.8
    assert costs.mean() < 160_000


def test_equal_stages_ask_for_equal_rates_and_give_equal_knees() -> None:
    chosen = knee_settings(start=0.5, least=0.01, most=4, max_stages=6)
    first, second = (search(md1, 6, chosen, rng()) for _ in range(2))
    assert [stage.rate for stage in first[0]] == [stage.rate for stage in second[0]]
    assert first[1] == second[1]


def test_the_first_rate_is_the_start() -> None:
    assert next_rate([], knee_settings()) == 10


def test_a_rate_that_meets_the_gate_is_about_doubled() -> None:
    assert next_rate([counts(10, 0.0)], knee_settings()) == pytest.approx(20, rel=0.05)


def test_a_rate_that_breaks_the_gate_is_about_halved() -> None:
    assert next_rate([counts(10, 0.5)], knee_settings()) == pytest.approx(5, rel=0.05)


def test_the_knee_once_enclosed_is_closed_in_on() -> None:
    rate = next_rate([counts(10, 0.0), counts(20, 1.0)], knee_settings())
    assert rate == pytest.approx(math.sqrt(200), rel=0.05)


def test_the_least_rate_is_tried_and_no_lower_one() -> None:
    assert next_rate([counts(1.5, 0.5)], knee_settings()) == 1
    assert next_rate([counts(1, 0.5)], knee_settings()) is None


def test_the_most_rate_is_tried_and_no_higher_one() -> None:
    assert next_rate([counts(800, 0.0)], knee_settings()) == 1000
    assert next_rate([counts(1000, 0.0)], knee_settings()) is None


def test_a_gate_broken_at_the_least_rate_has_no_knee_and_says_so() -> None:
    fit = fit_knee([counts(1, 0.5)], knee_settings(), rng())
    assert (fit.rate, fit.low, fit.high) == (None, None, 1)
    assert fit.reason == "p99_e2e<limit is not met at 1 rps, the lowest rate tried"


def test_a_gate_met_at_the_most_rate_has_a_low_bound_only() -> None:
    fit = fit_knee([counts(500, 0.0), counts(1000, 0.001)], knee_settings(), rng())
    assert (fit.rate, fit.low, fit.high) == (None, 1000, None)
    assert fit.reason == "the gates are met up to 1000 rps, the highest rate tried"


def test_where_the_client_was_saturated_the_search_closes_in_from_below() -> None:
    stages = [counts(10, 0.0), counts(20, 0.9, is_saturated=True)]
    rate = next_rate(stages, knee_settings())
    assert rate == pytest.approx(math.sqrt(200), rel=0.05)
    nearest = [*stages, counts(19, 0.0)]
    assert next_rate(nearest, knee_settings()) is None


def test_a_saturated_stage_is_no_part_of_the_fit_and_is_named() -> None:
    fit = fit_knee([counts(10, 0.0), counts(20, 0.9, is_saturated=True)], knee_settings(), rng())
    assert fit.curve == [(pytest.approx(10), 0.0)]
    assert fit.low == pytest.approx(10)
    assert "the client was saturated at 20 rps" in fit.reason


def test_a_client_saturated_from_the_start_is_tried_lower() -> None:
    stages = [counts(10, 0.0, is_saturated=True)]
    assert next_rate(stages, knee_settings()) == pytest.approx(5, rel=0.05)
    fit = fit_knee(stages, knee_settings(), rng())
    assert fit.rate is None
    assert "client was saturated" in fit.reason


def test_a_collapse_is_enclosed_within_the_tolerance() -> None:
    chosen = knee_settings()
    stages: list[StageCounts] = []
    while (rate := next_rate(stages, chosen)) is not None:
        stages.append(counts(rate, float(rate > 137)))
    fit = fit_knee(stages, chosen, rng())
    assert fit.rate == pytest.approx(137, rel=0.1)
    assert fit.low is not None
    assert fit.high is not None
    assert fit.low < 137 < fit.high
    assert fit.is_within_tolerance
    assert len(stages) < chosen.max_stages


def test_several_gates_have_the_least_of_their_knees() -> None:
    chosen = knee_settings(P99, P90)
    stages = [counts(10, 0.001, 0.01), counts(20, 0.005, 0.2), counts(40, 0.1, 0.5)]
    both = fit_knee(stages, chosen, rng())
    alone = fit_knee(
        [counts(10, 0.01), counts(20, 0.2), counts(40, 0.5)], knee_settings(P90), rng()
    )
    assert both.gate == P90
    assert both.rate == alone.rate
    assert 10 < alone.rate < 20


def test_shares_that_fall_with_the_rate_are_pooled() -> None:
    stages = [counts(10, 0.002), counts(20, 0.016), counts(21, 0.008), counts(40, 0.2)]
    fit = fit_knee(stages, knee_settings(), rng())
    assert [share for _, share in fit.curve] == [0.002, 0.012, 0.2]
    assert fit.rate is not None
    assert 10 < fit.rate < 20.5


def test_the_rate_of_the_first_gate_to_break_is_closed_in_on() -> None:
    stages = [counts(10, 0.0, 0.01), counts(20, 0.0, 0.5), counts(40, 0.0, 0.6)]
    rate = next_rate(stages, knee_settings(P99, P90))
    assert rate == pytest.approx(math.sqrt(200), rel=0.05)


def test_a_few_misses_at_all_low_rates_do_not_draw_the_knee_down() -> None:
    quiet = [counts(rate, 0.0002) for rate in (1, 2, 4, 8, 16)]
    fit = fit_knee([*quiet, counts(17, 0.5)], knee_settings(), rng())
    assert fit.rate is not None
    assert 14 < fit.rate < 17


def test_stages_that_disagree_widen_the_interval_beyond_what_their_blocks_tell() -> None:
    wide = [counts(5, 0.0), counts(20, 0.5)]
    apart = [counts(10, 0.001), counts(10, 0.009), counts(11, 0.005), counts(11, 0.035)]
    one_each = [joined(*apart[:2]), joined(*apart[2:])]
    first, second = (fit_knee([*wide, *one], knee_settings(), rng()) for one in (one_each, apart))
    assert first.rate == second.rate
    assert first.low is not None
    assert second.low is not None
    assert second.low < first.low


def test_misses_in_few_blocks_widen_the_interval() -> None:
    even = [counts(10, 0.005), counts(11, 0.02)]
    clustered = [
        StageCounts(one.rate, one.requests, np.sort(one.misses) * 0 + bursts)
        for one, bursts in zip(
            even, (np.eye(1, NUM_BLOCKS, 3) * 50, np.eye(1, NUM_BLOCKS, 7) * 200), strict=True
        )
    ]
    first, second = (fit_knee(stages, knee_settings(), rng()) for stages in (even, clustered))
    assert first.low is not None
    assert second.low is None or second.low < first.low


def test_a_search_ends_at_its_most_stages_and_says_what_it_did_not_reach() -> None:
    chosen = knee_settings(max_stages=2)
    stages = [counts(10, 0.005, num=1000), counts(20, 0.1, num=1000)]
    assert next_rate(stages, chosen) is None
    fit = fit_knee(stages, chosen, rng())
    assert not fit.is_within_tolerance
    assert "its interval is wider than 5% after 2 stages" in fit.reason


def test_stages_too_short_for_a_verdict_are_said() -> None:
    fit = fit_knee([counts(10, 0.0, num=100), counts(20, 0.5, num=100)], knee_settings(), rng())
    assert "2 rates had fewer than the 299 requests that a verdict needs" in fit.reason


def test_without_stages_there_is_no_knee() -> None:
    assert fit_knee([], knee_settings(), rng()).reason == "no stage was run"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("p99_ttft<500ms", 0.01, id="percentile"),
        pytest.param("error_rate<0.1%", 0.001, id="share-from-above"),
        pytest.param("goodput_ratio>=95%", 0.05, id="share-from-below"),
    ],
)
def test_a_gate_allows_a_share_of_misses(text: str, expected: float) -> None:
    assert allowed_share(parse_gate(text)) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["mean_e2e<1s", "throughput>=10rps"])
def test_a_gate_that_no_single_request_misses_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"{text}.* must be a percentile or a share"):
        allowed_share(parse_gate(text))


@pytest.mark.parametrize(
    ("allowed", "confidence", "expected"),
    [
        pytest.param(0.01, 0.99, 459, id="p99-at-99"),
        pytest.param(0.01, 0.95, 299, id="p99-at-95"),
        pytest.param(0.001, 0.99, 4603, id="one-in-a-thousand"),
    ],
)
def test_a_verdict_needs_so_many_requests_without_a_miss(
    allowed: float, confidence: float, expected: int
) -> None:
    assert least_requests(allowed, confidence) == expected


def test_half_of_the_allowed_misses_is_told_from_all_of_them() -> None:
    # Six of 1,200: the upper bound of a Poisson count of 6 is 11.84, of the 12 allowed.
    assert decisive_requests(0.01, 0.95) == 1200


def test_a_stage_lasts_until_its_share_can_be_told() -> None:
    assert stage_seconds(100, [], knee_settings(), most_s=60) == 12


def test_a_stage_lasts_no_longer_than_it_may() -> None:
    assert stage_seconds(1, [], knee_settings(), most_s=60) == 60


def test_stages_are_longer_once_the_knee_is_enclosed() -> None:
    stages = [counts(10, 0.0), counts(20, 0.5)]
    assert stage_requests(stages, knee_settings()) == 6 * stage_requests([], knee_settings())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"start": 0.5}, "least <= start <= most, but are 1, 0.5, 1000", id="start"),
        pytest.param({"least": 0}, "0 < least", id="least"),
        pytest.param({"most": math.inf}, "most", id="most"),
        pytest.param({"tolerance": 0}, "tolerance is 0", id="tolerance"),
        pytest.param({"max_stages": 0}, "max_stages is 0", id="max-stages"),
    ],
)
def test_settings_out_of_bounds_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        knee_settings(**changes)


def test_a_search_without_a_gate_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a gate"):
        KneeSettings((), start=1, least=1, most=1)
