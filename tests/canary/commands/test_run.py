"""``run`` as a user runs it: to its end, killed, stopped, in the way of others."""

import json
import signal
from collections import Counter

import pytest

from canary.errors import ExitStatus
from canary.record.audit import read_audit
from tests.canary.commands.stage import Stage
from tests.canary.simulator.prometheus import Fault
from tests.canary.simulator.server import Request
from tests.canary.simulator.services import edit

GOOD_END = ["Started", "CanaryReady", "StepBegun", "StepBegun", "PromotionBegun", "Promoted"]
BAD_END = ["RollbackBegun", "UsersBack", "Cleaned", "RolledBack"]


def reasons(stage: Stage) -> list[str]:
    entries = read_audit(stage.folder / "audit.jsonl").entries
    return [note.reason for entry in entries for note in entry.notes if note.reason != "Judged"]


def test_a_good_canary_is_promoted_and_told_of_everywhere(stage: Stage) -> None:
    child = stage.end(stage.begin(stage.write(), "--audit", stage.folder / "audit.jsonl"))

    assert child.status == ExitStatus.PROMOTED, child.err
    assert (stage.image, stage.percent) == ("good", 100)
    assert stage.events() == reasons(stage) == GOOD_END
    lines = [line.split("  ")[1].partition(":")[0] for line in child.out.splitlines()]
    assert [line for line in lines if line != "Judged"] == GOOD_END


def test_a_bad_canary_is_rolled_back_and_its_template_removed(stage: Stage) -> None:
    child = stage.end(stage.begin(stage.write("erring"), "--output", "json"))

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    assert (stage.image, stage.percent) == ("old", 100)
    *decisions, last = child.documents
    told = [decision["reason"] for decision in decisions if decision["reason"] != "Judged"]
    assert (told[:3], told[-4:]) == (GOOD_END[:3], BAD_END)
    assert (last["phase"], last["percent"]) == ("rolled_back", 0)
    assert "errors" in last["reason"]


def test_a_killed_run_goes_on_by_the_same_command(stage: Stage) -> None:
    file = stage.write()
    first = stage.begin(file)
    stage.serve(lambda: stage.percent == 10)
    stage.kill(first)
    second = stage.end(stage.begin(file))

    assert second.status == ExitStatus.PROMOTED, second.err
    assert "going on with rollout" in second.err
    assert stage.events() == GOOD_END


@pytest.mark.parametrize("phase", ["starting", "stepping", "promoted"])
def test_what_a_kill_left_untold_is_told_once(stage: Stage, phase: str) -> None:
    file, audit = stage.write(), stage.folder / "audit.jsonl"

    def is_written(request: Request) -> bool:
        return request.path.endswith("configmaps/r1-canary") and stage.phase() == phase

    stage.kills = lambda request: request.method == "PUT" and is_written(request)
    if phase == "starting":
        stage.kills = lambda request: request.path.endswith("/configmaps")
    stage.end(stage.begin(file, "--audit", audit))
    stage.kills = lambda request: False
    second = stage.end(stage.begin(file, "--audit", audit))

    assert second.status == ExitStatus.PROMOTED, second.err
    assert stage.events() == reasons(stage) == GOOD_END


def test_what_was_told_before_a_kill_is_not_told_twice(stage: Stage) -> None:
    file, audit = stage.write(), stage.folder / "audit.jsonl"
    stage.kills = lambda request: "events" in request.path and stage.phase() == "stepping"
    stage.end(stage.begin(file, "--audit", audit))
    stage.kills = lambda request: False
    stage.end(stage.begin(file, "--audit", audit))

    assert stage.events() == reasons(stage) == GOOD_END
    assert Counter(audit.read_text().split('"'))["CanaryReady"] == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_a_signal_ends_it_with_4_and_gives_the_lease_back(stage: Stage, number: int) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    child.kill(number)
    stage.end(child)

    assert (child.status, stage.percent) == (ExitStatus.PAUSED, 10)
    assert "stopped, and the Lease given back" in child.err
    path = "/apis/coordination.k8s.io/v1/namespaces/r1/leases/r1-canary"
    assert not stage.universe.direct.ask("GET", path).body["spec"].get("holderIdentity")


def test_a_hold_ends_it_with_4_where_that_was_asked_for(stage: Stage) -> None:
    steps = [{"percent": 10, "min_duration": "30s", "min_requests": 100, "approval": True}]
    child = stage.end(stage.begin(stage.write(steps=steps), "--exit-on-hold"))

    assert (child.status, stage.percent) == (ExitStatus.PAUSED, 10)
    assert "only a person can go on: 10 % has proved enough" in child.err


def test_another_file_is_refused_while_one_is_under_way(stage: Stage) -> None:
    first = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    other = stage.end(stage.begin(stage.write("erring", name="other.yaml")))

    assert (other.status, first.status) == (ExitStatus.BAD_INPUT, None)
    assert "is under way with another file or manifest, in phase stepping" in other.err


def test_a_second_operator_gives_way_to_a_living_one(stage: Stage) -> None:
    first = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    second = stage.end(stage.begin(stage.folder / "rollout.yaml"))

    assert second.status == ExitStatus.PAUSED
    assert stage.end(first).status == ExitStatus.PROMOTED


def test_an_api_that_is_away_for_a_while_is_borne(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    stage.is_api_away = True
    stage.serve(lambda: "is asked again for 300 s" in child.err)
    stage.is_api_away = False
    stage.end(child)

    assert child.status == ExitStatus.PROMOTED, child.err
    assert "the cluster answers again" in child.err


def test_an_api_that_stays_away_ends_it_with_3(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    stage.is_api_away = True

    assert stage.end(child).status == ExitStatus.UNREACHABLE
    assert child.err.splitlines()[-1].startswith("r1-canary: the cluster at http://127.0.0.1")


def test_a_changed_digest_of_the_defaults_is_held_until_a_person_goes_on(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    stage.universe.prometheus.defaults_digest = "1" * 16
    stage.serve(stage.hold)
    held = stage.hold() or {}
    stage.do("resume", stage.service)

    assert held["kind"] == "foreign"
    assert "1111111111111111, began with 0000000000000000" in held["reason"]
    assert stage.end(child).status == ExitStatus.PROMOTED, child.err


def test_a_person_takes_note_of_changed_defaults_where_nobody_runs_it(stage: Stage) -> None:
    file = stage.write()
    child = stage.begin(file, "--exit-on-hold")
    stage.serve(lambda: stage.percent == 10)
    stage.universe.prometheus.defaults_digest = "1" * 16
    stage.end(child)
    stage.do("resume", stage.service)

    assert stage.end(stage.begin(file, "--exit-on-hold")).status == ExitStatus.PROMOTED


def test_an_unknown_command_is_told_of_and_dropped(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    path = "/api/v1/namespaces/r1/configmaps/r1-canary"
    merge = "application/merge-patch+json"
    body = {"data": {"command": "explode"}}
    stage.universe.direct.ask("PATCH", path, body, content_type=merge)
    stage.end(child)

    assert child.status == ExitStatus.PROMOTED, child.err
    assert "CommandRefused: 'explode' is no command, must be one of pause" in child.out
    assert stage.stored()["command"] == ""


def test_a_percent_that_a_person_edits_is_respected(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    edit(stage.universe, {"spec": {"predictor": {"canaryTrafficPercent": 33}}})
    stage.serve(stage.hold)
    now = stage.universe.now
    stage.serve(lambda: stage.universe.now > now + 200)

    assert (stage.percent, child.status) == (33, None)
    assert "is 33, was to be 10; last written by kubectl-edit" in (stage.hold() or {})["reason"]


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.REFUSED, ExitStatus.UNREACHABLE), (Fault.EMPTY, ExitStatus.BAD_INPUT)],
    ids=["away", "empty"],
)
def test_it_does_not_begin_without_metrics(stage: Stage, fault: Fault, status: int) -> None:
    stage.universe.prometheus.fault = fault
    child = stage.end(stage.begin(stage.write()))

    assert child.status == status, child.err
    assert stage.image == "old"


def test_json_alone_is_on_stdout(stage: Stage) -> None:
    child = stage.end(stage.begin(stage.write(), "--output", "json"))
    *decisions, last = child.documents

    assert {d["rollout"] for d in decisions} == {last["rollout"]}
    numbers = [decision["number"] for decision in decisions]
    assert numbers == list(range(1, len(decisions) + 1))
    assert json.loads(stage.stored()["outbox"])["num_told"] == numbers[-1]


def test_a_terminal_shows_the_picture(stage: Stage) -> None:
    file = stage.write()
    child = stage.start("run", file, "--kubeconfig", stage.kubeconfig, is_on_tty=True)
    stage.end(child)

    assert child.status == ExitStatus.PROMOTED, child.err
    assert "\x1b[" in child.out
    assert "r1-predictor-00002  10 %" in child.out
    assert "all users are on the canary" in child.out
