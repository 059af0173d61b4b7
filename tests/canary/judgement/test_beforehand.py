import pytest

from canary.judgement.beforehand import caps_exceeded, required, silent
from canary.metrics import shares_of
from canary.plan import RolloutPlan
from canary.policies import MetricPolicy
from canary.samples import Count
from tests.canary.judgement.intervals import ERRORS, SHARES, SLOW, SLOWER, plan_of

PLAN = plan_of(errors=MetricPolicy(cap=0.01), ttft=MetricPolicy(edges=(0.5, 1.0), advisory=True))


def test_what_is_advisory_is_not_required():
    assert required(PLAN, SHARES) == (ERRORS,)


def test_what_a_predictor_of_before_does_not_expose_is_not_required():
    plan = RolloutPlan(service="r1", namespace="r1", manifest="r1.yaml")
    assert {share.metric for share in required(plan, shares_of(plan))} == {
        *("errors", "cancelled", "refused", "truncated"),
        *("ttft", "inter_token", "tokens_per_second"),
    }


@pytest.mark.parametrize(
    ("count", "is_told"),
    [
        pytest.param(Count(9, 1000), False, id="below"),
        pytest.param(Count(10, 1000), True, id="at"),
        pytest.param(Count(0, 0), False, id="no-events"),
        pytest.param(None, False, id="not-counted"),
    ],
)
def test_a_cap_that_the_stable_revision_exceeds_is_told(count, is_told):
    counts = {SLOW.key: Count(900, 1000)} | ({"errors": count} if count else {})
    assert bool(caps_exceeded(PLAN, SHARES, counts)) is is_told


def test_a_cap_is_told_with_its_numbers():
    assert caps_exceeded(PLAN, SHARES, {"errors": Count(15, 1000)}) == [
        "errors: the stable revision's share of errors is 1.500% of 1000, must be below cap, 0.01"
    ]


def test_a_service_that_never_streams_is_told_of_what_is_not_judged():
    plan = plan_of(errors=MetricPolicy(cap=0.01), ttft=MetricPolicy(edges=(0.5, 1.0)))
    counts = {"errors": Count(0, 70), SLOW.key: Count(0, 0), SLOWER.key: Count(0, 0)}
    assert silent(plan, SHARES, counts, 70) == [
        "ttft: the stable revision counted no such event in its last 70 requests; it is judged "
        "only once either revision counts one"
    ]


def test_a_service_without_requests_is_not_told_that_it_never_streams():
    assert silent(PLAN, SHARES, {"errors": Count(0, 0)}, 0) == []
