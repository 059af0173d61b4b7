"""Pods and events as the API writes them."""

from typing import Any

import pytest

from loadtest.coldstart.pods import MODEL_CONTAINER, Mark, parse_events, parse_pods

CREATED = "2026-01-02T03:04:05Z"
AT = 1767323045


def pod(**status: Any) -> dict[str, Any]:
    metadata = {"uid": "u", "name": "r1-a", "creationTimestamp": CREATED}
    return {"metadata": metadata, "status": status}


def condition(kind: str, second: int, status: str = "True") -> dict[str, str]:
    at = f"2026-01-02T03:04:{second:02d}Z"
    return {"type": kind, "status": status, "lastTransitionTime": at}


def container(name: str = MODEL_CONTAINER, **fields: Any) -> dict[str, Any]:
    return {"name": name, "restartCount": 0, **fields}


def running(second: int) -> dict[str, Any]:
    return {"running": {"startedAt": f"2026-01-02T03:04:{second:02d}Z"}}


def terminated(second: int) -> dict[str, Any]:
    return {"terminated": {"startedAt": f"2026-01-02T03:04:{second:02d}Z"}}


def event(reason: str, second: int, **regarding: str) -> dict[str, Any]:
    involved = {"uid": "u", "fieldPath": f"spec.containers{{{MODEL_CONTAINER}}}", **regarding}
    at = f"2026-01-02T03:04:{second:02d}Z"
    return {"reason": reason, "involvedObject": involved, "firstTimestamp": at}


@pytest.mark.parametrize(
    ("status", "marks"),
    [
        pytest.param({}, {}, id="just-made"),
        pytest.param(
            {"conditions": [condition("PodScheduled", 7, "False")]}, {}, id="unschedulable"
        ),
        pytest.param(
            {"conditions": [condition("PodScheduled", 7), condition("Initialized", 8)]},
            {Mark.SCHEDULED: 2, Mark.INITIALIZED: 3},
            id="initialized",
        ),
        pytest.param(
            {"containerStatuses": [container(state={"waiting": {"reason": "ErrImagePull"}})]},
            {},
            id="not-pulled",
        ),
        pytest.param(
            {"containerStatuses": [container("queue-proxy", state=running(6))]},
            {},
            id="another-container",
        ),
        pytest.param(
            {"containerStatuses": [container(state=running(9))]}, {Mark.STARTED: 4}, id="started"
        ),
        pytest.param(
            {"containerStatuses": [container(state=running(9), lastState=terminated(7))]},
            {Mark.STARTED: 2},
            id="restarted",
        ),
        pytest.param(
            {"containerStatuses": [container(state=terminated(8))]},
            {Mark.STARTED: 3},
            id="crashed",
        ),
        pytest.param({"conditions": [condition("Ready", 59)]}, {Mark.READY: 54}, id="ready"),
    ],
)
def test_pod_tells_only_what_has_happened(status: dict[str, Any], marks: dict[Mark, int]) -> None:
    (found,) = parse_pods([pod(**status)])

    assert found.marks == {
        Mark.POD_CREATED: AT,
        **{mark: AT + after for mark, after in marks.items()},
    }


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_pod_that_is_over_is_none(phase: str) -> None:
    assert parse_pods([pod(phase=phase)]) == []


def test_terminating_pod_is_still_there() -> None:
    leaving = pod(phase="Running")
    leaving["metadata"]["deletionTimestamp"] = CREATED

    assert [found.is_terminating for found in parse_pods([leaving, pod()])] == [True, False]


def test_restarts_are_counted() -> None:
    status = container(state=running(9), restartCount=2)

    assert parse_pods([pod(containerStatuses=[status])])[0].num_restarts == 2


@pytest.mark.parametrize(
    ("events", "marks", "was_present"),
    [
        pytest.param([], {}, None, id="none"),
        pytest.param(
            [event("Pulling", 6), event("Pulled", 9), event("Started", 10)],
            {Mark.PULLING: 1, Mark.PULLED: 4, Mark.STARTED: 5},
            False,
            id="pulled",
        ),
        pytest.param([event("Pulled", 9)], {Mark.PULLING: 4, Mark.PULLED: 4}, True, id="present"),
        pytest.param([event("Pulling", 6)], {Mark.PULLING: 1}, None, id="still-pulling"),
        pytest.param(
            [event("Started", 9), event("Started", 7)], {Mark.STARTED: 2}, None, id="first-start"
        ),
        pytest.param([event("Pulled", 9, uid="other")], {}, None, id="another-pod"),
        pytest.param(
            [event("Pulled", 9, fieldPath="spec.initContainers{storage-initializer}")],
            {},
            None,
            id="init-container",
        ),
        pytest.param([event("BackOff", 9)], {}, None, id="another-reason"),
    ],
)
def test_events_of_the_model_container_tell_of_its_image(
    events: list[dict[str, Any]], marks: dict[Mark, int], was_present: bool | None
) -> None:
    found = parse_events(events, "u")

    assert found.marks == {mark: AT + after for mark, after in marks.items()}
    assert found.was_present is was_present


def test_event_of_the_newer_kind_has_its_time() -> None:
    newer = event("Pulling", 6) | {
        "firstTimestamp": None,
        "eventTime": "2026-01-02T03:04:06.987654Z",
    }

    assert parse_events([newer], "u").marks == {Mark.PULLING: AT + 1}
