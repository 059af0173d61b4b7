"""On a real API server, with kubectl beside the tool."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from canary.errors import ExitStatus
from tests.canary.commands.real import RealUniverse
from tests.canary.commands.stage import Child, Stage
from tests.canary.simulator.services import service

NAMESPACE = "canary-commands"
START_S = 1_790_000_000.0


@pytest.fixture
def stage(kubeconfig: Path, tmp_path: Path) -> Iterator[Stage]:
    universe = RealUniverse(kubeconfig, NAMESPACE, start=START_S)
    universe.create(service("old"))
    with Stage(universe, tmp_path, NAMESPACE) as made:
        yield made
    for kind in ("configmaps", "events"):
        universe.direct.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}/{kind}")
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"
    universe.direct.ask("DELETE", leases)
    universe.direct.ask("DELETE", f"{universe.services}/r1")
    universe.advance(universe.now + 10)


@pytest.fixture
def running(stage: Stage) -> Child:
    child = stage.begin(stage.write())
    stage.serve(lambda: stage.percent == 10)
    return child


def kubectl(kubeconfig: Path, *arguments: str) -> str:
    command = ["kubectl", f"--kubeconfig={kubeconfig}", f"--namespace={NAMESPACE}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_canary_is_promoted_and_kubectl_shows_its_events(
    stage: Stage, running: Child, kubeconfig: Path
) -> None:
    stage.end(running)
    shown = kubectl(kubeconfig, "get", "events", "-o", "json")
    told = [e["reason"] for e in json.loads(shown)["items"] if e["reportingComponent"]]

    assert running.status == ExitStatus.PROMOTED, running.err
    assert (stage.image, stage.percent) == ("good", 100)
    assert told.count("Promoted") == 1


def test_a_killed_run_goes_on_and_an_abort_rolls_back(stage: Stage, running: Child) -> None:
    stage.kill(running)
    second = stage.begin(stage.folder / "rollout.yaml")
    stage.serve(lambda: "going on with rollout" in second.err and second.out)
    stage.do("abort", stage.service)

    assert stage.end(second).status == ExitStatus.ROLLED_BACK, second.err
    assert (stage.image, stage.percent) == ("old", 100)


@pytest.mark.parametrize("way", ["patch", "edit"])
def test_a_percent_set_with_kubectl_is_respected_and_can_be_gone_on_from(
    stage: Stage, running: Child, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv(
        "KUBE_EDITOR", "sed -i 's/canaryTrafficPercent: 10/canaryTrafficPercent: 5/'"
    )
    patch = '{"spec":{"predictor":{"canaryTrafficPercent":5}}}'
    ways = {
        "patch": ("patch", "isvc", "r1", "--type=merge", "-p", patch),
        "edit": ("edit", "isvc", "r1"),
    }
    kubectl(kubeconfig, *ways[way])
    stage.serve(stage.hold)
    held, percent = stage.hold() or {}, stage.percent
    resumed = stage.do("resume", stage.service)
    stage.end(running)

    assert (held["kind"], percent) == ("foreign", 5)
    assert f"is 5, was to be 10; last written by kubectl-{way}" in held["reason"]
    assert resumed.status == ExitStatus.PAUSED, resumed.err
    assert running.status == ExitStatus.PROMOTED, running.err
