"""What the Role of manifests/ grants, by acting as its ServiceAccount."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.connection import open_transport
from canary.cluster.permissions import RIGHTS
from canary.cluster.store import Stored
from canary.cluster.transport import Request, Transport
from canary.errors import Conflict, Forbidden
from canary.rollout.actions import Patch
from canary.rollout.service import Service
from canary.rollout.state import Live, Template
from tests.canary.cluster.api import CONTAINER, make_namespace, make_service, write_kubeconfig

FOLDER = Path(__file__).parents[3] / "manifests" / "components" / "canary-rbac"
NAMESPACE = "r1"
SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/r1/inferenceservices"
OBJECTS = ("serviceaccount", "role", "rolebinding")
# Of system:basic-user and system:discovery, which bind whoever has logged in.
EVERYBODY_S = ("authorization.k8s.io", "authentication.k8s.io")


def _kubectl(kubeconfig: Path, *args: str) -> str:
    command = ["kubectl", f"--kubeconfig={kubeconfig}", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(scope="module")
def token(kubeconfig: Path) -> Iterator[str]:
    """A token of the ServiceAccount, bound by the Role as it stands in manifests/."""
    admin = open_transport(kubeconfig, None)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    admin.exchange(Request("POST", "/api/v1/namespaces", body=body))
    files = [f"--filename={FOLDER / name}.yaml" for name in OBJECTS]
    _kubectl(kubeconfig, "apply", "--server-side", *files)
    yield _kubectl(kubeconfig, "create", "token", "r1-canary", f"--namespace={NAMESPACE}").strip()
    _kubectl(kubeconfig, "delete", *files)


@pytest.fixture
def account(kubeconfig: Path, tmp_path: Path, token: str, bind: Callable[[Transport], Api]) -> Api:
    """The tool's client, as its ServiceAccount."""
    server = write_kubeconfig(kubeconfig, tmp_path / "account", token=token)
    return bind(open_transport(server, None))


@pytest.fixture
def r1(api: Api, cluster: Cluster, transport: Transport) -> Iterator[Service]:
    """The one InferenceService that the Role names; all of it is gone behind the test."""
    make_namespace(api, NAMESPACE)
    make_service(api, NAMESPACE, "r1")
    yield cluster.read_service(NAMESPACE, "r1")
    state = "/api/v1/namespaces/r1/configmaps/r1-canary"
    lock = "/apis/coordination.k8s.io/v1/namespaces/r1/leases/r1-canary"
    for path in (f"{SERVICES}/r1", state, lock):
        transport.exchange(Request("DELETE", path))


def test_the_account_has_every_right_that_the_tool_asks_for(account: Api, r1: Service) -> None:
    assert Cluster(account).missing_permissions(NAMESPACE, "r1") == []


def test_the_account_has_no_right_beyond_them(account: Api, r1: Service) -> None:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": NAMESPACE},
    }
    answer = account.call(
        Request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body=body)
    )
    granted = {
        right
        for rule in answer["status"]["resourceRules"]
        for right in _rights(rule)
        if right[0] not in EVERYBODY_S
    }
    assert granted == {
        (right.group, right.resource, right.verb, right.name("r1")) for right in RIGHTS
    }


def _rights(rule: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (group, resource, verb, name)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames") or [""]
    ]


def test_a_whole_rollout_needs_no_more(account: Api, r1: Service) -> None:
    cluster = Cluster(account)
    service = cluster.read_service(NAMESPACE, "r1")
    template = {"containers": [{**CONTAINER, "image": "predictor:2"}]}
    with cluster.lease(service, "one") as lease:
        store = cluster.store(service)
        stored = store.write(Stored(rollout="{}", holder="one"))
        admitted = cluster.dry_run_template(service, template, 0)
        begun = Patch(Live(admitted, 0), Template(template, admitted), service.resource_version)
        service = cluster.patch(NAMESPACE, "r1", begun)
        assert store.write(stored).rollout == "{}"
        account.sleep(20)
        lease.renew_if_due()
        cluster.tell(
            service,
            key="a/1",
            time=1_700_000_000.0,
            reason="Started",
            text="",
            is_warning=False,
            instance="one",
        )
        assert cluster.pods_of(NAMESPACE, "r1-predictor-00002").num_pods == 0
    assert service.percent == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", SERVICES, id="list-services"),
        pytest.param("DELETE", f"{SERVICES}/r1", id="delete-the-service"),
        pytest.param("GET", "/api/v1/namespaces/r1/secrets", id="secrets"),
        pytest.param("GET", "/api/v1/namespaces/r1/configmaps/other", id="another-s-state"),
        pytest.param("DELETE", "/api/v1/namespaces/r1/configmaps/r1-canary", id="delete-state"),
        pytest.param("DELETE", "/api/v1/namespaces/r1/pods/x", id="delete-a-pod"),
        pytest.param("GET", "/api/v1/namespaces/kube-system/pods", id="another-namespace"),
        pytest.param("GET", "/api/v1/nodes", id="nodes"),
        pytest.param("GET", "/apis/serving.knative.dev/v1/namespaces/r1/revisions", id="knative"),
    ],
)
def test_what_the_tool_does_not_need_is_refused(account: Api, method: str, path: str) -> None:
    with pytest.raises(Forbidden, match="system:serviceaccount:r1:r1-canary may not"):
        account.call(Request(method, path))


def test_a_refusal_names_user_verb_and_object(account: Api) -> None:
    words = "r1-canary may not get inferenceservices/other in namespace r1"
    with pytest.raises(Forbidden, match=words):
        Cluster(account).read_service(NAMESPACE, "other")


def test_a_stranger_s_missing_rights_are_listed(
    api: Api, bind: Callable[[Transport], Api], kubeconfig: Path, tmp_path: Path
) -> None:
    make_namespace(api, "elsewhere")
    _kubectl(kubeconfig, "apply", "--server-side", f"--filename={_account_elsewhere(tmp_path)}")
    other = _kubectl(kubeconfig, "create", "token", "nobody", "--namespace=elsewhere").strip()
    server = write_kubeconfig(kubeconfig, tmp_path / "nobody", token=other)
    missing = Cluster(bind(open_transport(server, None))).missing_permissions(NAMESPACE, "r1")
    assert len(missing) == len(RIGHTS)
    assert "patch inferenceservices.serving.kserve.io/r1 in r1" in missing
    assert "create configmaps in r1" in missing


def _account_elsewhere(folder: Path) -> Path:
    path = folder / "account.yaml"
    meta = "metadata: {name: nobody, namespace: elsewhere}"
    path.write_text(f"apiVersion: v1\nkind: ServiceAccount\n{meta}\n")
    return path


def test_an_update_of_the_spec_by_the_account_needs_the_version(
    account: Api, api: Api, r1: Service
) -> None:
    cluster = Cluster(account)
    first = Patch(Live(r1.fingerprint, 5), None, r1.resource_version)
    cluster.patch(NAMESPACE, "r1", first)
    with pytest.raises(Conflict):
        cluster.patch(NAMESPACE, "r1", first)
