import pytest

from canary.errors import InputError
from canary.plan import RolloutPlan, Step
from canary.policies import MetricPolicy, Metrics
from canary.rollout.estimate import estimate, requests_to_prove
from canary.samples import Count

PLAN = RolloutPlan(
    service="r1",
    namespace="r1",
    manifest="isvc.yaml",
    steps=(Step(percent=5, min_duration=300.0, min_requests=100),),
    bake=Step(percent=95, min_duration=900.0, min_requests=1000),
)


def test_a_busy_service_is_bound_by_the_least_durations():
    first, bake = estimate(PLAN, 20.0)
    assert (first.duration_s, first.bound_by) == (300.0, "min_duration")
    assert (first.num_requests, first.num_canary_requests) == (6000, 300)
    assert (bake.duration_s, bake.total_s) == (900.0, 1200.0)
    assert bake.total_requests == 24_000


def test_a_quiet_service_is_bound_by_the_least_requests():
    first, bake = estimate(PLAN, 0.1)
    assert (first.duration_s, first.bound_by) == (20_010.0, "min_requests")
    assert bake.bound_by == "min_requests"


def test_a_stage_ends_with_an_interval():
    plan = PLAN.model_copy(update={"steps": (Step(percent=5, min_duration=31.0),)})
    assert estimate(plan, 1000.0)[0].duration_s == 60.0


def test_the_bake_lasts_until_the_smallest_cap_can_be_proved():
    metrics = Metrics(errors=MetricPolicy(cap=0.0001))
    plan = PLAN.model_copy(update={"metrics": metrics})
    bake = estimate(plan, 1.0)[-1]
    assert bake.bound_by == "proof"
    proven = sum(e.num_canary_requests for e in estimate(plan, 1.0))
    assert proven >= requests_to_prove(plan) == 29_956


def test_a_cap_of_one_percent_needs_299_good_requests():
    assert requests_to_prove(PLAN) == 299


@pytest.mark.parametrize(
    ("stable", "bound_by"),
    [
        pytest.param({}, "min_requests", id="not-known"),
        pytest.param({"ttft>0.5s": Count(100, 1000)}, "proof of ttft", id="a-tenth-is-slow"),
        pytest.param({"ttft>0.5s": Count(0, 1000)}, "min_requests", id="none-is-slow"),
    ],
)
def test_the_bake_lasts_until_the_margins_are_proved_at_the_stable_shares(stable, bound_by):
    metrics = Metrics(ttft=MetricPolicy(margin=2.0, edges=(0.5,)))
    plan = PLAN.model_copy(update={"metrics": metrics})
    assert estimate(plan, 1.0, stable)[-1].bound_by == bound_by


def test_a_margin_is_proved_sooner_at_more_requests():
    plan = PLAN.model_copy(update={"metrics": Metrics(ttft=MetricPolicy(edges=(0.5,)))})
    stable = {"ttft>0.5s": Count(100, 1000)}
    slow, fast = (estimate(plan, rate, stable)[-1].duration_s for rate in (0.5, 1.0))
    assert slow == pytest.approx(2 * fast, rel=0.1)


def test_an_advisory_cap_needs_no_proof():
    policy = MetricPolicy(cap=0.01, advisory=True)
    metrics = Metrics(errors=policy, truncated=policy, refused=None, cancelled=None)
    assert requests_to_prove(PLAN.model_copy(update={"metrics": metrics})) == 0


@pytest.mark.parametrize("rate_rps", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate_rps):
    with pytest.raises(InputError, match="must be above 0"):
        estimate(PLAN, rate_rps)


def test_a_stage_with_approval_says_so():
    plan = PLAN.model_copy(update={"steps": (Step(percent=5, approval=True),)})
    assert [e.needs_approval for e in estimate(plan, 20.0)] == [True, False]
