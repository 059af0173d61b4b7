import numpy as np
import pytest

from canary.judgement.judge import is_suspect, judge, weights
from canary.judgement.verdict import Verdict
from canary.plan import RolloutPlan
from canary.policies import MetricPolicy, Metrics
from canary.samples import Arm, Count
from canary.shares import Direction, Share
from tests.canary.judgement.intervals import (
    ERRORS,
    INTERVAL_S,
    SHARES,
    SLOWER,
    after,
    arm,
    num_until,
    plan_of,
)

PLAN = plan_of()
GOOD = (arm(300, slow=15, slower=3), arm(300, slow=15, slower=3))
FAILING = (arm(300, errors=15, slow=15, slower=3), GOOD[1])
SLOW = (arm(300, slow=60, slower=9), GOOD[1])
IDLE_CANARY = (Arm(0, {}, 0.0), GOOD[1])
IDLE_STABLE = (GOOD[0], Arm(0, {}, 0.0))


def verdict_of(samples, plan=PLAN, shares=SHARES):
    return judge(plan, shares, after(plan, samples, shares))


@pytest.mark.parametrize(
    ("samples", "verdict"),
    [
        pytest.param([], Verdict.INCONCLUSIVE, id="nothing-yet"),
        pytest.param([GOOD], Verdict.INCONCLUSIVE, id="one-good-interval"),
        pytest.param([GOOD] * 40, Verdict.PROMOTE, id="good-for-long"),
        pytest.param([*[GOOD] * 40, "no data"], Verdict.INCONCLUSIVE, id="good-and-then-a-gap"),
        pytest.param([*[GOOD] * 40, "stale", GOOD], Verdict.PROMOTE, id="good-after-a-gap"),
        pytest.param([FAILING] * 12, Verdict.ROLL_BACK, id="failing"),
        pytest.param([SLOW] * 12, Verdict.ROLL_BACK, id="slow"),
        pytest.param([*[SLOW] * 12, "no data"], Verdict.ROLL_BACK, id="slow-and-then-a-gap"),
        pytest.param(["no data"] * 99, Verdict.INCONCLUSIVE, id="gaps-alone"),
        pytest.param([IDLE_CANARY] * 30, Verdict.INCONCLUSIVE, id="canary-without-traffic"),
        pytest.param([IDLE_STABLE] * 30, Verdict.INCONCLUSIVE, id="stable-without-traffic"),
    ],
)
def test_the_verdict_is_that_of_the_evidence(samples, verdict):
    assert verdict_of(samples).verdict is verdict


def test_a_metric_without_events_of_the_canary_is_named():
    judged = verdict_of([IDLE_CANARY] * 20)
    assert judged.reason.startswith("errors: nothing against 0.000% of 6000, ")
    assert "no events of the canary" in judged.reason


def test_a_share_is_named_beside_its_metric_where_the_names_differ():
    texts = [finding.text for finding in verdict_of([FAILING] * 12).findings]
    assert texts[0].startswith("errors: 5.000% of 3600 against 0.000% of 3600, ")
    assert texts[1].startswith("ttft: ttft>0.5s 5.000% of 3600 against ")


def test_without_data_the_e_values_say_nothing():
    findings = [*verdict_of([]).findings, *verdict_of([], shares=(ERRORS,)).findings]
    assert [finding.e_good for finding in findings] == [1.0] * 4


def test_of_the_shares_of_a_metric_the_one_without_events_is_shown_first():
    slower_is_missing = [
        tuple(
            Arm(300, {key: n for key, n in one.counts.items() if key != SLOWER.key}, 2.0)
            for one in SLOW
        )
    ]
    text = verdict_of(slower_is_missing).findings[1].text
    assert text.startswith("ttft: ttft>1s nothing against nothing, e-value 1 of 20: no events")


def test_a_metric_that_no_share_reads_holds_the_promotion():
    judged = verdict_of([GOOD] * 40, shares=(ERRORS,))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.reason == "ttft: no share of it is counted"


def test_an_advisory_metric_without_events_does_not_hold_the_promotion():
    ttft = MetricPolicy(edges=(0.5, 1.0), advisory=True)
    plan = plan_of(errors=MetricPolicy(cap=0.01), ttft=ttft)
    assert verdict_of([GOOD] * 40, plan, (ERRORS,)).verdict is Verdict.PROMOTE


def test_an_advisory_metric_that_is_worse_still_rolls_back():
    ttft = MetricPolicy(edges=(0.5, 1.0), advisory=True)
    plan = plan_of(errors=MetricPolicy(cap=0.01), ttft=ttft)
    assert verdict_of([SLOW] * 12, plan).verdict is Verdict.ROLL_BACK


def test_advisory_metrics_alone_promote_nothing():
    plan = plan_of(errors=MetricPolicy(cap=0.01, advisory=True))
    assert verdict_of([GOOD], plan, (ERRORS,)).verdict is Verdict.INCONCLUSIVE


def test_what_is_missing_is_told_with_its_numbers():
    text = verdict_of([GOOD] * 2).findings[1].text
    assert text.startswith("ttft: ttft>0.5s 5.000% of 600 against 5.000% of 600, e-value 2.0")
    assert text.endswith(" of 20: about 419 more requests needed")


@pytest.mark.parametrize(
    ("in_flight", "words"),
    [
        pytest.param(1.0, "fewer in 20 and unknown in 0 of 20", id="less-loaded"),
        pytest.param(None, "fewer in 0 and unknown in 20 of 20", id="unknown"),
    ],
)
def test_a_canary_of_lower_or_unknown_load_is_not_proven_and_told_why(in_flight, words):
    canary = arm(300, in_flight, slow=15, slower=3)
    judged = verdict_of([(canary, arm(300, 9.0, slow=15, slower=3))] * 20)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert words in judged.reason


def test_the_findings_parts_add_up_to_what_is_compared():
    judged = verdict_of([SLOW] * 12)
    assert sum(finding.e_worse for finding in judged.findings) >= judged.worse_threshold
    assert f"of {judged.worse_threshold:g}, most of it by ttft" in judged.reason


def test_weights_add_up_to_1():
    plan = RolloutPlan(service="r1", namespace="r1", manifest="r1.yaml")
    assert sum(weights(plan).values()) == pytest.approx(1.0)


def test_a_share_above_its_cap_in_both_revisions_rolls_nothing_back():
    failing = (arm(300, errors=15), arm(300, errors=15))
    plan = plan_of(errors=MetricPolicy(cap=0.01))
    assert verdict_of([failing] * 12, plan, (ERRORS,)).verdict is Verdict.PROMOTE


def test_a_share_above_its_cap_is_rolled_back_though_it_is_within_the_tolerance():
    failing = (arm(300, errors=15), arm(3000, errors=60))
    plan = plan_of(errors=MetricPolicy(tolerance=4.0, margin=5.0, cap=0.01))
    assert verdict_of([failing] * 12, plan, (ERRORS,)).verdict is Verdict.ROLL_BACK


def test_an_incident_of_both_revisions_rolls_nothing_back():
    failing = (arm(300, errors=15), arm(300, errors=15))
    plan = plan_of(errors=MetricPolicy())
    assert verdict_of([failing] * 30, plan, (ERRORS,)).verdict is not Verdict.ROLL_BACK


def test_a_share_of_all_events_of_both_revisions_is_no_obstacle():
    always = (arm(300, slow=300), arm(300, slow=300))
    assert verdict_of([always] * 90).verdict is Verdict.PROMOTE


@pytest.mark.parametrize(
    ("canary_bad", "stable_bad"),
    [pytest.param(90, 30, id="more"), pytest.param(30, 90, id="fewer")],
)
def test_either_change_of_a_two_sided_share_rolls_back(canary_bad, stable_bad):
    share = Share("finish=length", "finish_reasons", "all", bad="b", direction=Direction.EITHER)
    plan = plan_of(finish_reasons=MetricPolicy(tolerance=1.25))
    canary = Arm(300, {share.key: Count(canary_bad, 300)}, None)
    stable = Arm(300, {share.key: Count(stable_bad, 300)}, None)
    assert verdict_of([(canary, stable)] * 12, plan, (share,)).verdict is Verdict.ROLL_BACK


def test_a_two_sided_share_is_proven_only_in_both_directions():
    share = Share("finish=length", "finish_reasons", "all", bad="b", direction=Direction.EITHER)
    plan = plan_of(finish_reasons=MetricPolicy(tolerance=1.9))
    canary = Arm(300, {share.key: Count(36, 300)}, None)
    stable = Arm(300, {share.key: Count(60, 300)}, None)
    assert verdict_of([(canary, stable)] * 30, plan, (share,)).verdict is Verdict.INCONCLUSIVE


def test_a_two_sided_share_that_is_equal_is_proven():
    share = Share("finish=length", "finish_reasons", "all", bad="b", direction=Direction.EITHER)
    plan = plan_of(finish_reasons=MetricPolicy(tolerance=1.25))
    same = Arm(300, {share.key: Count(60, 300)}, None)
    assert verdict_of([(same, same)] * 30, plan, (share,)).verdict is Verdict.PROMOTE


@pytest.mark.parametrize(
    "num_good",
    [
        pytest.param(0, id="at-once"),
        pytest.param(40, id="after-20-min"),
        pytest.param(1000, id="after-8-h", marks=pytest.mark.nightly),
    ],
)
@pytest.mark.parametrize("bad", [FAILING, SLOW], ids=["failing", "slow"])
def test_a_late_change_is_rolled_back_within_5_minutes(num_good, bad):
    number = num_until(Verdict.ROLL_BACK, after(PLAN, [GOOD] * num_good), bad, PLAN)
    assert number * INTERVAL_S <= 300.0


def test_bursts_of_the_canary_20_minutes_apart_do_not_add_up():
    plan = plan_of(errors=MetricPolicy())
    burst, quiet = (arm(300, errors=30), arm(300)), (arm(300), arm(300))
    evidence = after(plan, [burst, *[quiet] * 39] * 5, (ERRORS,))
    judged = judge(plan, (ERRORS,), after(plan, [burst], (ERRORS,), evidence))
    assert judged.verdict is not Verdict.ROLL_BACK


def test_a_canary_that_turns_bad_loses_its_proof_before_it_is_rolled_back():
    proven = after(PLAN, [GOOD] * 40)
    assert num_until(Verdict.INCONCLUSIVE, proven, FAILING, PLAN) <= 3


def test_a_proof_stands_though_chance_goes_against_it_for_a_while():
    unlucky = (arm(300, slow=19, slower=4), GOOD[1])
    assert verdict_of([*[GOOD] * 40, *[unlucky] * 6]).verdict is Verdict.PROMOTE


NO_STREAMS = Share("truncated", "truncated", "streams", bad="broken")


@pytest.mark.parametrize(
    ("canary", "stable", "verdict"),
    [
        pytest.param(Count(0, 0), Count(0, 0), Verdict.PROMOTE, id="of-neither"),
        pytest.param(Count(0, 0), Count(0, 9), Verdict.INCONCLUSIVE, id="of-the-stable-one-alone"),
        pytest.param(Count(0, 9), Count(0, 0), Verdict.INCONCLUSIVE, id="of-the-canary-alone"),
        pytest.param(None, None, Verdict.INCONCLUSIVE, id="not-counted"),
    ],
)
def test_a_service_that_never_streams_is_promoted(canary, stable, verdict):
    plan = plan_of(errors=MetricPolicy(cap=0.01), truncated=MetricPolicy(cap=0.01))
    arms = [
        Arm(300, {"errors": Count(0, 300)} | ({"truncated": count} if count else {}), 2.0)
        for count in (canary, stable)
    ]
    judged = verdict_of([tuple(arms)] * 30, plan, (ERRORS, NO_STREAMS))
    assert judged.verdict is verdict


LONG = Share("longest_gap>1s", "longest_gap", total="all", good="short", depends_on_load=True)


@pytest.mark.parametrize(
    "long", [{LONG.key: Count(3, 300)}, {}], ids=["by-one-that-does", "by-one-that-does-not-either"]
)
def test_a_predictor_that_counts_no_longest_gap_yet_can_be_replaced(long):
    plan = plan_of(errors=MetricPolicy(cap=0.01), longest_gap=Metrics().longest_gap)
    canary = Arm(300, {"errors": Count(0, 300)} | long, 2.0)
    stable = Arm(300, {"errors": Count(0, 300)}, 2.0)
    assert verdict_of([(canary, stable)] * 40, plan, (ERRORS, LONG)).verdict is Verdict.PROMOTE


def test_a_metric_without_events_of_either_revision_says_so():
    plan = plan_of(errors=MetricPolicy(cap=0.01), truncated=MetricPolicy(cap=0.01))
    idle = Arm(300, {"errors": Count(0, 300), "truncated": Count(0, 0)}, 2.0)
    text = verdict_of([(idle, idle)] * 30, plan, (ERRORS, NO_STREAMS)).findings[1].text
    assert text.endswith("nothing to judge; this does not hold the promotion")


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([GOOD] * 30, False, id="equal"),
        pytest.param([SLOW] * 12, True, id="slow"),
    ],
)
def test_evidence_against_the_canary_makes_it_suspect(samples, expected):
    assert is_suspect(verdict_of(samples)) is expected


def test_a_canary_that_was_slow_at_first_is_proven_later():
    warming = (arm(300, slow=20, slower=4), GOOD[1])
    assert num_until(Verdict.PROMOTE, after(PLAN, [warming] * 5), GOOD, PLAN) <= 60


def test_an_equal_canary_of_random_counts_stays():
    rng = np.random.default_rng(6)
    samples = [
        tuple(arm(300, errors=e, slow=s, slower=s // 4) for e, s in rng.poisson((0.3, 20), (2, 2)))
        for _ in range(120)
    ]
    assert verdict_of([tuple(pair) for pair in samples]).verdict is Verdict.PROMOTE
