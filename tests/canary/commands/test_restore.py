"""`restore`: after the promotion a second rollout puts the manifest's own minReplicas back."""

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from canary.__main__ import main
from canary.commands.surroundings import Surroundings
from canary.errors import ExitStatus
from tests.canary.commands.conftest import START_S
from tests.canary.commands.stage import Stage
from tests.canary.simulator.behaviour import GOOD, Behaviour
from tests.canary.simulator.controller import Controller
from tests.canary.simulator.prometheus import Fault, Prometheus
from tests.canary.simulator.server import Request, Response, json_response
from tests.canary.simulator.services import edit, service
from tests.canary.simulator.universe import NAMESPACE, SERVICES, Universe

RESTORE = {
    "steps": [{"percent": 50, "min_duration": "30s", "min_requests": 100}],
    "bake": {"percent": 80, "min_duration": "30s", "min_requests": 500},
}
GOOD_END = ["Started", "CanaryReady", "StepBegun", "StepBegun", "PromotionBegun", "Promoted"]
MISSING = "the new version is promoted; only the rollout that puts minReplicas 0 back is missing:"


@pytest.fixture
def cold(tmp_path: Path) -> Iterator[Stage]:
    """A stage where every version fails requests unless a pod of it is kept."""
    universe = Universe({}, start=START_S)
    universe.controller = Controller(
        universe.direct,
        NAMESPACE,
        behaviour_of=lambda template: (
            GOOD if template["minReplicas"] else Behaviour(error_share=0.2)
        ),
    )
    universe.prometheus = Prometheus(
        universe.controller, NAMESPACE, requests_per_s=200.0, seed=0, start=START_S
    )
    universe.create(service("old"))
    with Stage(universe, tmp_path) as made:
        yield made


def write(stage: Stage, image: str = "good", **settings: Any) -> Path:
    """Write a file whose manifest has minReplicas 0; of the old image only the second is left."""
    path = stage.write(image, **({"min_replicas": 1, "restore": RESTORE} | settings))
    manifest = path.with_suffix(".manifest.yaml")
    document = yaml.safe_load(manifest.read_text())
    document["spec"]["predictor"]["minReplicas"] = 0
    manifest.write_text(yaml.safe_dump(document))
    return path


def live(stage: Stage) -> tuple[str, int, int | None]:
    """Return the image, minReplicas and the percent of the spec."""
    predictor = stage.universe.service("r1")["spec"]["predictor"]
    return stage.image, predictor["minReplicas"], stage.percent


def generation(stage: Stage) -> int:
    return int(stage.universe.service("r1")["metadata"]["generation"])


def is_preflight(request: Request) -> bool:
    return "dryRun" in request.query


def put_between(
    stage: Stage, way: Callable[[Request, Callable[[Request], Response]], Response]
) -> None:
    """Let requests go this way to the cluster."""
    handle = stage.universe.handle
    stage.universe.handle = lambda request: way(request, handle)  # type: ignore[method-assign]


def test_a_promoted_version_gets_its_own_min_replicas_back(stage: Stage) -> None:
    child = stage.end(stage.begin(write(stage), "--output", "json"))
    status = stage.universe.service("r1")["status"]["components"]["predictor"]
    told = [one["reason"] for one in child.documents if "number" in one]
    ends = [one for one in child.documents if "phase" in one]

    assert child.status == ExitStatus.PROMOTED, child.err
    assert live(stage) == ("good", 0, 100)
    assert status["latestRolledoutRevision"] == "r1-predictor-00003"
    assert [reason for reason in told if reason != "Judged"] == [*GOOD_END, *GOOD_END]
    assert [(end["phase"], end["canary_revision"][-1]) for end in ends] == [
        ("promoted", "2"),
        ("promoted", "3"),
    ]


def test_a_second_rollout_is_judged_and_what_is_worse_leaves_min_replicas(cold: Stage) -> None:
    child = cold.end(cold.begin(write(cold, "old")))

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    assert live(cold) == ("old", 1, 100)
    assert "the new version stays promoted, with minReplicas 1: 0 is not put back" in child.err


def test_a_version_that_is_rolled_back_is_followed_by_no_second_rollout(stage: Stage) -> None:
    child = stage.end(stage.begin(write(stage, "erring")))

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    assert live(stage) == ("old", 1, 100)
    assert stage.events().count("Started") == 1
    assert "promoted" not in child.err


@pytest.mark.parametrize("options", [(), ("--attempt", "job-1")], ids=["anew", "same-attempt"])
def test_what_was_killed_between_the_two_goes_on_with_the_second(
    stage: Stage, options: tuple[str, ...]
) -> None:
    file = write(stage)
    stage.kills = lambda request: is_preflight(request) and stage.phase() == "promoted"
    stage.end(stage.begin(file, *options))
    between = live(stage)
    stage.kills = lambda request: False
    again = stage.begin(file, *options)
    stage.serve(lambda: live(stage) != between or again.status is not None)

    assert (between, live(stage)) == (("good", 1, 100), ("good", 0, 0))


def test_a_second_rollout_that_was_killed_goes_on_by_the_same_command(stage: Stage) -> None:
    file = write(stage, "old")
    stage.kills = lambda request: request.path.endswith("/configmaps")
    stage.end(stage.begin(file))
    stage.kills = lambda request: False
    second = stage.end(stage.begin(file))

    assert second.status == ExitStatus.PROMOTED, second.err
    assert "going on with rollout" in second.err
    assert live(stage) == ("old", 0, 100)
    assert stage.events() == GOOD_END


def test_an_attempt_whose_second_rollout_has_ended_begins_no_other(cold: Stage) -> None:
    file = write(cold, "old")
    cold.end(cold.begin(file, "--attempt", "job-1"))
    before = generation(cold)
    again = cold.end(cold.begin(file, "--attempt", "job-1", "--output", "json"))

    assert (again.status, generation(cold)) == (ExitStatus.ROLLED_BACK, before)
    assert again.documents[-1]["phase"] == "rolled_back"


def test_a_template_that_another_wrote_after_the_promotion_is_left_alone(stage: Stage) -> None:
    edits = [{"spec": {"predictor": {"timeout": 77}}}]

    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        if "/leases/" in request.path and stage.phase() == "promoted" and edits:
            edit(stage.universe, edits.pop())
        return handle(request)

    put_between(stage, way)
    child = stage.end(stage.begin(write(stage)))

    assert child.status == ExitStatus.BAD_INPUT
    assert f"{MISSING}\nr1-canary: another template is live than the one that" in child.err
    assert live(stage) == ("good", 1, 100)


def test_a_template_that_another_writes_while_the_second_is_looked_at_is_left_alone(
    stage: Stage,
) -> None:
    edits = [{"spec": {"predictor": {"timeout": 77}}}]

    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        is_looked_at = "selfsubjectaccessreviews" in request.path and stage.phase() == "promoted"
        if is_looked_at and edits:
            # KServe has not seen it yet, so status still says that all is well.
            merge = "application/merge-patch+json"
            stage.universe.direct.ask("PATCH", f"{SERVICES}/r1", edits.pop(), content_type=merge)
        return handle(request)

    put_between(stage, way)
    child = stage.end(stage.begin(write(stage)))

    assert child.status == ExitStatus.BAD_INPUT, child.out
    assert f"{MISSING}\nr1-canary: another template is live than the one that" in child.err
    assert stage.universe.service("r1")["spec"]["predictor"]["timeout"] == 77


def test_an_attempt_whose_file_is_another_by_now_says_that_the_second_is_missing(
    stage: Stage,
) -> None:
    file = write(stage)
    stage.kills = lambda request: is_preflight(request) and stage.phase() == "promoted"
    stage.end(stage.begin(file, "--attempt", "job-1"))
    stage.kills = lambda request: False
    longer = [{"percent": 10, "min_duration": "31s", "min_requests": 100}]
    again = stage.end(stage.begin(write(stage, steps=longer), "--attempt", "job-1"))

    assert again.status == ExitStatus.BAD_INPUT
    assert "minReplicas was to be put back after it" in again.err
    assert live(stage) == ("good", 1, 100)


def test_what_a_person_promoted_early_is_restored_by_the_rate_of_all_its_users(
    stage: Stage,
) -> None:
    stage.universe.prometheus.requests_per_s = 1.0
    stage.universe.advance(stage.universe.now + 900.0)
    child = stage.begin(write(stage, steps=[{"percent": 5, "min_duration": "1h"}]))
    stage.serve(lambda: stage.percent == 5 or child.status is not None)
    split = stage.universe.now
    stage.serve(lambda: stage.universe.now > split + 600.0 or child.status is not None)
    stage.start("promote", stage.service, "--kubeconfig", stage.kubeconfig)
    stage.serve(lambda: live(stage) == ("good", 0, 0) or child.status is not None)

    assert live(stage) == ("good", 0, 0), child.err


def test_a_service_that_is_not_ready_just_after_the_promotion_is_waited_for(stage: Stage) -> None:
    ready_at = stage.universe.now + 60.0

    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        answer = handle(request)
        is_service = request.method == "GET" and request.path.endswith("/inferenceservices/r1")
        if not is_service or stage.universe.now >= ready_at:
            return answer
        found = orjson.loads(answer.body)
        for condition in found["status"]["conditions"]:
            condition["status"] = "Unknown"
        return json_response(200, found)

    put_between(stage, way)
    child = stage.begin(write(stage, "old"))
    stage.serve(lambda: stage.percent == 0 or child.status is not None)

    assert live(stage) == ("old", 0, 0), child.err
    assert "not yet, and tried again for 120 s: r1 is not Ready" in child.err


def test_a_second_rollout_that_may_not_begin_says_what_is_promoted(stage: Stage) -> None:
    stage.universe.prometheus.requests_per_s = 0.1
    stage.universe.advance(stage.universe.now + 900.0)
    child = stage.end(stage.begin(write(stage, "old")))

    assert child.status == ExitStatus.BAD_INPUT
    assert f"r1-canary: {MISSING}" in child.err.splitlines()
    assert "give the first of restore.steps more than 50 %" in child.err.splitlines()[-1]


def test_a_prometheus_that_is_away_keeps_the_second_rollout_for_later(stage: Stage) -> None:
    stage.universe.prometheus.fault = Fault.REFUSED
    child = stage.end(stage.begin(write(stage, "old")))

    assert child.status == ExitStatus.UNREACHABLE
    assert MISSING in child.err


def test_a_second_rollout_that_would_starve_is_refused_before_the_first(stage: Stage) -> None:
    stage.universe.prometheus.requests_per_s = 0.1
    stage.universe.advance(stage.universe.now + 900.0)
    file = write(stage)
    plan, run = stage.do("plan", file), stage.end(stage.begin(file))

    assert plan.status == run.status == ExitStatus.BAD_INPUT
    assert "May not begin: restore puts minReplicas 0 back, and 50 % of" in plan.out
    assert "restore puts minReplicas 0 back, and 50 % of" in run.err
    assert live(stage) == ("old", 1, None)


def test_what_has_its_own_min_replicas_back_is_not_rolled_out_again(stage: Stage) -> None:
    edit(stage.universe, {"spec": {"predictor": {"minReplicas": 0}}})
    stage.universe.advance(stage.universe.now + 120.0)
    file = write(stage, "old")
    plan, run = stage.do("plan", file), stage.end(stage.begin(file))

    assert plan.status == run.status == ExitStatus.BAD_INPUT
    assert "there is nothing to roll out" in plan.out
    assert "there is nothing to roll out" in run.err


def test_what_admission_makes_of_the_manifest_is_what_counts_as_live(stage: Stage) -> None:
    edit(stage.universe, {"spec": {"predictor": {"minReplicas": 0, "timeout": 77}}})
    stage.universe.advance(stage.universe.now + 120.0)

    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        if is_preflight(request):
            added = {"op": "add", "path": "/spec/predictor/timeout", "value": 77}
            body = orjson.dumps([*orjson.loads(request.body), added])
            return handle(replace(request, body=body))
        return handle(request)

    put_between(stage, way)
    child = stage.do("plan", write(stage, "old"))

    assert child.status == ExitStatus.BAD_INPUT
    assert "there is nothing to roll out" in child.out


def test_a_signal_between_the_two_ends_it_with_4(stage: Stage) -> None:
    def way(request: Request, handle: Callable[[Request], Response]) -> Response:
        if is_preflight(request):
            stage.children[-1].kill(signal.SIGTERM)
        return handle(request)

    put_between(stage, way)
    child = stage.end(stage.begin(write(stage, "old")))

    assert (child.status, child.err) == (ExitStatus.PAUSED, "r1-canary: stopped\n")


def test_a_plan_shows_the_steps_of_both_rollouts(stage: Stage) -> None:
    child = stage.do("plan", write(stage))
    first, second = child.out.split("A second rollout puts minReplicas 0 back:")

    assert child.status == ExitStatus.PROMOTED, child.out
    assert ("10 %" in first, "50 %" in first, "80 %" in first) == (True, True, False)
    assert ("10 %" in second, "50 %" in second, "80 %" in second) == (False, True, True)


@pytest.mark.parametrize(
    ("image", "stages"), [("good", [10, 50]), ("old", [])], ids=["both", "second-alone"]
)
def test_a_plan_in_json_tells_what_is_left_of_both(
    stage: Stage, image: str, stages: list[int]
) -> None:
    [plan] = stage.do("plan", write(stage, image), "--output", "json").documents

    assert plan["refusals"] == []
    assert [stage["percent"] for stage in plan["stages"]] == stages
    assert plan["restore"]["min_replicas"] == 0
    assert [stage["percent"] for stage in plan["restore"]["stages"]] == [50, 80]


@pytest.mark.parametrize("command", ["run", "plan", "lint"])
def test_a_restore_that_would_change_nothing_is_refused_before_anything_is_asked(
    stage: Stage, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    file = stage.write(min_replicas=1, restore=RESTORE)

    assert main([command, str(file)], Surroundings()) == ExitStatus.BAD_INPUT
    told = "min_replicas is 1, and spec.predictor.minReplicas of rollout.manifest.yaml is 1"
    assert told in capsys.readouterr().err
