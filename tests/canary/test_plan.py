import pytest
from pydantic import ValidationError

from canary.plan import Restore, RolloutPlan, Step
from canary.policies import MetricPolicy
from canary.settings import parse_duration

LEAST = {"service": "r1", "namespace": "models", "manifest": "predictor.yaml"}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90.0), ("1h30m", 5400.0), ("0.5s", 0.5), ("30d", 2_592_000.0), ("0.1s0.2s", 0.3)],
)
def test_a_duration_is_read_in_seconds(written, seconds):
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "5", "5 m", "-5m", "m", "31d", "1e3s", "٣s", "9" * 400 + "d", 5, True, None]
)
def test_what_is_no_duration_is_refused(written):
    with pytest.raises(ValueError, match="must be"):
        parse_duration(written)


@pytest.mark.parametrize("total", ["30d", "1h0.001s", "20d"])
def test_a_plan_is_the_same_after_being_kept(total):
    plan = RolloutPlan.model_validate(LEAST | {"limits": {"total": total}})
    assert RolloutPlan.model_validate_json(plan.model_dump_json()) == plan


def test_the_bake_is_the_last_stage():
    assert [step.percent for step in RolloutPlan(**LEAST).stages] == [5, 25, 50, 95]


def test_a_second_rollout_differs_in_its_steps_and_puts_no_min_replicas_in():
    steps, bake = (Step(percent=30), Step(percent=60)), Step(percent=90, min_duration=60.0)
    restore = Restore(steps=steps, bake=bake)
    plan = RolloutPlan(**LEAST, min_replicas=1, restore=restore, webhook_format="slack")

    changes = {"min_replicas": None, "restore": None, "steps": steps, "bake": bake}
    assert plan.restoring == plan.model_copy(update=changes)


def test_a_plan_whose_min_replicas_stay_has_no_second_rollout():
    assert RolloutPlan(**LEAST, min_replicas=1).restoring is None


def test_the_plan_of_the_second_rollout_is_the_same_after_being_kept():
    settings = LEAST | {"min_replicas": 1, "restore": {"bake": {"percent": 90}}}
    restoring = RolloutPlan.model_validate(settings).restoring
    assert restoring is not None
    assert RolloutPlan.model_validate_json(restoring.model_dump_json()) == restoring


def test_what_a_metric_does_not_name_keeps_the_default_of_that_metric():
    metrics = {"ttft": {"tolerance": 1.3}, "errors": {"margin": 3.0}, "refused": None}
    plan = RolloutPlan.model_validate(LEAST | {"metrics": metrics})
    assert plan.metrics.ttft == MetricPolicy(
        tolerance=1.3, margin=2.5, edges=(0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
    )
    assert plan.metrics.errors == MetricPolicy(margin=3.0, cap=0.01)
    assert plan.metrics.refused is None


def test_a_cap_is_taken_away_by_null():
    plan = RolloutPlan.model_validate(LEAST | {"metrics": {"errors": {"cap": None}}})
    assert plan.metrics.errors == MetricPolicy()


def test_a_cap_is_of_one_edge():
    ttft = {"cap": 0.1, "edges": [0.5]}
    plan = RolloutPlan.model_validate(LEAST | {"metrics": {"ttft": ttft}})
    assert plan.metrics.ttft == MetricPolicy(margin=2.5, cap=0.1, edges=(0.5,))


CUSTOM = {"total": "all_total", "bad": "bad_total"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"steps": [{"percent": 25}, {"percent": 25}]}, "25 % comes after 25 %"),
        ({"steps": [{"percent": 96}]}, "95 % comes after 96 %"),
        ({"steps": []}, "at least 1 item"),
        ({"limits": {"total": "30m"}}, "limits.total is 1800s, must be more than the 1800s"),
        ({"restore": {}}, "restore is given without min_replicas"),
        (
            {"min_replicas": 1, "restore": {"steps": [{"percent": 95}]}},
            "steps and bake must rise, but 95 % comes after 95 %",
        ),
        (
            {
                "min_replicas": 1,
                "restore": {"bake": {"percent": 95, "min_duration": "1h"}},
                "limits": {"total": "65m"},
            },
            "limits.total is 3900s, must be more than the 3900s that restore.steps and",
        ),
        ({"limits": {"unwatched": "59s"}}, "limits.unwatched is 59s, must be at least twice"),
        ({"limits": {"inconclusive": "59s"}}, "limits.inconclusive is 59s"),
        ({"judgement": {"interval": "0s"}}, "more than 0s"),
        (
            {"metrics": {"inter_token": {"margin": 1.15}}},
            "margin is 1.15, must be more than tolerance",
        ),
        ({"metrics": {"ttft": {"edges": [0.2, 0.1]}}}, "0.1 comes after 0.2"),
        ({"metrics": {"ttft": {"edges": []}}}, "ttft.edges must hold at least one"),
        ({"metrics": {"ttft": {"cap": 0.1}}}, "cap is 0.1, must be left out or edges hold exactly"),
        ({"metrics": {"errors": {"edges": [1.0]}}}, "errors.edges must be left out"),
        ({"metrics": {"custom": {"a": CUSTOM | {"edges": [1.0]}}}}, "edges must be left out"),
        ({"metrics": {"custom": {"ttft": CUSTOM}}}, "no other metric has"),
        ({"metrics": {"custom": {"a": CUSTOM | {"bad": "rate(x[5m])"}}}}, "match pattern"),
        ({"metrics": {"custom": {"a": CUSTOM | {"bad": 'x{a="b"} or y'}}}}, "match pattern"),
        ({"metrics": {"errors": {"tolerance": float("nan")}}}, "tolerance"),
        ({"metrics": {"errors": {"tolerance": True}}}, "tolerance"),
        ({"prometheus": {"matchers": "namespace=r1"}}, "match pattern"),
        ({"prometheus": {"matchers": 'a="b"} or vector(1) #"'}}, "match pattern"),
        ({"prometheus": {"url": "prometheus:9090"}}, "must be a URL"),
        ({"prometheus": {"url": "http://user:word@prometheus"}}, "no credentials"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(settings, told):
    with pytest.raises(ValidationError) as error:
        RolloutPlan.model_validate(LEAST | settings)
    assert told in str(error.value)


@pytest.mark.parametrize("matchers", ["", 'namespace="r1"', 'a=~"x|\\"y", b!="",'])
def test_matchers_are_taken_as_prometheus_writes_them(matchers):
    plan = RolloutPlan.model_validate(LEAST | {"prometheus": {"matchers": matchers}})
    assert plan.prometheus.matchers == matchers
