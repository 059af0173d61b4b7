"""A person's word, to an operator who lives and where there is none."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from canary.errors import ExitStatus
from tests.canary.commands.conftest import BEHAVIOURS, START_S
from tests.canary.commands.stage import Child, Stage
from tests.canary.simulator.server import Dropped, Request, Response
from tests.canary.simulator.services import service
from tests.canary.simulator.universe import SERVICES, Universe


@pytest.fixture
def running(stage: Stage) -> Child:
    """An operator with a canary at 10 %."""
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    return child


@pytest.fixture
def abandoned(stage: Stage, running: Child) -> Stage:
    """A canary at 10 % that nobody looks after."""
    stage.kill(running)
    return stage


def test_a_pause_holds_a_living_operator_until_a_resume(stage: Stage, running: Child) -> None:
    paused = stage.do("pause", stage.service, "--output", "json")
    then = stage.universe.now
    stage.serve(lambda: stage.universe.now > then + 300)
    resumed_from = stage.percent
    resumed = stage.do("resume", stage.service)

    assert (paused.status, resumed.status) == (ExitStatus.PAUSED, ExitStatus.PAUSED)
    assert paused.documents[-1]["hold"]["kind"] == "paused"
    assert resumed_from == 10
    assert stage.end(running).status == ExitStatus.PROMOTED, running.err


class LateUniverse(Universe):
    """Answers no patch to 50 %, and carries out those that came once ``land`` is called.

    While it is busy, another writes before each answer.
    """

    def __init__(self) -> None:
        super().__init__(BEHAVIOURS, start=START_S, requests_per_s=200.0)
        self.late: list[Request] = []
        self.is_busy = False

    def handle(self, request: Request) -> Response:
        if self.is_busy:
            self._touch()
        is_edit = request.method == "PATCH" and request.path.startswith(SERVICES)
        if is_edit and json.loads(request.body)[-1].get("value") == 50:
            self.late.append(request)
            raise Dropped
        return super().handle(request)

    def land(self) -> None:
        for request in self.late:
            super().handle(request)

    def _touch(self) -> None:
        """Write what makes no revision, and another resourceVersion."""
        note = {"kubectl.kubernetes.io/last-applied-configuration": str(self.now)}
        body = {"metadata": {"annotations": note}}
        merge = "application/merge-patch+json"
        self.direct.ask("PATCH", f"{SERVICES}/r1", body, content_type=merge)
        self.advance(self.now + 1.0)


@pytest.fixture
def late(tmp_path: Path) -> Iterator[tuple[Stage, LateUniverse, Child]]:
    """A pause at 10 %, of a rollout whose operator died while its patch to 50 % was under way."""
    universe = LateUniverse()
    universe.create(service("old"))
    with Stage(universe, tmp_path) as stage:
        operator = stage.begin(stage.write())
        stage.serve(lambda: universe.late)
        stage.kill(operator)
        pause = stage.start("pause", stage.service, "--kubeconfig", stage.kubeconfig)
        stage.serve(stage.hold)
        yield stage, universe, pause


def test_a_pause_waits_until_what_was_under_way_has_landed(
    late: tuple[Stage, LateUniverse, Child],
) -> None:
    stage, universe, pause = late
    universe.land()
    stage.end(pause)

    assert (pause.status, stage.percent) == (ExitStatus.PAUSED, 50)
    assert pause.err.endswith("r1-canary: a patch that was under way has landed: 50 %\n")


def test_a_pause_waits_until_what_was_under_way_can_land_no_more(
    late: tuple[Stage, LateUniverse, Child],
) -> None:
    stage, universe, pause = late
    universe.is_busy = True
    stage.end(pause)
    universe.land()

    assert (pause.status, stage.percent) == (ExitStatus.PAUSED, 10)
    assert pause.err.endswith("r1-canary: a patch that was under way can land no more\n")


def test_a_pause_waits_no_longer_than_an_api_server_works(
    late: tuple[Stage, LateUniverse, Child],
) -> None:
    stage, _, pause = late
    stage.end(pause)

    assert pause.status == ExitStatus.PAUSED
    assert pause.err.endswith("r1-canary: a patch that was under way has not landed within 60 s\n")


def test_an_abort_makes_a_living_operator_roll_back(stage: Stage, running: Child) -> None:
    stage.do("abort", stage.service)

    assert stage.end(running).status == ExitStatus.ROLLED_BACK
    assert (stage.image, stage.percent) == ("old", 100)


def test_a_promotion_makes_a_living_operator_promote(stage: Stage, running: Child) -> None:
    stage.do("promote", stage.service)

    assert stage.end(running).status == ExitStatus.PROMOTED
    assert stage.events()[-2:] == ["PromotionBegun", "Promoted"]


def test_a_command_that_changes_nothing_is_refused_with_the_reason(
    stage: Stage, running: Child
) -> None:
    refused = stage.do("resume", stage.service)

    assert refused.status == ExitStatus.BAD_INPUT
    assert refused.err == "r1-canary: resume is refused: it is not held\n"


def test_an_abort_rolls_back_where_nobody_lives(abandoned: Stage) -> None:
    child = abandoned.do("abort", abandoned.service, "--output", "json")

    assert child.status == ExitStatus.ROLLED_BACK, child.err
    assert (abandoned.image, abandoned.percent) == ("old", 100)
    assert child.documents[-1]["reason"] == "a person aborted it"


def test_a_promotion_promotes_where_nobody_lives(abandoned: Stage) -> None:
    child = abandoned.do("promote", abandoned.service)

    assert child.status == ExitStatus.PROMOTED, child.err
    assert (abandoned.image, abandoned.percent) == ("good", 100)


def test_a_pause_where_nobody_lives_says_so_and_leaves_the_traffic(abandoned: Stage) -> None:
    child = abandoned.do("pause", abandoned.service)

    assert (child.status, abandoned.percent) == (ExitStatus.PAUSED, 10)
    assert "nobody runs this rollout: `r1-canary run FILE` goes on with it" in child.err
    assert "held: paused" in child.out


def test_a_refused_promotion_drives_no_rollout(stage: Stage) -> None:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.phase() == "starting")
    stage.kill(child)
    refused = stage.do("promote", stage.service)

    assert refused.status == ExitStatus.BAD_INPUT
    assert "promote is refused" in refused.err
    assert stage.phase() == "starting"


def test_an_abort_goes_before_what_nobody_has_followed_yet(abandoned: Stage) -> None:
    path = "/api/v1/namespaces/r1/configmaps/r1-canary"
    merge = "application/merge-patch+json"
    body = {"data": {"command": "pause"}}
    abandoned.universe.direct.ask("PATCH", path, body, content_type=merge)
    resumed = abandoned.do("resume", abandoned.service)
    aborted = abandoned.do("abort", abandoned.service)

    assert resumed.err == "r1-canary: pause was asked for, and nobody has followed it yet\n"
    assert aborted.status == ExitStatus.ROLLED_BACK


@pytest.mark.parametrize("command", ["pause", "resume", "promote", "abort"])
def test_there_must_be_a_rollout(stage: Stage, command: str) -> None:
    child = stage.do(command, stage.service)

    assert child.status == ExitStatus.BAD_INPUT
    assert child.err == (
        "r1-canary: there is no rollout of r1/r1: `r1-canary run FILE` begins one\n"
    )


def test_sigterm_in_an_abort_is_no_rollback(abandoned: Stage) -> None:
    child = abandoned.start("abort", abandoned.service, "--kubeconfig", abandoned.kubeconfig)
    abandoned.serve(lambda: abandoned.phase() == "rolling_back")
    child.kill(signal.SIGTERM)
    abandoned.end(child)

    assert (child.status, child.err) == (ExitStatus.PAUSED, "r1-canary: stopped\n")


def test_the_watchdog_rolls_back_what_nobody_watches(abandoned: Stage) -> None:
    early = abandoned.do("watchdog", abandoned.service)
    before = abandoned.percent
    abandoned.universe.advance(abandoned.universe.now + 301)
    late = abandoned.do("watchdog", abandoned.service, "--output", "json")

    assert (early.status, before) == (ExitStatus.PROMOTED, 10)
    assert "nothing to do" in early.out
    assert late.status == ExitStatus.ROLLED_BACK, late.err
    assert late.documents[-1]["phase"] == "rolled_back"
    assert (abandoned.image, abandoned.percent) == ("old", 100)


def test_the_watchdog_leaves_a_living_operator_alone(stage: Stage, running: Child) -> None:
    child = stage.do("watchdog", stage.service)

    assert (child.status, child.out) == (0, "nothing to do: an operator lives\n")
    assert stage.end(running).status == ExitStatus.PROMOTED


def test_the_watchdog_does_not_go_on_with_steps(abandoned: Stage) -> None:
    abandoned.do("pause", abandoned.service)
    path = "/api/v1/namespaces/r1/configmaps/r1-canary"
    merge = "application/merge-patch+json"
    body = {"data": {"command": "resume"}}
    abandoned.universe.direct.ask("PATCH", path, body, content_type=merge)
    abandoned.universe.advance(abandoned.universe.now + 400)
    abandoned.do("watchdog", abandoned.service)

    assert abandoned.percent in (10, 100)
    assert abandoned.image == "good" or abandoned.percent == 100
    assert abandoned.phase() in ("stepping", "rolled_back")
