"""One scenario from an empty namespace to its verdict, every part of it a real process."""

import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from manifests.lint.render import render
from tests.canary.demo import children
from tests.canary.demo.children import say
from tests.canary.demo.gateway import DOMAIN, Gateway, gateway
from tests.canary.demo.live import Terminal, write_svg
from tests.canary.demo.node import Node
from tests.canary.demo.outcomes import Outcome, read_outcome
from tests.canary.demo.scenarios import RATE_RPS, STABLE_IMAGE, Scenario, write_rollout
from tests.canary.simulator.contract import api_of
from tests.canary.simulator.services import service
from tests.manifests.monitoring.prometheus import Prometheus, started
from tests.manifests.monitoring.scrape_config import scrape_configs

BIN = Path(sys.executable).parent
_READY_S = 120.0
_ROLLOUT_S = 400.0
# Users before the rollout: its preflight asks what they are counted by.
_USERS_BEFORE_S = 10.0
_POLL_S = 0.1
# The PodMonitor's 15 s become one.
_TIMES = 15


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs for one scenario."""

    folder: Path
    node: Node
    gateway: Gateway
    prometheus: Prometheus

    def wait(self, what: str, is_so: Callable[[], bool], limit_s: float = _READY_S) -> None:
        """Let the node work until something is so."""
        deadline = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < deadline, f"{what}: not within {limit_s:g} s"
            self.node.step()
            time.sleep(_POLL_S)

    def pass_time(self, seconds: float) -> None:
        """Let the node work for a while."""
        until = time.monotonic() + seconds
        self.wait("time", lambda: time.monotonic() >= until, 2 * seconds)


def play(scenario: Scenario, folder: Path, kubeconfig: Path) -> Outcome:
    """Play a scenario and return what it came to; everything that it started has ended then."""
    folder.mkdir(parents=True)
    say(f"\n## {scenario.name}: {scenario.faults or 'a canary without a fault'}")
    with _stage(scenario, folder, kubeconfig) as stage:
        stage.wait("the stable revision", stage.node.is_serving)
        _show_mtls(stage)
        with _users(stage) as load:
            stage.pass_time(_USERS_BEFORE_S)
            status = _roll_out(stage, scenario, kubeconfig)
    _report(folder)
    outcome = read_outcome(scenario, status, folder / "audit.jsonl", load)
    say(f"exit status {status}: {outcome.reason}")
    say(
        f"verdict after {outcome.verdict_s:.0f} s; {outcome.num_failed} of "
        f"{outcome.num_requests} users' requests failed"
    )
    return outcome


@contextmanager
def _stage(scenario: Scenario, folder: Path, kubeconfig: Path) -> Iterator[Stage]:
    """Run the cluster's parts around an InferenceService that has just been created."""
    namespace, api = scenario.name, api_of(kubeconfig)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    api.ask("POST", "/api/v1/namespaces", body)
    path = f"/apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices"
    answer = api.ask("POST", path, service(STABLE_IMAGE))
    assert answer.status == 201, answer.body
    with gateway(folder / "gateway", "r1", namespace) as entrance:
        faults = {scenario.image: scenario.faults}
        node = Node(api, namespace, folder, entrance, faults)
        controllers = [sys.executable, "-m", "tests.canary.demo.controllers"]
        controllers += [str(kubeconfig), namespace, str(node.ready_file)]
        config = _write_prometheus_config(folder)
        try:
            with (
                children.running(controllers, folder / "controllers.log"),
                started("prometheus", config) as prometheus,
            ):
                yield Stage(folder, node, entrance, prometheus)
        finally:
            node.close()


def _write_prometheus_config(folder: Path) -> Path:
    """Write what the operator makes of the project's PodMonitor, with targets from a file."""
    documents = render([], ["components/monitoring"])
    (monitor,) = [document.body for document in documents if document.kind == "PodMonitor"]
    configs = scrape_configs(monitor, folder, _TIMES)
    for config in configs:
        for discovery in config["file_sd_configs"]:
            discovery["refresh_interval"] = "1s"
    path = folder / "prometheus.yaml"
    path.write_text(yaml.safe_dump({"scrape_configs": configs}, sort_keys=False))
    return path


def _show_mtls(stage: Stage) -> None:
    """Ask the predictor's sidecar without a certificate, and by the gateway."""
    (revision,) = stage.node.pods
    address = f"127.0.0.1:{stage.gateway.sidecars[revision]}"
    try:
        httpx.get(f"http://{address}/v2/health/live")
    except httpx.TransportError as error:
        say(f"plain text to the sidecar of {revision}: refused ({type(error).__name__})")
    else:
        raise AssertionError("the sidecar took plain text")
    answer = httpx.get(f"{stage.gateway.url}/v2/health/live", headers={"Host": stage.gateway.host})
    assert answer.status_code == 200, answer.text
    say(f"by the gateway, whose certificate is the mesh's: {answer.status_code}")


@contextmanager
def _users(stage: Stage) -> Iterator[Path]:
    """Yield where the load tester's report will be, after the block."""
    report = stage.folder / "load"
    command = [
        *("run", f"--target={stage.gateway.url}", f"--host={stage.gateway.host}"),
        *(f"--rate={RATE_RPS:g}", "--duration-s=1200", "--max-requests=20000", "--timeout-s=30"),
        *("--drain-s=10", "--lateness-limit-s=1", f"--output={report}"),
    ]
    say(f"$ r1-loadtest {shlex.join(command)} &")
    log = stage.folder / "load.log"
    process = children.start([BIN / "r1-loadtest", *command], log)
    try:
        yield report
        _end_users(stage, process)
        assert (report / "report.json").exists(), log.read_text()
    finally:
        children.end(process, signal.SIGKILL)


def _end_users(stage: Stage, process: subprocess.Popen[bytes]) -> None:
    """End the load as Ctrl-C does; requests under way still get their answers."""
    process.send_signal(signal.SIGINT)
    stage.wait("the load's report", lambda: process.poll() is not None)


def _roll_out(stage: Stage, scenario: Scenario, kubeconfig: Path) -> int:
    """Run the tool on a terminal; return its exit status."""
    folder = stage.folder
    file = write_rollout(folder, scenario, stage.prometheus.url)
    command = [
        *("run", str(file), f"--kubeconfig={kubeconfig}", f"--gateway-url={stage.gateway.url}"),
        *(f"--domain={DOMAIN}", f"--audit={folder / 'audit.jsonl'}"),
    ]
    say(f"$ r1-canary {shlex.join(command)}")
    errors = folder / "canary.err"
    terminal = Terminal([BIN / "r1-canary", *command], errors)

    def has_ended() -> bool:
        terminal.read()
        return terminal.process.poll() is not None

    try:
        stage.wait("the rollout", has_ended, _ROLLOUT_S)
    finally:
        children.end(terminal.process, signal.SIGTERM)
        terminal.close()
    said = errors.read_text().strip()
    say(said)
    assert (folder / "audit.jsonl").exists(), said
    pictures = terminal.pictures
    (folder / "pictures.json").write_text(json.dumps(pictures))
    for name, picture in (("live", _busiest(pictures)), ("last", pictures[-1:])):
        for one in picture:
            write_svg(one, folder / f"{name}.svg", f"r1-canary run: {scenario.name}")
    return terminal.process.returncode


def _busiest(pictures: list[str]) -> list[str]:
    """Return the last picture of the steps: the one with most to see."""
    return [picture for picture in pictures if "stage " in picture][-1:]


def _report(folder: Path) -> None:
    command = ["report", str(folder / "audit.jsonl"), str(folder / "report.html")]
    say(f"$ r1-canary {shlex.join(command)}")
    subprocess.run([BIN / "r1-canary", *command], check=True)
