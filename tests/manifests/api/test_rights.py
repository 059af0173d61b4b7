"""What the ServiceAccounts may do, as the API server's RBAC decides it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.manifests.api.conftest import Json, Kubectl, text_of

KSERVE, KNATIVE = "serving.kserve.io", "serving.knative.dev"
LEASES, EVENTS = "coordination.k8s.io", "events.k8s.io"


@dataclass(frozen=True, slots=True)
class Act:
    """What an account does to a resource, which may be RESOURCE/SUBRESOURCE."""

    verb: str
    resource: str
    group: str = ""
    name: str = ""
    namespace: str = "r1"
    account: str = "r1-canary"

    def __str__(self) -> str:
        return " ".join(filter(None, [self.verb, self.resource, self.name, self.namespace]))

    def review(self) -> Json:
        resource, _, subresource = self.resource.partition("/")
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:r1:{self.account}",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:r1"],
                "resourceAttributes": {
                    "verb": self.verb,
                    "group": self.group,
                    "resource": resource,
                    "subresource": subresource,
                    "name": self.name,
                    "namespace": self.namespace,
                },
            },
        }


ALLOWED = [
    Act("get", "inferenceservices", KSERVE, "r1"),
    Act("patch", "inferenceservices", KSERVE, "r1"),
    Act("list", "pods"),
    Act("create", "configmaps"),
    Act("update", "configmaps", name="r1-canary"),
    Act("create", "leases", LEASES),
    Act("update", "leases", LEASES, "r1-canary"),
    Act("create", "events", EVENTS),
]
FORBIDDEN = [
    Act("patch", "inferenceservices", KSERVE, "other"),
    Act("list", "inferenceservices", KSERVE),
    Act("update", "inferenceservices", KSERVE, "r1"),
    Act("patch", "inferenceservices/status", KSERVE, "r1"),
    Act("delete", "inferenceservices", KSERVE, "r1"),
    Act("patch", "services", KNATIVE),
    Act("update", "configmaps", name="r1-defaults"),
    Act("delete", "configmaps", name="r1-canary"),
    Act("update", "leases", LEASES, "other"),
    Act("get", "secrets"),
    Act("delete", "pods"),
    Act("create", "pods"),
    Act("patch", "inferenceservices", KSERVE, "r1", namespace="default"),
]
OF_THE_PREDICTOR = [
    Act("get", "pods", account="r1-predictor"),
    Act("get", "secrets", account="r1-predictor"),
    Act("get", "configmaps", account="r1-predictor"),
    Act("get", "inferenceservices", KSERVE, account="r1-predictor"),
]


@pytest.fixture(scope="module")
def answers(kubectl: Kubectl, served: Callable[[str], list[Json]]) -> dict[Act, bool]:
    """Of all at once: each kubectl takes its time."""
    done = kubectl("apply", "--filename=-", stdin=text_of(served("overlays/production")))
    assert done.returncode == 0, done.stderr
    acts = [*ALLOWED, *FORBIDDEN, *OF_THE_PREDICTOR]
    reviews = text_of([act.review() for act in acts])
    verdict = '--output=jsonpath={.status.allowed}{"\\n"}'
    done = kubectl("create", "--filename=-", verdict, stdin=reviews)
    assert done.returncode == 0, done.stderr
    allowed = [{"true": True, "false": False}[word] for word in done.stdout.split()]
    return dict(zip(acts, allowed, strict=True))


@pytest.mark.parametrize("act", ALLOWED, ids=str)
def test_the_rollout_tool_may(answers: dict[Act, bool], act: Act) -> None:
    assert answers[act]


@pytest.mark.parametrize("act", FORBIDDEN, ids=str)
def test_the_rollout_tool_may_not(answers: dict[Act, bool], act: Act) -> None:
    assert not answers[act]


@pytest.mark.parametrize("act", OF_THE_PREDICTOR, ids=str)
def test_the_predictor_may_read_nothing(answers: dict[Act, bool], act: Act) -> None:
    assert not answers[act]
