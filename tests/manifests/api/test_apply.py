"""The manifests on a real API server with the real CRDs, through kubectl."""

import json
from collections.abc import Callable

import pytest

from manifests.lint.render import recipes
from tests.manifests.api.conftest import Json, Kubectl, text_of

OVERLAYS = [
    "overlays/dev",
    "overlays/model",
    # Production's objects with other numbers.
    pytest.param("overlays/staging", marks=pytest.mark.nightly),
    "overlays/production",
]
ISVC = ("inferenceservice", "r1", "--namespace=r1")


@pytest.fixture
def applied(kubectl: Kubectl, served: Callable[[str], list[Json]]) -> object:
    """Apply folders server-side; what was applied is deleted behind the test."""
    built: list[Json] = []

    def apply(folder: str) -> str:
        built.extend(served(folder))
        text = text_of(served(folder))
        done = kubectl("apply", "--server-side", "--filename=-", stdin=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield apply
    _delete(kubectl, list({_identity(body): body for body in built}.values()))


def _identity(body: Json) -> tuple[str, str | None, str]:
    return body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"]


def _delete(kubectl: Kubectl, bodies: list[Json]) -> str:
    """Delete the objects, and play the controllers' part; return what was deleted."""
    # The namespace stays: nobody would empty it.
    kept = [body for body in bodies if body["kind"] != "Namespace"]
    objects = text_of(kept)
    delete = ("delete", "--filename=-", "--wait=false", "--ignore-not-found")
    done = kubectl(*delete, stdin=objects)
    assert done.returncode == 0, done.stderr
    if claims := [body for body in kept if body["kind"] == "PersistentVolumeClaim"]:
        unprotect = '--patch={"metadata":{"finalizers":null}}'
        kubectl("patch", "--filename=-", "--type=merge", unprotect, stdin=text_of(claims))
    return objects


def _objects(kubectl: Kubectl, text: str) -> list[dict[str, object]]:
    """What the server holds; a generation rises with each change of a spec."""
    items = json.loads(kubectl("get", "--filename=-", "--output=json", stdin=text).stdout)["items"]
    for item in items:
        # Kubernetes 1.20 writes a claim anew that has not changed.
        del item["metadata"]["resourceVersion"]
    return items


def test_the_server_takes_every_field_of_every_target(
    kubectl: Kubectl, served: Callable[[str], list[Json]]
) -> None:
    # The namespace of a dry run is not there for what follows.
    kubectl("create", "namespace", "r1")
    # Most targets share most objects.
    bodies = {json.dumps(body): body for recipe in recipes() for body in served(recipe.name)}
    how = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    done = kubectl("apply", *how, "--filename=-", stdin=text_of([*bodies.values()]))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(bodies) > 50


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_second_server_side_apply_changes_nothing(
    kubectl: Kubectl,
    served: Callable[[str], list[Json]],
    applied: Callable[[str], str],
    folder: str,
) -> None:
    applied(folder)
    text = text_of(served(folder))
    before = _objects(kubectl, text)
    kubectl("apply", "--server-side", "--filename=-", stdin=text)
    assert _objects(kubectl, text) == before


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_second_plain_apply_changes_nothing(
    kubectl: Kubectl, served: Callable[[str], list[Json]], folder: str
) -> None:
    text = text_of(served(folder))
    first = kubectl("apply", "--filename=-", stdin=text)
    assert first.returncode == 0, first.stderr
    second = kubectl("apply", "--filename=-", stdin=text)
    # Kubernetes 1.20 drops a Job's ttlSecondsAfterFinished, so each apply brings it anew.
    assert {
        line.split()[-1] for line in second.stdout.splitlines() if not line.startswith("job.batch/")
    } == {"unchanged"}


def test_delete_leaves_nothing(kubectl: Kubectl, served: Callable[[str], list[Json]]) -> None:
    bodies = served("overlays/production")
    assert kubectl("apply", "--filename=-", stdin=text_of(bodies)).returncode == 0
    objects = _delete(kubectl, bodies)
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
    kubectl: Kubectl, served: Callable[[str], list[Json]], mode: str
) -> None:
    text = text_of(served("overlays/production"))
    text = text.replace('"containerConcurrency":', '"containerConcurency":')
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
