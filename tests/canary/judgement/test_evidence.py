import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.judgement.criteria import Claim
from canary.judgement.evidence import Evidence, absorb
from canary.policies import MetricPolicy
from canary.samples import Arm, Count, Gap, Interval
from canary.shares import Share
from tests.canary.judgement.intervals import ERRORS, SHARES, SLOW, after, arm, plan_of

PLAN = plan_of()
TYPICAL = (arm(30, slow=2), arm(570, errors=1, slow=30, slower=4))


def test_evidence_survives_json_to_the_last_bit():
    evidence = after(PLAN, [TYPICAL, "no data", TYPICAL])
    assert Evidence.from_json(json.loads(json.dumps(evidence.to_json()))) == evidence


def test_evidence_of_all_metrics_fits_into_a_config_map_many_times():
    evidence = after(PLAN, [TYPICAL] * 9)
    assert len(json.dumps(evidence.to_json())) < 1000 * len(SHARES)


def test_json_that_is_no_evidence_is_refused():
    with pytest.raises(ValueError, match="num_gaps"):
        Evidence.from_json({"shares": {}, "until": None, "num_intervals": 0, "gap": ""})


def test_the_order_of_shares_does_not_matter():
    forwards = after(PLAN, [TYPICAL] * 3)
    assert after(PLAN, [TYPICAL] * 3, shares=SHARES[::-1]) == forwards


def test_counts_add_up():
    seen = after(PLAN, [TYPICAL] * 3).shares[SLOW.key]
    counts = (seen.canary_bad, seen.canary_total, seen.stable_bad, seen.stable_total)
    assert counts == (6, 90, 90, 1710)


def test_a_gap_changes_no_evidence_and_moves_on():
    before = after(PLAN, [TYPICAL])
    gone = absorb(PLAN, SHARES, before, Gap(30.0, 60.0, "Prometheus is down"))
    assert gone == replace(before, until=60.0, num_gaps=1, gap="Prometheus is down")


def test_a_gap_of_unknown_end_is_read_again_from_its_start():
    before = after(PLAN, [TYPICAL])
    assert absorb(PLAN, SHARES, before, Gap(30.0, None, "no answer")).until == 30.0


def test_an_interval_after_a_gap_ends_it():
    assert after(PLAN, ["no data", TYPICAL]).gap == ""


def test_an_interval_is_not_counted_twice():
    before = after(PLAN, [TYPICAL])
    with pytest.raises(AssertionError, match="twice"):
        absorb(PLAN, SHARES, before, Interval(0.0, 30.0, *TYPICAL))


def test_a_share_without_events_gathers_nothing():
    idle = Arm(0, {}, 0.0)
    assert after(PLAN, [(idle, idle)]).shares[ERRORS.key].num_intervals == 0


def wealth_of(canary, stable, claim, share=SLOW):
    return max(after(PLAN, [(canary, stable)]).shares[share.key].logs[claim])


@pytest.mark.parametrize(
    ("in_flight", "num_pods", "bad", "claim", "counts"),
    [
        pytest.param(1.0, 1, 90, Claim.MORE, True, id="fewer-under-way-and-slower"),
        pytest.param(9.0, 1, 90, Claim.MORE, True, id="slower-and-so-more-under-way"),
        pytest.param(9.0, 0.5, 90, Claim.MORE, False, id="more-requests-and-slower"),
        pytest.param(0.9, 0.5, 90, Claim.MORE, True, id="more-requests-without-a-batch"),
        pytest.param(9.0, None, 90, Claim.MORE, True, id="unknown-pods-and-slower"),
        pytest.param(None, 1, 90, Claim.MORE, True, id="unknown-load-and-slower"),
        pytest.param(1.0, 1, 5, Claim.NOT_MORE, False, id="fewer-under-way-and-faster"),
        pytest.param(9.0, 1, 5, Claim.NOT_MORE, True, id="more-under-way-and-faster"),
        pytest.param(9.0, 0.5, 5, Claim.NOT_MORE, True, id="more-requests-and-faster"),
        pytest.param(None, 1, 5, Claim.NOT_MORE, False, id="unknown-load-and-faster"),
        pytest.param(3.0, 1, 5, Claim.NOT_MORE, True, id="matched-and-faster"),
    ],
)
def test_only_load_that_the_canary_cannot_cause_excuses_a_difference(
    in_flight, num_pods, bad, claim, counts
):
    stable = arm(200, 3.0, num_pods=1, slow=40)
    log_wealth = wealth_of(arm(200, in_flight, num_pods=num_pods, slow=bad), stable, claim)
    neutral = wealth_of(Arm(0, {}, 3.0), stable, claim)
    assert (log_wealth > neutral) is counts


def test_a_slow_canary_is_not_excused_by_what_it_keeps_under_way():
    slow = arm(200, 30.0, num_pods=1, slow=90), arm(200, 3.0, num_pods=1, slow=40)
    assert after(PLAN, [slow] * 3).shares[SLOW.key].num_more_loaded == 0


def test_one_interval_of_few_requests_under_way_is_smoothed_away():
    matched = arm(200, 4.0), arm(200, 4.0)
    seen = after(PLAN, [matched] * 8 + [(arm(200, 2.5), matched[1])]).shares[SLOW.key]
    assert seen.num_less_loaded == 0


def test_a_lasting_lower_load_is_told():
    matched = arm(200, 4.0), arm(200, 4.0)
    seen = after(PLAN, [matched] * 8 + [(arm(200, 1.0), matched[1])] * 8).shares[SLOW.key]
    assert seen.num_less_loaded >= 6


def test_an_interval_of_some_pods_speaks_against_the_canary_and_never_for_it():
    worse, better = (arm(200, slow=90), arm(200, slow=40)), (arm(200, slow=5), arm(200, slow=40))
    whole = after(PLAN, [worse]).shares[SLOW.key].logs[Claim.MORE]
    lacking = Interval(0.0, 30.0, *worse, "1 of 2 pods do not answer")
    assert (
        absorb(PLAN, SHARES, Evidence.empty(), lacking).shares[SLOW.key].logs[Claim.MORE] == whole
    )
    lacking = Interval(0.0, 30.0, *better, "1 of 2 pods do not answer")
    seen = absorb(PLAN, SHARES, Evidence.empty(), lacking)
    assert max(seen.shares[SLOW.key].logs[Claim.NOT_MORE]) <= math.log(1 / 2)
    assert seen.gap == "1 of 2 pods do not answer"


@pytest.mark.parametrize("in_flight", [0.5, 9.0, None])
def test_shares_that_no_batch_changes_ignore_the_load(in_flight):
    matched = wealth_of(arm(200, 3.0, errors=9), arm(200, 3.0), Claim.MORE, ERRORS)
    assert wealth_of(arm(200, in_flight, errors=9), arm(200, 3.0), Claim.MORE, ERRORS) == matched


GAPS = Share("inter_token>0.1s", "ttft", "all", good="fast", is_per_token=True)


def gaps_of(num_requests, slow_share, per_request=200):
    total = num_requests * per_request
    return Arm(num_requests, {GAPS.key: Count(round(total * slow_share), total)}, 2.0, 1)


def test_many_gaps_of_one_request_count_as_one():
    fine = after(PLAN, [(gaps_of(200, 0.1, 1), gaps_of(200, 0.05, 1))], (GAPS,))
    alike = after(PLAN, [(gaps_of(200, 0.1), gaps_of(200, 0.05))], (GAPS,))
    logs = [seen.shares[GAPS.key].logs[Claim.MORE] for seen in (fine, alike)]
    assert logs[1] == pytest.approx(logs[0], abs=0.05)


@pytest.mark.parametrize("share", [0.008, 0.011, 0.022])
def test_gaps_that_are_slow_alike_speak_for_neither_where_one_arm_is_small(share):
    plan = plan_of(ttft=MetricPolicy(edges=(0.1,)))
    seen = after(plan, [(gaps_of(570, share), gaps_of(30, share))] * 60, (GAPS,)).shares[GAPS.key]
    assert max(seen.logs[Claim.MORE]) < 0


def test_a_share_that_is_counted_and_has_no_event_is_silent_while_requests_end():
    none = Arm(50, {ERRORS.key: Count(0, 0)}, 1.0)
    missing = Arm(50, {}, 1.0)
    silent = [
        after(PLAN, [pair]).shares[ERRORS.key].is_silent
        for pair in ((none, none), (none, missing), (missing, missing), (none, arm(50)))
    ]
    assert silent == [True, False, False, False]


def test_one_interval_alone_rolls_nothing_back():
    flooded = (arm(10_000, errors=10_000), arm(10_000))
    assert max(after(PLAN, [flooded]).shares["errors"].logs[Claim.MORE]) < 2.5


@settings(max_examples=25)
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1))
def test_counts_of_any_size_are_kept_as_json(canary, stable, canary_share, stable_share):
    canary_arm = Arm(canary, {"errors": Count(int(canary * canary_share), canary)}, None)
    stable_arm = Arm(stable, {"errors": Count(int(stable * stable_share), stable)}, None)
    plan = plan_of(errors=MetricPolicy(cap=0.01))
    evidence = after(plan, [(canary_arm, stable_arm)] * 2, (ERRORS,))
    text = json.dumps(evidence.to_json(), allow_nan=False)
    assert Evidence.from_json(json.loads(text)) == evidence
