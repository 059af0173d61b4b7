"""checkov finds nothing in the pods that become of our manifests, but what waivers.yaml lists."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.scan.checkov import Finding, Scan, find_checkov, scan
from tests.manifests.scan.targets import JOBS, SERVED, TARGETS, documents_of, scannable

pytestmark = pytest.mark.scan

WAIVERS = yaml.safe_load(Path(__file__).with_name("waivers.yaml").read_text())
WAIVED = {(waiver["check"], waiver["kind"]) for waiver in WAIVERS}


def privileged(pod: dict[str, Any]) -> None:
    pod["containers"][0]["securityContext"]["privileged"] = True


def latest(pod: dict[str, Any]) -> None:
    pod["containers"][0]["image"] = "ghcr.io/kserve-r1/predictor:latest"


def unlimited(pod: dict[str, Any]) -> None:
    del pod["containers"][0]["resources"]["limits"]


def as_root(pod: dict[str, Any]) -> None:
    context = pod["containers"][0]["securityContext"]
    del context["runAsNonRoot"]
    context["runAsUser"] = 0


def writable(pod: dict[str, Any]) -> None:
    pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False


def capable(pod: dict[str, Any]) -> None:
    del pod["containers"][0]["securityContext"]["capabilities"]


def with_token(pod: dict[str, Any]) -> None:
    pod["automountServiceAccountToken"] = True


def on_the_host_s_network(pod: dict[str, Any]) -> None:
    pod["hostNetwork"] = True


FLAWS: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "privileged": (privileged, "CKV_K8S_16"),
    "latest": (latest, "CKV_K8S_14"),
    "unlimited": (unlimited, "CKV_K8S_13"),
    "root": (as_root, "CKV_K8S_23"),
    "writable": (writable, "CKV_K8S_22"),
    "capable": (capable, "CKV_K8S_37"),
    "token": (with_token, "CKV_K8S_38"),
    "host-network": (on_the_host_s_network, "CKV_K8S_19"),
}


def write(folder: Path, objects: list[dict[str, Any]]) -> None:
    folder.mkdir()
    for body in objects:
        path = folder / f"{body['kind']}-{body['metadata']['name']}.yaml"
        path.write_text(yaml.safe_dump(body))


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """One run for all: checkov takes its time to start."""
    checkov = find_checkov()
    folder = tmp_path_factory.mktemp("scan")
    for target in TARGETS:
        objects = scannable(documents_of(target, tmp_path_factory.mktemp("render")))
        write(folder / target, objects)
    sound = scannable(documents_of("staging", tmp_path_factory.mktemp("render")))
    for name, (plant, _) in FLAWS.items():
        [deployment] = [copy.deepcopy(body) for body in sound if body["kind"] == "Deployment"]
        plant(deployment["spec"]["template"]["spec"])
        write(folder / f"flaw-{name}", [deployment])
    return scan(checkov, folder)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found_but_what_is_waived(scanned: Scan, target: str) -> None:
    found = {finding for finding in scanned.findings if finding.target == target}
    assert {f for f in found if (f.check, f.kind) not in WAIVED} == set()


@pytest.mark.parametrize("target", SERVED)
def test_the_pods_are_looked_at(scanned: Scan, target: str) -> None:
    assert (target, "Deployment") in scanned.scanned


@pytest.mark.parametrize("target", ["model-cache", *JOBS])
def test_a_job_is_looked_at(scanned: Scan, target: str) -> None:
    assert (target, "Job") in scanned.scanned
    assert scanned.num_parsing_errors == 0


@pytest.mark.parametrize(
    "waiver", [pytest.param(waiver, id=f"{waiver['check']}-{waiver['kind']}") for waiver in WAIVERS]
)
def test_a_waiver_has_a_reason_and_is_still_needed(scanned: Scan, waiver: dict[str, str]) -> None:
    assert waiver["reason"]
    found = {(f.check, f.kind) for f in scanned.findings if f.target in TARGETS}
    assert (waiver["check"], waiver["kind"]) in found


@pytest.mark.parametrize("name", FLAWS)
def test_a_planted_flaw_is_found(scanned: Scan, name: str) -> None:
    deployment = "r1-predictor-00001-deployment"
    assert Finding(f"flaw-{name}", FLAWS[name][1], "Deployment", deployment) in scanned.findings
