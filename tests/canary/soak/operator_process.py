"""``r1-canary run`` in this process, on the clock of a universe."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml

from canary import __main__ as tool
from canary.commands.surroundings import Surroundings
from tests.canary.simulator.services import predictor
from tests.canary.simulator.universe import NAMESPACE
from tests.canary.soak.process import ChildClock, SharedClock
from tests.canary.soak.scenario import MIN_REQUESTS, PERCENTS, Scenario
from tests.canary.soak.watched import NAME
from tests.loadtest.net.certificates import Authority

STAGE_S = 30
# Fewer are read faster; how they are judged is not the matter here.
LEFT_OUT = ("inter_token", "longest_gap", "tokens_per_second", "finish_reasons", "output_length")


@dataclass(frozen=True, slots=True)
class Files:
    """What the command is given."""

    rollout: Path
    kubeconfig: Path
    audit: Path


def write_files(folder: Path, url: str, scenario: Scenario) -> Files:
    """Write a rollout file, its manifest and a kubeconfig."""
    files = Files(folder / "rollout.yaml", folder / "kubeconfig", folder / "audit.jsonl")
    stages = [
        {"percent": percent, "min_duration": f"{STAGE_S}s", "min_requests": num}
        for percent, num in zip(PERCENTS, MIN_REQUESTS, strict=True)
    ]
    plan = {
        "service": NAME,
        "namespace": NAMESPACE,
        "manifest": "service.yaml",
        "steps": stages[:-1],
        "bake": stages[-1],
        "gate": None,
        "metrics": {"ttft": {"edges": [0.3, 0.5]}} | dict.fromkeys(LEFT_OUT),
        # Of one certificate: nothing here speaks TLS, and to load the machine's own takes long.
        "prometheus": {"url": f"{url}/prometheus", "ca_file": str(Authority(folder).path)},
        "limits": {
            "start": "200s",
            "rollback": "60s",
            "promote": "120s",
            "inconclusive": "400s",
            "unproven": "400s",
            "unwatched": "300s",
            "then": scenario.then,
        },
    }
    manifest = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"predictor": predictor(scenario.canary)},
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "soak",
        "clusters": [{"name": "soak", "cluster": {"server": url}}],
        "users": [{"name": "soak", "user": {"token": "soak"}}],
        "contexts": [{"name": "soak", "context": {"cluster": "soak", "user": "soak"}}],
    }
    files.rollout.write_text(yaml.safe_dump(plan))
    files.rollout.with_name("service.yaml").write_text(yaml.safe_dump(manifest))
    files.kubeconfig.write_text(yaml.safe_dump(config))
    return files


def operate(files: Files, url: str, shared: SharedClock, seed: str) -> Callable[[], int]:
    """Return what a child is to run: the command, to its exit status."""

    def run() -> int:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        clock = ChildClock(url, shared)
        # One Job's, whose restarts begin no second rollout.
        attempt = ["--attempt", "soak", "--output", "json"]
        return tool.main(
            ["run", str(files.rollout), "--kubeconfig", str(files.kubeconfig), *attempt],
            Surroundings(clock.sleep, clock.monotonic, Random(seed)),
        )

    return run
