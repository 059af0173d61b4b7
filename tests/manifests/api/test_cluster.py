"""What cluster/ changes of an installation, and what it leaves."""

import json
from collections.abc import Callable

import pytest

from tests.manifests.api.conftest import Json, Kubectl, text_of


@pytest.fixture(scope="module")
def cluster(kubectl: Kubectl, served: Callable[[str], list[Json]]) -> Kubectl:
    """kubectl, once cluster/ is applied as its README says, twice."""
    for _ in range(2):
        # Under kubectl's own name the keys that the installation has set would go.
        how = ("--server-side", "--force-conflicts", "--field-manager=r1")
        done = kubectl("apply", *how, "--filename=-", stdin=text_of(served("cluster")))
        assert done.returncode == 0, done.stderr
    return kubectl


def _data(kubectl: Kubectl, name: str, namespace: str) -> dict[str, str]:
    done = kubectl("get", "configmap", name, f"--namespace={namespace}", "--output=json")
    return json.loads(done.stdout)["data"]


def test_long_generations_are_allowed_and_the_installed_default_stays(cluster: Kubectl) -> None:
    assert _data(cluster, "config-defaults", "knative-serving") == {
        "revision-timeout-seconds": "300",
        "max-revision-timeout-seconds": "900",
    }


def test_knative_mode_is_the_default_and_the_installed_rest_stays(cluster: Kubectl) -> None:
    data = _data(cluster, "inferenceservice-config", "kserve")
    assert json.loads(data["deploy"]) == {"defaultDeploymentMode": "Knative"}
    assert data["logger"] == '{"image": "logger"}'


def test_the_activator_outlives_the_longest_request(cluster: Kubectl) -> None:
    activator = ("deployment", "activator", "--namespace=knative-serving")
    file = "--patch-file=cluster/deployment-activator.patch.yaml"
    done = cluster("patch", *activator, file)
    assert done.returncode == 0, done.stderr
    spec = json.loads(cluster("get", *activator, "--output=json").stdout)["spec"]["template"][
        "spec"
    ]
    limit_s = _data(cluster, "config-defaults", "knative-serving")["max-revision-timeout-seconds"]
    assert spec["terminationGracePeriodSeconds"] == int(limit_s)
    assert spec["containers"][0]["image"] == "activator"
