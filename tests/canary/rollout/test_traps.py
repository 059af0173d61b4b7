from dataclasses import replace

import pytest

from canary.plan import Limits, Restore, Step
from canary.rollout.service import Condition, Service
from canary.rollout.state import Command
from canary.rollout.traps import traps
from tests.canary.rollout.bench import PLAN, Bench
from tests.canary.rollout.model import R0, R2, serving

SERVICE = serving().service()
FROZEN = {"PredictorRouteReady": Condition("False", "RevisionMissing", "r2 is gone")}
REFUSED = {"PredictorReady": Condition("False", "ReconcileFailed", "denied")}
STOPPED = {**SERVICE.annotations, "serving.kserve.io/stop": "true"}
SCALED = {**SERVICE.annotations, "serving.kserve.io/autoscalerClass": "hpa"}
CONFIGURED = {
    "volumes": [{"name": "d", "configMap": {"name": "r1-defaults"}}],
    "containers": [
        {"image": "r1:1", "envFrom": [{"secretRef": {"name": "token"}}]},
    ],
}


def changed(**changes: object) -> Service:
    return replace(SERVICE, **changes)


def names(service: Service, plan: object = None) -> list[str]:
    return [trap.name for trap in traps(service, plan)]


def test_a_service_without_traps_has_none():
    assert traps(SERVICE, None) == ()


def test_a_plan_without_traps_adds_none():
    limits = Limits(start=600.0, total=7200.0)
    assert traps(SERVICE, PLAN.model_copy(update={"limits": limits})) == ()


@pytest.mark.parametrize(
    ("service", "name"),
    [
        pytest.param(changed(mode="Standard"), "standard-mode", id="Standard"),
        pytest.param(changed(annotations=STOPPED), "stopped", id="stopped"),
        pytest.param(changed(rolled_out=""), "first-deployment", id="first"),
        pytest.param(changed(percent=150), "percent-out-of-range", id="out of range"),
        pytest.param(changed(latest_created=R2), "not-ready-at-100", id="not Ready at 100"),
        pytest.param(changed(percent=10), "percent-before-template", id="armed"),
        pytest.param(
            changed(percent=10, rolled_out=R0, previous_rolled_out=R0),
            "percent-before-template",
            id="sent back",
        ),
        pytest.param(
            changed(percent=10, latest_ready=R2, latest_created="r3"),
            "another-template",
            id="unjudged",
        ),
        pytest.param(changed(conditions=FROZEN), "route-frozen", id="frozen"),
        pytest.param(changed(conditions=REFUSED), "not-reconciled", id="refused"),
        pytest.param(
            changed(percent=0, latest_created=R2, latest_ready=R2),
            "rejected-template",
            id="rejected",
        ),
        pytest.param(
            changed(percent=10, latest_created=R2, latest_ready=R2),
            "removing-the-percent",
            id="removal",
        ),
        pytest.param(changed(annotations={}), "no-tag-routing", id="no tag hosts"),
        pytest.param(changed(template={"minReplicas": 0}), "scale-to-zero", id="scale to zero"),
        pytest.param(
            changed(annotations=SCALED),
            "autoscaler-class",
            id="autoscaler",
        ),
        pytest.param(
            changed(labels={"argocd.argoproj.io/instance": "r1"}), "gitops", id="repository"
        ),
        pytest.param(changed(template=CONFIGURED), "shared-settings", id="shared settings"),
        pytest.param(
            changed(template={"containers": [{"image": "r.example:5000/r1"}]}),
            "moving-tag",
            id="no tag",
        ),
        pytest.param(
            changed(template={"containers": [{"image": "r1:latest"}]}), "moving-tag", id="latest"
        ),
        pytest.param(changed(name="r" * 49), "long-name", id="long name"),
    ],
)
def test_each_trap_of_a_live_service_is_named(service, name):
    assert name in names(service)


@pytest.mark.parametrize(
    ("plan", "name"),
    [
        pytest.param({"gate": None}, "no-gate", id="no gate"),
        pytest.param({"min_replicas": 2}, "min-replicas-stay", id="min_replicas"),
        pytest.param({"bake": Step(percent=60)}, "low-bake", id="low bake"),
        pytest.param(
            {"restore": Restore(bake=Step(percent=60))}, "low-bake", id="low bake of restore"
        ),
        pytest.param({"limits": Limits(start=601.0)}, "progress-deadline", id="deadline"),
    ],
)
def test_each_trap_of_a_plan_is_named(plan, name):
    assert name in names(SERVICE, PLAN.model_copy(update=plan))


def test_min_replicas_that_a_second_rollout_puts_back_are_no_trap():
    plan = PLAN.model_copy(update={"min_replicas": 2, "restore": Restore()})
    assert "min-replicas-stay" not in names(SERVICE, plan)


def test_a_longer_progress_deadline_is_no_trap():
    template = {"annotations": {"serving.knative.dev/progress-deadline": "1800s"}}
    plan = PLAN.model_copy(update={"limits": Limits(start=1800.0)})
    assert "progress-deadline" not in names(changed(template=template), plan)


def test_every_source_of_shared_settings_is_named():
    texts = [trap.text for trap in traps(changed(template=CONFIGURED), None)]
    assert [text.split()[0] for text in texts] == ["ConfigMap/r1-defaults", "Secret/token"]


def test_an_image_with_a_digest_does_not_move():
    template = {"containers": [{"image": "r1@sha256:" + "0" * 64}]}
    assert names(changed(template=template)) == []


def test_what_harms_users_now_comes_first():
    found = traps(changed(annotations={}, percent=150), None)
    assert [trap.is_now for trap in found] == [True, False]


def test_a_start_whose_revision_is_not_ready_yet_is_no_trap():
    assert names(changed(percent=0, latest_created=R2)) == ["rejected-template"]


def test_a_rollout_under_way_only_warns_of_what_one_might_do_to_it():
    bench = Bench()
    bench.go(15)
    assert names(bench.model.service()) == ["removing-the-percent"]


def test_a_percent_0_by_hand_leaves_the_rejected_template_and_abort_does_not():
    bench = Bench()
    bench.go(15)
    bench.model.edit(percent=0)
    bench.model.tick()
    assert "rejected-template" in names(bench.model.service())
    bench.go(100, command=Command.ABORT)
    assert names(bench.model.service()) == []
