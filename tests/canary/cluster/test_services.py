"""InferenceServices as JSON, read into ours."""

from copy import deepcopy
from typing import Any

import pytest

from canary.cluster.services import fingerprint, parse_service
from canary.errors import InputError
from canary.rollout.service import Condition, Target

TEMPLATE = {"minReplicas": 1, "containers": [{"name": "kserve-container", "image": "a:1"}]}
LIVE = {
    "metadata": {
        "name": "r1",
        "namespace": "ns",
        "uid": "u-1",
        "resourceVersion": "77",
        "generation": 4,
        "annotations": {"serving.kserve.io/enable-tag-routing": "true"},
        "managedFields": [
            {
                "manager": "r1-canary",
                "time": "2026-01-01T00:00:00Z",
                "fieldsV1": {"f:spec": {"f:predictor": {"f:canaryTrafficPercent": {}}}},
            },
            {
                "manager": "kubectl-edit",
                "time": "2026-01-01T00:00:01Z",
                "fieldsV1": {"f:spec": {"f:predictor": {"f:canaryTrafficPercent": {}}}},
            },
            {
                "manager": "kubectl-label",
                "time": "2026-01-01T00:00:02Z",
                "fieldsV1": {"f:metadata": {"f:labels": {}}},
            },
        ],
    },
    "spec": {"predictor": {**TEMPLATE, "canaryTrafficPercent": 10}},
    "status": {
        "deploymentMode": "Serverless",
        "components": {
            "predictor": {
                "latestCreatedRevision": "r1-predictor-00002",
                "latestReadyRevision": "r1-predictor-00002",
                "latestRolledoutRevision": "r1-predictor-00001",
                "traffic": [
                    {"revisionName": "r1-predictor-00002", "percent": 10, "latestRevision": True},
                    {
                        "revisionName": "r1-predictor-00001",
                        "percent": 90,
                        "latestRevision": False,
                        "tag": "prev",
                    },
                ],
            }
        },
        "conditions": [{"type": "Ready", "status": "False", "reason": "RevisionMissing"}],
    },
}


def _with(*path: str, value: Any) -> dict[str, Any]:
    body = deepcopy(LIVE)
    place: Any = body
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return body


def test_a_canary_under_way_is_read() -> None:
    service = parse_service(LIVE)
    assert (service.latest_created, service.latest_ready, service.rolled_out) == (
        "r1-predictor-00002",
        "r1-predictor-00002",
        "r1-predictor-00001",
    )
    assert service.previous_rolled_out == ""
    assert service.traffic == (
        Target("r1-predictor-00002", 10, None, is_latest=True),
        Target("r1-predictor-00001", 90, "prev", is_latest=False),
    )
    assert service.conditions == {"Ready": Condition("False", "RevisionMissing")}
    assert (service.percent, service.template) == (10, TEMPLATE)


def test_the_last_writer_of_the_percent_is_named() -> None:
    assert parse_service(LIVE).percent_manager == "kubectl-edit"


def test_the_last_writer_of_the_template_is_another() -> None:
    owners = [
        {"manager": "kubectl", "time": "1", "fieldsV1": _owned("f:containers")},
        {"manager": "r1-canary", "time": "2", "fieldsV1": _owned("f:canaryTrafficPercent")},
    ]
    service = parse_service(_with("metadata", "managedFields", value=owners))
    assert (service.template_manager, service.percent_manager) == ("kubectl", "r1-canary")


def _owned(field: str) -> dict[str, Any]:
    return {"f:spec": {"f:predictor": {".": {}, field: {}}}}


def test_nobody_is_named_where_nobody_owns_the_percent() -> None:
    assert parse_service(_with("metadata", "managedFields", value=[])).percent_manager == ""


@pytest.mark.parametrize(
    ("told", "mode"),
    [
        ("Serverless", "Knative"),
        ("Knative", "Knative"),
        ("RawDeployment", "Standard"),
        ("Standard", "Standard"),
        ("ModelMesh", "ModelMesh"),
    ],
)
def test_older_names_of_modes_are_rewritten(told: str, mode: str) -> None:
    assert parse_service(_with("status", "deploymentMode", value=told)).mode == mode


def test_a_service_without_a_status_is_read() -> None:
    body = {"metadata": LIVE["metadata"], "spec": LIVE["spec"]}
    service = parse_service(body)
    assert (service.mode, service.latest_ready, service.traffic) == ("", "", ())


def test_a_service_that_is_being_deleted_says_so() -> None:
    body = _with("metadata", "deletionTimestamp", value="2026-01-01T00:00:00Z")
    assert parse_service(body).is_deleted


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("spec", "predictor"), None, "spec.predictor"),
        (("spec",), {"predictors": {}}, "spec.predictor: Field required"),
        (("spec", "predictor", "canaryTrafficPercent"), "10", "canaryTrafficPercent is '10'"),
        (("spec", "predictor", "canaryTrafficPercent"), True, "must be a whole number"),
        (
            ("status", "components", "predictor", "traffic"),
            {"a": 1},
            "predictor.traffic",
        ),
        (("status", "conditions"), [{"status": "True"}], "status.conditions.0.type"),
    ],
)
def test_a_shape_that_is_not_known_is_named(path: tuple[str, ...], value: Any, words: str) -> None:
    with pytest.raises(InputError, match=r"InferenceService .*r1") as told:
        parse_service(_with(*path, value=value))
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("spec", "predictor", "canaryTrafficPercent"), 55, id="the-percent"),
        pytest.param(("metadata", "resourceVersion"), "78", id="the-version"),
        pytest.param(
            ("metadata", "labels"), {"networking.knative.dev/visibility": "x"}, id="label"
        ),
        pytest.param(("status",), {}, id="the-status"),
        pytest.param(
            ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"),
            "{}",
            id="kubectl-s-annotation",
        ),
        pytest.param(
            ("metadata", "annotations", "autoscaling.knative.dev/min-scale"), "2", id="min-scale"
        ),
        pytest.param(
            ("metadata", "annotations", "serving.knative.dev/rollout-duration"),
            "60s",
            id="rollout-duration",
        ),
        pytest.param(
            ("metadata", "annotations", "serving.knative.openshift.io/enablePassthrough"),
            "true",
            id="passthrough",
        ),
    ],
)
def test_what_makes_no_revision_leaves_the_fingerprint(path: tuple[str, ...], value: Any) -> None:
    assert parse_service(_with(*path, value=value)).fingerprint == parse_service(LIVE).fingerprint


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("spec", "predictor", "minReplicas"), 2, id="min-replicas"),
        pytest.param(("spec", "predictor", "labels"), {"a": "b"}, id="pod-label"),
        pytest.param(("metadata", "labels"), {"team": "b"}, id="a-label"),
        pytest.param(("metadata", "annotations"), {}, id="an-annotation-less"),
    ],
)
def test_what_makes_a_revision_changes_the_fingerprint(path: tuple[str, ...], value: Any) -> None:
    assert parse_service(_with(*path, value=value)).fingerprint != parse_service(LIVE).fingerprint


def test_the_order_of_fields_is_no_change() -> None:
    turned = dict(reversed(TEMPLATE.items()))
    assert fingerprint(turned, {}, {}) == fingerprint(TEMPLATE, {}, {})


def test_the_percent_of_a_whole_predictor_does_not_count() -> None:
    whole = {**TEMPLATE, "canaryTrafficPercent": 10}
    assert fingerprint(whole, {}, {}) == fingerprint(TEMPLATE, {}, {})
