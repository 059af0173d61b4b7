"""What of an InferenceService makes a revision."""

import copy
from typing import Any

import pytest

from tests.canary.simulator.rules import intent_of

SERVICE: dict[str, Any] = {
    "metadata": {"name": "r1", "annotations": {}, "labels": {}},
    "spec": {"predictor": {"minReplicas": 0, "containers": [{"image": "a"}]}},
}


def _with(section: str, key: str, value: object) -> dict[str, Any]:
    service = copy.deepcopy(SERVICE)
    place = service["spec"]["predictor"] if section == "predictor" else service["metadata"][section]
    place[key] = value
    return service


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("annotations", "example.com/note", "x"),
        ("labels", "team", "x"),
        ("predictor", "minReplicas", 1),
        ("predictor", "timeout", 60),
        ("predictor", "annotations", {"a": "b"}),
        ("predictor", "containers", [{"image": "b"}]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_revision_is_made_of(section: str, key: str, value: object) -> None:
    assert intent_of(_with(section, key, value)).template != intent_of(SERVICE).template


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("annotations", "autoscaling.knative.dev/min-scale", "1"),
        ("annotations", "autoscaling.knative.dev/max-scale", "1"),
        ("annotations", "kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ("annotations", "modelFormat", "x"),
        ("annotations", "serving.knative.dev/rollout-duration", "60s"),
        ("annotations", "serving.knative.openshift.io/enablePassthrough", "true"),
        ("labels", "networking.knative.dev/visibility", "cluster-local"),
        ("predictor", "canaryTrafficPercent", 5),
    ],
    ids=lambda value: str(value)[:45],
)
def test_no_revision_is_made_of(section: str, key: str, value: object) -> None:
    assert intent_of(_with(section, key, value)).template == intent_of(SERVICE).template
