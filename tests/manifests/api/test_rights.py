"""What the ServiceAccounts may do, as the API server's RBAC decides it."""

from collections.abc import Callable

import pytest

from tests.manifests.api.conftest import Kubectl


@pytest.fixture(scope="module", autouse=True)
def _roles(kubectl: Kubectl, served: Callable[[str], str]) -> None:
    done = kubectl("apply", "--filename=-", stdin=served("overlays/production"))
    assert done.returncode == 0, done.stderr


def _may(kubectl: Kubectl, account: str, verb: str, what: str, namespace: str = "r1") -> bool:
    identity = f"--as=system:serviceaccount:r1:{account}"
    done = kubectl("auth", "can-i", verb, what, f"--namespace={namespace}", identity)
    return done.stdout.strip() == "yes"


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("get", "inferenceservices.serving.kserve.io/r1"),
        ("patch", "inferenceservices.serving.kserve.io/r1"),
        ("list", "pods"),
        ("create", "configmaps"),
        ("update", "configmaps/r1-canary"),
        ("create", "leases.coordination.k8s.io"),
        ("update", "leases.coordination.k8s.io/r1-canary"),
        ("create", "events.events.k8s.io"),
    ],
)
def test_the_rollout_tool_may(kubectl: Kubectl, verb: str, what: str) -> None:
    assert _may(kubectl, "r1-canary", verb, what)


@pytest.mark.parametrize(
    ("verb", "what", "namespace"),
    [
        ("patch", "inferenceservices.serving.kserve.io/other", "r1"),
        ("list", "inferenceservices.serving.kserve.io", "r1"),
        ("update", "inferenceservices.serving.kserve.io/r1", "r1"),
        ("patch", "inferenceservices.serving.kserve.io/r1/status", "r1"),
        ("delete", "inferenceservices.serving.kserve.io/r1", "r1"),
        ("patch", "services.serving.knative.dev", "r1"),
        ("update", "configmaps/r1-defaults", "r1"),
        ("delete", "configmaps/r1-canary", "r1"),
        ("update", "leases.coordination.k8s.io/other", "r1"),
        ("get", "secrets", "r1"),
        ("delete", "pods", "r1"),
        ("create", "pods", "r1"),
        ("patch", "inferenceservices.serving.kserve.io/r1", "default"),
    ],
)
def test_the_rollout_tool_may_not(kubectl: Kubectl, verb: str, what: str, namespace: str) -> None:
    assert not _may(kubectl, "r1-canary", verb, what, namespace)


@pytest.mark.parametrize(
    "what", ["pods", "secrets", "configmaps", "inferenceservices.serving.kserve.io"]
)
def test_the_predictor_may_read_nothing(kubectl: Kubectl, what: str) -> None:
    assert not _may(kubectl, "r1-predictor", "get", what)
