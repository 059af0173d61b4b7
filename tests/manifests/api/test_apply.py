"""The manifests on a real API server with the real CRDs, through kubectl."""

import json
from collections.abc import Callable

import pytest
import yaml

from manifests.lint.render import recipes
from tests.manifests.api.conftest import Kubectl

OVERLAYS = ["overlays/dev", "overlays/model", "overlays/staging", "overlays/production"]
ISVC = ("inferenceservice", "r1", "--namespace=r1")


@pytest.fixture
def applied(kubectl: Kubectl, served: Callable[[str], str]) -> object:
    """Apply folders server-side; what was applied is deleted behind the test."""
    built: list[str] = []

    def apply(folder: str) -> str:
        built.append(served(folder))
        done = kubectl("apply", "--server-side", "--filename=-", stdin=built[-1])
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield apply
    for text in built:
        _delete(kubectl, text)


def _delete(kubectl: Kubectl, text: str) -> str:
    """Delete the objects, and play the controllers' part; return what was deleted."""
    # The namespace stays: nobody would empty it.
    kept = [d for d in yaml.safe_load_all(text) if d["kind"] != "Namespace"]
    objects = yaml.safe_dump_all(kept)
    delete = ("delete", "--filename=-", "--wait=false", "--ignore-not-found")
    done = kubectl(*delete, stdin=objects)
    assert done.returncode == 0, done.stderr
    claims = yaml.safe_dump_all(d for d in kept if d["kind"] == "PersistentVolumeClaim")
    unprotect = '--patch={"metadata":{"finalizers":null}}'
    kubectl("patch", "--filename=-", "--type=merge", unprotect, stdin=claims)
    return objects


def _objects(kubectl: Kubectl, text: str) -> list[dict[str, object]]:
    """What the server holds; a generation rises with each change of a spec."""
    items = json.loads(kubectl("get", "--filename=-", "--output=json", stdin=text).stdout)["items"]
    for item in items:
        # Kubernetes 1.20 writes a claim anew that has not changed.
        del item["metadata"]["resourceVersion"]
    return items


@pytest.mark.parametrize("name", [recipe.name for recipe in recipes()])
def test_the_server_takes_every_field(
    kubectl: Kubectl, served: Callable[[str], str], name: str
) -> None:
    # The namespace of a dry run is not there for what follows.
    kubectl("create", "namespace", "r1")
    how = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    done = kubectl("apply", *how, "--filename=-", stdin=served(name))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_second_server_side_apply_changes_nothing(
    kubectl: Kubectl, served: Callable[[str], str], applied: Callable[[str], str], folder: str
) -> None:
    applied(folder)
    before = _objects(kubectl, served(folder))
    kubectl("apply", "--server-side", "--filename=-", stdin=served(folder))
    assert _objects(kubectl, served(folder)) == before


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_second_plain_apply_changes_nothing(
    kubectl: Kubectl, served: Callable[[str], str], folder: str
) -> None:
    first = kubectl("apply", "--filename=-", stdin=served(folder))
    assert first.returncode == 0, first.stderr
    second = kubectl("apply", "--filename=-", stdin=served(folder))
    # Kubernetes 1.20 drops a Job's ttlSecondsAfterFinished, so each apply brings it anew.
    assert {
        line.split()[-1] for line in second.stdout.splitlines() if not line.startswith("job.batch/")
    } == {"unchanged"}


def test_delete_leaves_nothing(kubectl: Kubectl, served: Callable[[str], str]) -> None:
    text = served("overlays/production")
    assert kubectl("apply", "--filename=-", stdin=text).returncode == 0
    objects = _delete(kubectl, text)
    left = kubectl("get", "--filename=-", "--ignore-not-found", "--output=name", stdin=objects)
    assert left.stdout == ""


def _isvc(kubectl: Kubectl) -> dict[str, object]:
    return json.loads(kubectl("get", *ISVC, "--output=json").stdout)


def test_the_canary_is_started_by_one_edit_of_two_lines(
    kubectl: Kubectl, applied: Callable[[str], str]
) -> None:
    applied("overlays/production")
    before = _isvc(kubectl)
    applied("canary-start")
    after = _isvc(kubectl)
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    before["spec"]["predictor"]["containers"][0]["image"] = "ghcr.io/kserve-r1/predictor:0.2.0"
    before["spec"]["predictor"]["canaryTrafficPercent"] = 0
    assert after["spec"] == before["spec"]


@pytest.mark.parametrize(("patch", "percent"), [("widen", 10), ("promote", 100), ("rollback", 0)])
def test_a_canary_patch_changes_the_percent_alone(
    kubectl: Kubectl, applied: Callable[[str], str], patch: str, percent: int
) -> None:
    applied("canary-start")
    kubectl("patch", *ISVC, "--type=merge", '--patch={"spec":{"predictor":{"timeout":661}}}')
    before = _isvc(kubectl)
    file = f"--patch-file=canary-start/{patch}.patch.yaml"
    done = kubectl("patch", *ISVC, "--type=merge", file)
    assert done.returncode == 0, done.stderr
    before["spec"]["predictor"]["canaryTrafficPercent"] = percent
    assert _isvc(kubectl)["spec"] == before["spec"]


def test_an_apply_leaves_the_percent_that_a_rollout_has_set(
    kubectl: Kubectl, applied: Callable[[str], str]
) -> None:
    applied("overlays/production")
    kubectl("patch", *ISVC, "--type=merge", "--patch-file=canary-start/widen.patch.yaml")
    applied("overlays/production")
    assert _isvc(kubectl)["spec"]["predictor"]["canaryTrafficPercent"] == 10


def test_the_service_can_be_edited(kubectl: Kubectl, applied: Callable[[str], str]) -> None:
    applied("overlays/production")
    done = kubectl("edit", *ISVC, editor="sed -i 's/maxReplicas: 4/maxReplicas: 5/'")
    assert done.returncode == 0, done.stderr
    assert _isvc(kubectl)["spec"]["predictor"]["maxReplicas"] == 5


@pytest.mark.parametrize("mode", ["--server-side", "--validate=strict"])
def test_a_misspelt_field_is_refused(
    kubectl: Kubectl, served: Callable[[str], str], mode: str
) -> None:
    text = served("overlays/production").replace("containerConcurrency:", "containerConcurency:")
    done = kubectl("apply", mode, "--dry-run=server", "--filename=-", stdin=text)
    assert done.returncode != 0
    assert "spec.predictor.containerConcurency" in done.stderr.replace('"', "")


def test_a_port_s_mode_without_a_selector_is_refused(kubectl: Kubectl) -> None:
    text = """
      apiVersion: security.istio.io/v1
      kind: PeerAuthentication
      metadata: {name: planted, namespace: r1}
      spec: {portLevelMtls: {9091: {mode: PERMISSIVE}}}
    """
    done = kubectl("apply", "--server-side", "--filename=-", stdin=text)
    assert "portLevelMtls requires selector" in done.stderr
