"""What others do to a rollout: admission, deletions, quotas, kills after its end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from canary.errors import ExitStatus
from tests.canary.commands.stage import Stage
from tests.canary.simulator.server import Request, Response, json_response
from tests.canary.simulator.services import edit

STATE = "/api/v1/namespaces/r1/configmaps/r1-canary"
POLICY = {"op": "add", "path": "/metadata/annotations/example.com~1policy", "value": "v2"}
Way = Callable[[Request, Callable[[Request], Response]], Response]


def put_between(stage: Stage, way: Way) -> None:
    """Let requests go this way to the cluster."""
    handle = stage.universe.handle
    stage.universe.handle = lambda request: way(request, handle)  # type: ignore[method-assign]


def is_service_patch(request: Request) -> bool:
    return request.method == "PATCH" and "/inferenceservices/" in request.path


def admitted(request: Request) -> Request:
    """Return the patch as a webhook has changed it."""
    patch: list[dict[str, Any]] = orjson.loads(request.body)
    return replace(request, body=orjson.dumps([*patch, POLICY]))


def annotations(stage: Stage) -> dict[str, str]:
    return dict(stage.universe.service("r1")["metadata"].get("annotations") or {})


def test_a_percent_that_a_webhook_makes_a_revision_of_is_rolled_back(stage: Stage) -> None:
    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        is_late = is_service_patch(request) and (stage.percent or 0) >= 10
        return handle(admitted(request) if is_late else request)

    put_between(stage, way)
    child = stage.end(stage.begin(stage.write()))

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    assert "admission changed the template" in child.out
    assert "ForeignEdit" not in child.out
    assert (stage.image, stage.percent) == ("old", 100)


def test_the_old_template_is_put_back_as_a_new_webhook_writes_it(stage: Stage) -> None:
    put_between(
        stage,
        lambda request, handle: handle(admitted(request) if is_service_patch(request) else request),
    )
    child = stage.end(stage.begin(stage.write("erring")))

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    assert "ForeignEdit" not in child.out
    assert (stage.image, stage.percent) == ("old", 100)
    assert annotations(stage)["example.com/policy"] == "v2"


def test_a_killed_rollback_knows_the_old_template_as_a_new_webhook_writes_it(stage: Stage) -> None:
    put_between(
        stage,
        lambda request, handle: handle(admitted(request) if is_service_patch(request) else request),
    )
    file = stage.write("erring")
    stage.kills = lambda request: is_service_patch(request) and stage.phase() == "cleaning"
    stage.end(stage.begin(file))
    stage.kills = lambda request: False
    child = stage.end(stage.begin(file))

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    assert stage.hold() is None
    assert (stage.image, stage.percent) == ("old", 100)


def test_a_live_template_that_could_not_be_put_back_is_refused(stage: Stage) -> None:
    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        if is_service_patch(request) and b'"old"' in request.body:
            return json_response(422, {"message": "images must be signed"})
        return handle(request)

    put_between(stage, way)
    child = stage.end(stage.begin(stage.write()))

    assert child.status == ExitStatus.BAD_INPUT
    assert "the live template could not be put back" in child.err
    assert stage.image == "old"


@pytest.mark.parametrize("phase", ["rolled_back", "promoted"])
def test_an_attempt_that_has_ended_begins_no_second_rollout(stage: Stage, phase: str) -> None:
    file = stage.write("erring" if phase == "rolled_back" else "good")
    first = stage.end(stage.begin(file, "--attempt", "job-1"))
    generation = stage.universe.service("r1")["metadata"]["generation"]
    again = stage.end(stage.begin(file, "--attempt", "job-1", "--output", "json"))

    assert again.status == first.status
    assert again.documents[-1]["phase"] == phase
    assert stage.universe.service("r1")["metadata"]["generation"] == generation


def test_another_attempt_begins_one(stage: Stage) -> None:
    file = stage.write("erring")
    stage.end(stage.begin(file, "--attempt", "job-1"))
    generation = stage.universe.service("r1")["metadata"]["generation"]
    # Until Prometheus knows the revision that has the old template again.
    stage.universe.advance(stage.universe.now + 120.0)
    stage.end(stage.begin(file, "--attempt", "job-2"))

    assert stage.universe.service("r1")["metadata"]["generation"] > generation


def test_who_has_gone_on_with_a_rollout_begins_no_second_one(stage: Stage) -> None:
    file = stage.write("erring")
    child = stage.begin(file, "--attempt", "job-1")
    stage.serve(lambda: stage.percent == 10)
    stage.kill(child)
    stage.end(stage.begin(file, "--attempt", "job-2"))
    generation = stage.universe.service("r1")["metadata"]["generation"]
    again = stage.end(stage.begin(file, "--attempt", "job-2"))

    assert again.status == ExitStatus.ROLLED_BACK
    assert stage.universe.service("r1")["metadata"]["generation"] == generation


def test_a_deleted_configmap_loses_no_rollout(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    stage.universe.direct.ask("DELETE", STATE)
    stage.end(child)

    assert child.status == ExitStatus.PROMOTED, child.err
    assert "was deleted; it is written again" in child.err


def test_the_watchdog_tells_of_a_split_that_no_rollout_explains(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    stage.serve(lambda: len(stage.universe.controller.tracked["r1"].world.status.traffic) > 1)
    stage.kill(child)
    stage.universe.direct.ask("DELETE", STATE)
    watchdog = stage.do("watchdog", stage.service)

    assert watchdog.status == ExitStatus.PAUSED
    assert "is split" in watchdog.err
    assert stage.percent == 10


def test_the_watchdog_has_nothing_to_say_of_a_service_without_a_rollout(stage: Stage) -> None:
    assert stage.do("watchdog", stage.service).status == ExitStatus.PROMOTED


@pytest.mark.parametrize("part", ["selfsubjectaccessreviews", "/leases", "/configmaps"])
def test_a_quota_that_refuses_for_a_moment_stops_no_rollout(stage: Stage, part: str) -> None:
    left = [3]

    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        if request.method == "POST" and request.path.endswith(part) and left[0]:
            left[0] -= 1
            return json_response(409, {"message": "resourcequotas: the object has been modified"})
        return handle(request)

    put_between(stage, way)
    child = stage.end(stage.begin(stage.write()))

    assert child.status == ExitStatus.PROMOTED, child.err
    assert left == [0]


def test_events_that_nobody_takes_hold_up_no_patch(stage: Stage) -> None:
    writes: list[str] = []

    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        if request.path.endswith("/events"):
            writes.append("event")
            return json_response(504, {"message": "etcd-events is down"})
        if request.method == "PUT" and request.path == STATE and b"RollbackBegun" in request.body:
            writes.append("state")
        if is_service_patch(request):
            writes.append("patch")
        return handle(request)

    put_between(stage, way)
    child = stage.end(stage.begin(stage.write("erring")))

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    first = writes.index("state")
    assert writes[first + 1] == "patch"


def test_a_paused_canary_that_crashes_after_its_operator_is_gone_is_rolled_back(
    stage: Stage,
) -> None:
    child = stage.begin(stage.write("crashing"))
    stage.serve(lambda: stage.percent == 10)
    stage.do("pause", stage.service)
    stage.kill(child)
    stage.universe.advance(stage.universe.now + 3600.0)
    watchdog = stage.do("watchdog", stage.service)

    assert watchdog.status == ExitStatus.ROLLED_BACK, watchdog.err
    assert (stage.image, stage.percent) == ("old", 100)


def test_a_percent_of_0_by_hand_goes_back_where_the_canary_has_crashed(stage: Stage) -> None:
    child = stage.begin(stage.write("crashing"))
    stage.serve(lambda: stage.percent == 10)
    edit(stage.universe, {"spec": {"predictor": {"canaryTrafficPercent": 0}}})
    stage.end(child)

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    assert (stage.image, stage.percent) == ("old", 100)


def test_the_time_in_which_nobody_ran_it_is_no_lack_of_a_verdict(stage: Stage) -> None:
    file = stage.write(limits={"inconclusive": "60s"})
    child = stage.begin(file)
    stage.serve(lambda: stage.percent == 10)
    stage.kill(child)
    stage.universe.advance(stage.universe.now + 1200.0)

    stage.begin(file)
    stage.serve(lambda: stage.percent != 10)

    assert stage.percent == 50
