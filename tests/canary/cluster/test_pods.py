"""A revision's pods, counted."""

import secrets
from typing import Any

import pytest

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.pods import parse_pods
from canary.cluster.transport import Request
from canary.rollout.service import Pods
from tests.canary.cluster.conftest import NAMESPACE

READY = {"type": "Ready", "status": "True"}


def _pod(*containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"metadata": {}, "status": {"containerStatuses": list(containers), **status}}


def _container(num_restarts: int = 0, **states: Any) -> dict[str, Any]:
    return {"name": "kserve-container", "restartCount": num_restarts, **states}


RUNNING = _pod(_container(state={"running": {}}), phase="Running", conditions=[READY])
OOM = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
CRASHING = _pod(
    _container(4, state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=OOM),
    phase="Running",
)


def test_ready_pods_are_counted() -> None:
    assert parse_pods("r", [RUNNING, CRASHING]) == Pods(
        "r", 1, 2, 4, "kserve-container: OOMKilled, exit code 137"
    )


def test_no_pods_are_zero_of_everything() -> None:
    assert parse_pods("r", []) == Pods("r", 0, 0, 0, "")


def test_a_pod_on_its_way_out_does_not_count() -> None:
    ending = {**RUNNING, "metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert parse_pods("r", [RUNNING, ending]).num_pods == 1


def test_a_pod_that_is_over_does_not_count_and_says_why() -> None:
    evicted = _pod(phase="Failed", reason="Evicted")
    assert parse_pods("r", [evicted]) == Pods("r", 0, 0, 0, "Evicted")


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        pytest.param(
            _pod(_container(state={"waiting": {"reason": "ImagePullBackOff"}})),
            "kserve-container: ImagePullBackOff",
            id="image",
        ),
        pytest.param(
            _pod(_container(state={"waiting": {"reason": "ContainerCreating"}})), "", id="starting"
        ),
        pytest.param(
            _pod(_container(1, lastState={"terminated": {"exitCode": 0}})), "", id="ended-well"
        ),
        pytest.param(
            _pod(
                conditions=[
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes: Insufficient nvidia.com/gpu",
                    }
                ]
            ),
            "Unschedulable: 0/3 nodes: Insufficient nvidia.com/gpu",
            id="no-node",
        ),
    ],
)
def test_why_a_pod_is_not_ready_is_told(pod: dict[str, Any], reason: str) -> None:
    assert parse_pods("r", [pod]).reason == reason


def test_restarts_of_a_sidecar_count() -> None:
    pod = _pod(_container(1), initContainerStatuses=[{"name": "istio-proxy", "restartCount": 2}])
    assert parse_pods("r", [pod]).num_restarts == 2


def test_one_restart_of_each_pod_is_no_loop() -> None:
    once = _pod(_container(1, state={"running": {}}), phase="Running", conditions=[READY])
    assert parse_pods("r", [once] * 4).num_restarts == 1


def test_the_pods_of_one_revision_are_asked_for(cluster: Cluster, api: Api) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    old, new = f"r1-{secrets.token_hex(4)}", f"r1-{secrets.token_hex(4)}"
    for number, revision in enumerate([old, new, new]):
        labels = {"serving.knative.dev/revision": revision}
        body = {
            "metadata": {"name": f"{revision}-{number}", "labels": labels},
            "spec": {"containers": [{"name": "c", "image": "i"}]},
        }
        api.call(Request("POST", path, body=body))
    assert cluster.pods_of(NAMESPACE, new).num_pods == 2
