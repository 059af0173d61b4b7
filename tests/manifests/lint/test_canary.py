"""The rollout tool's Job: files that the program takes, and that its pod can follow."""

from typing import Any

import pytest
import yaml

from manifests.lint.faults import Path as FieldPath
from manifests.lint.faults import at
from manifests.lint.render import MANIFESTS, render
from manifests.lint.target import Target
from tests.manifests.lint.planting import GONE, lines, plant

TARGET = "canary"
CONTAINER = ("spec", "template", "spec", "containers", 0)
HEADER = (*CONTAINER, "args", 4)
VOLUMES = (
    "/etc/r1-canary, /var/run/secrets/r1-canary, /var/run/secrets/kubernetes.io/serviceaccount, "
    "/results, /tmp"
)
ROLLOUT = ("data", "rollout.yaml")


def config_map(target: Target) -> str:
    """The name ends with a hash of what is in it."""
    [name] = [each.name for each in target.documents if each.kind == "ConfigMap"]
    return f"ConfigMap/{name}"


def text_of(target: Target, key: str) -> str:
    [body] = [each.body for each in target.documents if each.kind == "ConfigMap"]
    return str(at(body, "data", key))


@pytest.mark.parametrize(
    ("key", "old", "new", "rule"),
    [
        pytest.param(
            "rollout.yaml",
            "percent: 25",
            "percent: 2",
            "steps and bake must rise",
            id="steps-that-fall",
        ),
        pytest.param("rollout.yaml", "limits:", "limit:", "limit is no setting", id="misspelt"),
        pytest.param(
            "rollout.yaml",
            "service: r1",
            "service: r2",
            "predictor.yaml:6: metadata.name is 'r1', must be 'r2'",
            id="another-service-than-the-manifest-s",
        ),
        pytest.param(
            "predictor.yaml",
            "    maxReplicas: 4",
            "    canaryTrafficPercent: 4",
            "canaryTrafficPercent is given, must be left out",
            id="a-percent-in-the-manifest",
        ),
    ],
)
def test_what_the_program_would_refuse_is_a_fault(
    targets: dict[str, Target], key: str, old: str, new: str, rule: str
) -> None:
    target = targets[TARGET]
    text = text_of(target, key)
    assert old in text
    planted = plant(target, config_map(target), {("data", key): text.replace(old, new)})
    [line] = lines(planted, None)
    assert rule in line
    assert "/tmp" not in line


@pytest.mark.parametrize(
    ("edits", "rule"),
    [
        pytest.param(
            {("spec", "activeDeadlineSeconds"): 86_400},
            "must be left out: a person may hold a rollout, limits.total ends it (ours)",
            id="a-deadline-of-the-job",
        ),
        pytest.param(
            {("spec", "template", "spec", "activeDeadlineSeconds"): 86_400},
            "must be left out: a person may hold a rollout, limits.total ends it (ours)",
            id="a-deadline-of-its-pod",
        ),
        pytest.param(
            {(*CONTAINER, "args", 0): "/etc/r1-canary/other.yaml"},
            "the first must be a file of a ConfigMap that is mounted (ours)",
            id="no-such-file",
        ),
        pytest.param(
            {(*CONTAINER, "args", 1): "--outptu=json"},
            "No such option: --outptu",
            id="no-such-option",
        ),
        pytest.param(
            {(*CONTAINER, "args", 1): "--output=yaml"},
            "'yaml' is not one of 'text', 'json' (r1-canary)",
            id="no-such-choice",
        ),
        pytest.param(
            {(*CONTAINER, "command"): ["/etc/r1-canary.sh", "run"]},
            "must be r1-canary and one of abort, history, lint, pause",
            id="another-program",
        ),
        pytest.param(
            {HEADER: "--header=Authorization"},
            "--header must be of the form 'Name: value'",
            id="no-header",
        ),
        pytest.param(
            {HEADER: "--header=Authorization: Bearer a.b.c"},
            "args = --header=Authorization: must end in @ and a file: the process list shows it",
            id="a-token-in-the-command-line",
        ),
        pytest.param(
            {HEADER: "--header=Authorization: Bearer @/run/token"},
            f"Bearer @/run/token: must be in a volume: {VOLUMES} (ours)",
            id="a-token-that-is-not-mounted",
        ),
        pytest.param(
            {("spec", "template", "spec", "volumes", 0): GONE},
            "must name a volume (Kubernetes)",
            id="no-volume",
        ),
    ],
)
def test_a_pod_that_cannot_follow_is_a_fault(
    targets: dict[str, Target], edits: dict[FieldPath, Any], rule: str
) -> None:
    assert any(rule in line for line in lines(plant(targets[TARGET], "Job/r1-canary", edits), None))


@pytest.mark.parametrize(
    ("field", "words", "rule"),
    [
        ("args", [], "Missing argument 'service' (r1-canary)"),
        (
            "command",
            ["r1-canary", "watch"],
            "must be r1-canary and one of abort, history, lint, pause",
        ),
    ],
)
def test_a_watchdog_that_the_program_would_not_start_is_a_fault(
    targets: dict[str, Target], field: str, words: list[str], rule: str
) -> None:
    place = ("spec", "jobTemplate", *CONTAINER, field)
    planted = plant(targets[TARGET], "CronJob/r1-canary-watchdog", {place: words})
    [line] = lines(planted, None)
    assert rule in line


def test_the_service_of_another_namespace_is_a_fault(targets: dict[str, Target]) -> None:
    target = targets[TARGET]
    text = text_of(target, "rollout.yaml").replace("namespace: r1", "namespace: r2", 1)
    manifest = text_of(target, "predictor.yaml").replace("namespace: r1", "namespace: r2")
    edits = {ROLLOUT: text, ("data", "predictor.yaml"): manifest}
    [line] = lines(plant(target, config_map(target), edits), None)
    assert "service: r2/r1: must be an InferenceService of this tree (ours)" in line


def test_the_watchdog_s_rollouts_are_those_of_the_service_that_is_rolled_out() -> None:
    plan = yaml.safe_load((MANIFESTS / "canary/rollout.yaml").read_text())
    [cron] = [each.body for each in render(["canary"]) if each.kind == "CronJob"]
    container = at(cron, "spec", "jobTemplate", *CONTAINER)
    assert container["args"][0] == f"{plan['namespace']}/{plan['service']}"


def test_the_next_template_is_production_s_with_another_image() -> None:
    given = yaml.safe_load((MANIFESTS / "canary/predictor.yaml").read_text())
    [live] = [
        each.body for each in render(["overlays/production"]) if each.kind == "InferenceService"
    ]
    [container] = given["spec"]["predictor"]["containers"]
    before = container["image"]
    container["image"] = live["spec"]["predictor"]["containers"][0]["image"]
    assert given["spec"]["predictor"] == live["spec"]["predictor"]
    assert before != container["image"]
