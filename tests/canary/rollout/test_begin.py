from dataclasses import replace

import pytest

from canary.errors import InputError
from canary.rollout.begin import begin, demands, merge, min_replicas_of, refusals
from canary.rollout.service import Condition, Pods, Service, Target
from canary.rollout.state import Live, Phase, Rollout
from tests.canary.rollout.bench import PLAN
from tests.canary.rollout.model import R1, R2, STABLE, TARGET, serving

SERVICE = serving().service()
PODS = (Pods(R1, 1, 1, 0),)
GPU = {"containers": [{"resources": {"limits": {"nvidia.com/gpu": "2"}}}], "minReplicas": 2}


def begun(**given: object) -> Rollout:
    return begin(PLAN, SERVICE, TARGET, "target", PODS, 5.0, "0" * 32, **given)


def test_the_old_template_is_known_as_admission_would_write_it_now():
    rollout = begun(stable_fingerprint="new stable")
    assert rollout.known == Live("stable", None)
    assert (rollout.stable.fingerprint, rollout.stable.predictor) == ("new stable", STABLE)
    assert rollout.is_stable("stable")
    assert not rollout.is_stable("target")


def test_a_target_that_admission_makes_the_old_template_is_nothing_to_roll_out():
    with pytest.raises(InputError, match="nothing to roll out"):
        begun(stable_fingerprint="target")


def test_a_rollout_knows_who_asked_for_it():
    assert begun(attempt="a").attempt == "a"


def changed(**changes: object) -> Service:
    return replace(SERVICE, **changes)


def refused(service: Service = SERVICE, target: object = TARGET, **given: object) -> list[str]:
    plan, pods = given.pop("plan", PLAN), given.pop("pods", PODS)
    return refusals(plan, service, pods, target, **given)


def test_a_ready_service_with_warm_pods_is_not_refused():
    assert refused() == []


@pytest.mark.parametrize(
    ("service", "why"),
    [
        pytest.param(changed(mode="Standard"), "ignores canaryTrafficPercent", id="Standard"),
        pytest.param(changed(mode=""), "deploymentMode is empty", id="mode unknown"),
        pytest.param(changed(is_deleted=True), "being deleted", id="deleted"),
        pytest.param(
            changed(annotations={"serving.kserve.io/stop": "true"}), "is stopped", id="stopped"
        ),
        pytest.param(changed(rolled_out=""), "no latestRolledoutRevision", id="never rolled out"),
        pytest.param(changed(percent=10), "canaryTrafficPercent is 10", id="under way"),
        pytest.param(changed(percent=150), "must be in 0..100", id="out of range"),
        pytest.param(
            changed(traffic=(Target(R1, 60, None, True), Target(R2, 40, "prev", False))),
            "status.traffic is",
            id="split",
        ),
        pytest.param(changed(latest_created=R2), f"latestCreated {R2}", id="newer revision"),
        pytest.param(
            changed(conditions={"Ready": Condition("False", "RevisionFailed")}),
            "is not Ready: RevisionFailed",
            id="not Ready",
        ),
        pytest.param(changed(annotations={}), "enable-tag-routing is not true", id="no tag hosts"),
    ],
)
def test_a_service_that_allows_no_rollout_is_refused_with_the_reason(service, why):
    assert [text for text in refused(service) if why in text]


def test_without_a_gate_no_tag_hosts_are_needed():
    plan = PLAN.model_copy(update={"gate": None})
    assert refused(changed(annotations={}), plan=plan) == []


@pytest.mark.parametrize(
    "pods", [(), (Pods(R1, 0, 1, 0),), (Pods(R2, 1, 1, 0),)], ids=["none", "not ready", "another's"]
)
def test_a_cold_baseline_is_refused(pods):
    assert [text for text in refused(pods=pods) if "cold baseline" in text]


@pytest.mark.parametrize(
    ("template", "replicas"), [({}, 1), ({"minReplicas": None}, 1), ({"minReplicas": 0}, 0)]
)
def test_min_replicas_that_is_absent_is_1(template, replicas):
    assert min_replicas_of(template) == replicas


def test_what_is_live_already_is_refused():
    assert [text for text in refused(target=STABLE) if "nothing to roll out" in text]


def test_merge_puts_min_replicas_in_and_leaves_the_percent_out():
    plan = PLAN.model_copy(update={"min_replicas": 2})
    merged = merge(plan, {"containers": [], "minReplicas": 0, "canaryTrafficPercent": 20})
    assert merged == {"containers": [], "minReplicas": 2}


def test_a_rollout_begins_with_what_is_live_known_and_nothing_else_wanted():
    rollout = begin(PLAN, SERVICE, TARGET, "target", PODS, 5.0, "a" * 32)
    assert rollout.phase is Phase.STARTING
    assert rollout.known == rollout.wanted == Live("stable", None)
    assert rollout.stable_revision == R1
    assert rollout.target.fingerprint == "target"
    assert rollout.watch_deadline == 125.0


def test_a_manifest_that_admission_makes_what_is_live_is_refused():
    with pytest.raises(InputError, match="nothing to roll out"):
        begin(PLAN, SERVICE, TARGET, "stable", PODS, 5.0, "a" * 32)


def test_begin_names_every_refusal():
    with pytest.raises(InputError, match=r"Standard mode.*cold baseline"):
        begin(PLAN, changed(mode="Standard"), TARGET, "target", (), 5.0, "a" * 32)


def test_the_gpus_for_both_revisions_are_told():
    (line,) = demands(changed(template=GPU), GPU)
    assert "4 nvidia.com/gpu for the new revision (2 x 2)" in line


def test_a_template_without_gpus_demands_none():
    assert demands(SERVICE, TARGET) == []


@pytest.mark.parametrize("own", [None, "two"])
def test_min_replicas_that_is_no_number_breaks_no_plan(own):
    gpu = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    [line] = demands(SERVICE, {"containers": [gpu], "minReplicas": own})
    assert line.startswith("1 nvidia.com/gpu")
