"""The load tester's Jobs: settings that the program takes, and that their pods can follow."""

from pathlib import Path
from typing import Any

import pytest

from manifests.lint.faults import Path as FieldPath
from manifests.lint.faults import at
from manifests.lint.target import Target
from tests.manifests.lint.planting import GONE, lines, plant

SERVICE = "loadtest/service"
POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)
WORKLOAD = ("data", "workload.yaml")
HOSTS = (
    "latest-r1-grpc-predictor.r1.svc.cluster.local, latest-r1-predictor.r1.svc.cluster.local, "
    "prev-r1-grpc-predictor.r1.svc.cluster.local, prev-r1-predictor.r1.svc.cluster.local, "
    "r1-grpc-predictor.r1.svc.cluster.local, r1-grpc.r1.svc.cluster.local, "
    "r1-predictor.r1.svc.cluster.local, r1.r1.svc.cluster.local"
)
VOLUMES = "/etc/r1-loadtest, /var/run/secrets/r1-loadtest, /results, /tmp"


def config_map(target: Target) -> str:
    """The name ends with a hash of what is in it."""
    [name] = [each.name for each in target.documents if each.kind == "ConfigMap"]
    return f"ConfigMap/{name}"


@pytest.mark.parametrize(
    ("setting", "instead", "value", "rule"),
    [
        pytest.param(
            "rate: 4",
            "rat: 4",
            "workload.yaml",
            "line 13: rat is no setting; they are the flags of run (r1-loadtest)",
            id="a-setting-that-there-is-not",
        ),
        pytest.param(
            "rate: 4",
            "rate: 0",
            "workload.yaml",
            "line 13: rate is '0', must be greater than 0 (r1-loadtest)",
            id="a-setting-out-of-range",
        ),
        pytest.param(
            "rate: 4",
            "rate: 4\nconcurrency: 8",
            "workload.yaml",
            "concurrency is 8, must be left out with arrivals=poisson (r1-loadtest)",
            id="settings-that-exclude-each-other",
        ),
        pytest.param(
            "error_rate<1%",
            "error_rate<1s",
            "workload.yaml",
            "line 26: slo: gate 'error_rate<1s': its unit is s, must be one of: none, % "
            "(r1-loadtest)",
            id="a-gate-that-is-none",
        ),
        pytest.param(
            "model: r1",
            "model: r1\noutput: /results/mine",
            "output: /results/mine",
            "must not be there: it is run.sh's (ours)",
            id="a-report-that-is-not-printed",
        ),
        pytest.param(
            "http://r1-predictor.r1.",
            "http://r2-predictor.r1.",
            "target: http://r2-predictor.r1.svc.cluster.local",
            f"must be of a host of r1: {HOSTS} (ours)",
            id="a-host-that-there-is-not",
        ),
        pytest.param(
            "/var/run/secrets/r1-loadtest/token",
            "/run/token",
            "bearer_token_file: /run/token",
            f"must be in a volume: {VOLUMES} (ours)",
            id="a-token-that-is-not-mounted",
        ),
    ],
)
def test_a_planted_setting_gets_its_one_line(
    targets: dict[str, Target],
    crd_dir: Path | None,
    setting: str,
    instead: str,
    value: str,
    rule: str,
) -> None:
    target = targets[SERVICE]
    subject = config_map(target)
    [body] = [each.body for each in target.documents if each.kind == "ConfigMap"]
    planted = plant(target, subject, {WORKLOAD: at(body, *WORKLOAD).replace(setting, instead)})

    place = f'{SERVICE}/kustomization.yaml: {subject}: data["workload.yaml"]'
    assert lines(planted, crd_dir) == [f"{place} = {value}: {rule}"]


@pytest.mark.parametrize(
    ("edits", "line"),
    [
        pytest.param(
            {(*CONTAINER, "args", 1): "--target=http://r2.r1.svc.cluster.local"},
            "containers[0].args = target: http://r2.r1.svc.cluster.local: "
            f"must be of a host of r1: {HOSTS} (ours)",
            id="a-flag-of-a-host-that-there-is-not",
        ),
        pytest.param(
            {(*CONTAINER, "args", 1): "--rat=4"},
            'containers[0].args = ["/etc/r1-loadtest/workload.yaml", "--rat=4"]: No such option: '
            "--rat (Possible options: --rate, --rates) (r1-loadtest)",
            id="a-flag-that-there-is-not",
        ),
        pytest.param(
            {(*CONTAINER, "args"): ["/etc/r1-loadtest/load.yaml"]},
            'containers[0].args = ["/etc/r1-loadtest/load.yaml"]: '
            "the first must be a file of a ConfigMap that is mounted (ours)",
            id="a-workload-that-there-is-not",
        ),
        pytest.param(
            {(*CONTAINER, "args"): []},
            "containers[0].args = []: "
            "the first must be a file of a ConfigMap that is mounted (ours)",
            id="no-workload",
        ),
        pytest.param(
            {(*POD, "terminationGracePeriodSeconds"): 60},
            "terminationGracePeriodSeconds = 60: must be above drain_s, 60 (ours)",
            id="a-grace-that-ends-before-the-report",
        ),
        pytest.param(
            {(*POD, "terminationGracePeriodSeconds"): GONE},
            "terminationGracePeriodSeconds = missing: must be above drain_s, 60 (ours)",
            id="the-default-grace",
        ),
        pytest.param(
            {
                (*CONTAINER, "resources", "requests", "cpu"): "2500m",
                (*CONTAINER, "resources", "limits", "cpu"): "2500m",
            },
            'containers[0].resources.requests.cpu = "2500m": '
            "must be whole, the limit too, and above workers, 1 (ours)",
            id="a-part-of-a-processor",
        ),
        pytest.param(
            {
                (*CONTAINER, "resources", "requests", "cpu"): "1",
                (*CONTAINER, "resources", "limits", "cpu"): "1",
            },
            'containers[0].resources.requests.cpu = "1": '
            "must be whole, the limit too, and above workers, 1 (ours)",
            id="no-processor-beside-the-sender's",
        ),
        pytest.param(
            {(*CONTAINER, "resources", "limits", "cpu"): "4"},
            'containers[0].resources.requests.cpu = "2": '
            "must be whole, the limit too, and above workers, 1 (ours)",
            id="a-limit-unlike-the-request",
        ),
    ],
)
def test_a_planted_fault_of_the_pod_gets_its_one_line(
    targets: dict[str, Target], crd_dir: Path | None, edits: dict[FieldPath, Any], line: str
) -> None:
    planted = plant(targets[SERVICE], "Job/r1-loadtest", edits)

    place = f"{SERVICE}/job.yaml: Job/r1-loadtest: spec.template.spec"
    assert lines(planted, crd_dir) == [f"{place}.{line}"]


def test_a_job_that_is_ended_before_its_run_gets_its_one_line(
    targets: dict[str, Target], crd_dir: Path | None
) -> None:
    planted = plant(targets[SERVICE], "Job/r1-loadtest", {("spec", "activeDeadlineSeconds"): 600})

    assert lines(planted, crd_dir) == [
        f"{SERVICE}/job.yaml: Job/r1-loadtest: spec.activeDeadlineSeconds = 600: "
        "must be at least duration_s and drain_s, and 300: 960 (ours)"
    ]


def test_an_untagged_image_of_the_tools_is_found(
    targets: dict[str, Target], crd_dir: Path | None
) -> None:
    edits = {(*CONTAINER, "image"): "ghcr.io/kserve-r1/tools"}
    planted = plant(targets["loadtest/latest"], "Job/r1-loadtest-latest", edits)

    assert lines(planted, crd_dir) == [
        "loadtest/service/kustomization.yaml: Job/r1-loadtest-latest: "
        'spec.template.spec.containers[0].image = "ghcr.io/kserve-r1/tools": '
        "must have a tag, not latest, or a digest (ours)"
    ]
