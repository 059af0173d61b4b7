"""What a real API server answers, and what is said where it does not."""

from pathlib import Path

import pytest

from loadtest.coldstart.cluster import Cluster, open_cluster
from loadtest.coldstart.pods import Mark
from loadtest.errors import TargetError, UsageError
from tests.loadtest.coldstart.kubelet import Kubelet


def opened(kubelet: Kubelet, context: str | None = None) -> Cluster:
    return open_cluster(kubelet.kubeconfig, context, kubelet.namespace)


def test_pods_of_the_service_alone_are_listed(kubelet: Kubelet) -> None:
    kubelet.make_pod("mine")
    cluster = opened(kubelet)

    assert [pod.name for pod in cluster.list_pods("r1").pods] == ["mine"]
    assert cluster.list_pods("other").pods == []


def test_date_of_an_answer_is_that_of_this_machine_which_is_the_servers_too(
    kubelet: Kubelet,
) -> None:
    made_at = kubelet.make_pod().metadata.creation_timestamp.timestamp()

    listed = opened(kubelet).list_pods("r1")

    assert listed.pods[0].marks[Mark.POD_CREATED] == made_at
    assert 0 <= listed.clock.date_s - made_at <= 5


def test_events_of_the_pod_tell_of_its_image(kubelet: Kubelet) -> None:
    made = kubelet.make_pod()
    kubelet.say_event(made, Mark.PULLED, "Pulled")
    cluster = opened(kubelet)

    found = cluster.list_image_events(cluster.list_pods("r1").pods[0])

    assert found is not None
    assert found.was_present is True


def test_service_that_keeps_a_pod_is_refused_by_its_field(kubelet: Kubelet) -> None:
    kubelet.make_service(minReplicas=1)

    with pytest.raises(TargetError, match=r"spec.predictor.minReplicas is 1, must be 0"):
        opened(kubelet).read_service("r1")


def test_service_that_is_not_there_is_named(kubelet: Kubelet) -> None:
    with pytest.raises(
        TargetError, match=f"no InferenceService r2 in namespace {kubelet.namespace}"
    ):
        opened(kubelet).read_service("r2")


def test_missing_permission_is_named_by_verb_and_resource(kubelet: Kubelet) -> None:
    cluster = opened(kubelet, "dev")

    with pytest.raises(TargetError, match="no permission to list pods in namespace cold-"):
        cluster.list_pods("r1")
    with pytest.raises(TargetError, match=r"to get serving.kserve.io/inferenceservices in"):
        cluster.read_service("r1")


def test_events_that_must_not_be_read_are_none(kubelet: Kubelet) -> None:
    kubelet.make_pod()
    (pod,) = opened(kubelet).list_pods("r1").pods

    assert opened(kubelet, "dev").list_image_events(pod) is None


def test_unknown_context_is_named(kubelet: Kubelet) -> None:
    with pytest.raises(UsageError, match=r"--context is nowhere: .*nowhere"):
        opened(kubelet, "nowhere")


def test_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--kubeconfig is .*/none"):
        open_cluster(tmp_path / "none", None, "apps")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            b"users:\n- [b: hush", ", must be YAML: it cannot be read at line 2", id="yaml"
        ),
        pytest.param(b"\x00\xff", ", must be YAML: it cannot be read", id="binary"),
        pytest.param(b"[" * 1000, ", must be YAML: it cannot be read", id="brackets"),
        pytest.param(b"- hush", ", must be a YAML mapping with clusters, users", id="list"),
        pytest.param(b"", ", must be a YAML mapping with clusters, users", id="empty"),
        pytest.param(
            b"current-context: x\ncontexts: 5",
            ", --context is unset: it is no kubeconfig (TypeError)",
            id="fields",
        ),
    ],
)
def test_file_that_is_no_kubeconfig_is_named_without_its_text(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_bytes(content)

    with pytest.raises(UsageError) as raised:
        open_cluster(path, None, "apps")

    assert str(raised.value).startswith(f"--kubeconfig is {path}{message}")
    assert "hush" not in str(raised.value)


def test_directory_is_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^--kubeconfig is {tmp_path}, must be a regular file$"):
        open_cluster(tmp_path, None, "apps")


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: x
clusters: [{name: x, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: x, user: {}}]
contexts: [{name: x, context: {cluster: x, user: x}}]
"""


def test_api_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)

    with pytest.raises(TargetError) as raised:
        open_cluster(path, None, "apps").list_pods("r1")

    assert str(raised.value) == (
        "cannot reach the Kubernetes API at http://127.0.0.1:1: Connection refused"
    )
