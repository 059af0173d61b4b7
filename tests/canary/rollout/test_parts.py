from dataclasses import replace

import pytest

from canary.errors import InputError
from canary.plan import Restore, RolloutPlan, Step
from canary.rollout.parts import Part, parts_of, why_starved
from tests.canary.rollout.bench import PLAN, Bench
from tests.canary.rollout.model import TARGET

COLD = {**TARGET, "minReplicas": 0}
RESTORING = PLAN.model_copy(update={"min_replicas": 1, "restore": Restore()})


def starved(rate_rps: float | None, plan: RolloutPlan = PLAN) -> list[str]:
    return why_starved(parts_of(plan, COLD)[-1], rate_rps)


def test_a_file_asks_for_one_rollout():
    assert parts_of(PLAN, TARGET) == (Part(PLAN, TARGET),)


def test_a_second_rollout_has_the_manifests_own_min_replicas():
    first, second = parts_of(RESTORING, COLD)
    assert (first.plan, first.template, first.is_restore) == (RESTORING, TARGET, False)
    assert (second.plan, second.template, second.is_restore) == (RESTORING.restoring, COLD, True)


@pytest.mark.parametrize(
    ("own", "told"),
    [({"minReplicas": 1}, "is 1"), ({}, "is absent, which is 1")],
    ids=["given", "absent"],
)
def test_a_second_rollout_that_would_change_nothing_is_refused(own, told):
    both = f"min_replicas is 1, and spec.predictor.minReplicas of isvc.yaml {told}: restore"
    with pytest.raises(InputError, match=both):
        parts_of(RESTORING, {"containers": [], **own})


def test_a_rollout_is_known_by_its_plan_and_its_template():
    rollout = Bench().rollout
    part = Part(rollout.plan, rollout.target.predictor)
    assert part.is_of(rollout)
    assert not replace(part, template=COLD).is_of(rollout)
    assert not replace(part, plan=RESTORING).is_of(rollout)


@pytest.mark.parametrize(
    ("rate_rps", "why"),
    [
        pytest.param(None, "not known", id="unknown"),
        pytest.param(1.5, "0.075/s", id="too few"),
    ],
)
def test_a_canary_that_would_scale_to_zero_between_requests_is_refused(rate_rps, why):
    [text] = starved(rate_rps)
    assert why in text
    assert "set min_replicas: 1" in text


def test_a_canary_with_enough_requests_may_scale_to_zero():
    assert starved(1.6) == []


def test_a_canary_that_keeps_a_pod_needs_no_requests():
    assert why_starved(parts_of(PLAN, TARGET)[0], None) == []


def test_the_first_step_is_the_one_that_starves():
    plan = PLAN.model_copy(update={"steps": (Step(percent=1),)})
    assert starved(7.9, plan)


@pytest.mark.parametrize(
    ("rate_rps", "remedy"),
    [
        pytest.param(None, "not known: leave restore out", id="unknown"),
        pytest.param(
            0.15,
            "give the first of restore.steps more than 50 %, or leave restore out",
            id="too few",
        ),
    ],
)
def test_a_second_rollout_that_would_starve_says_what_helps_it(rate_rps, remedy):
    [text] = starved(rate_rps, RESTORING)
    assert text.startswith("restore puts minReplicas 0 back, and ")
    assert remedy in text
    assert "min_replicas: 1" not in text


def test_half_the_users_keep_the_second_rollout_up():
    assert starved(0.16, RESTORING) == []
