"""Which cluster is meant, and what is told where there is none."""

from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
import yaml

from canary.cluster.connection import connect
from canary.errors import InputError, Unreachable
from tests.canary.cluster.conftest import NAMESPACE

AUTHORITY = "certificate-authority"


def test_a_kubeconfig_s_cluster_is_reached(kubeconfig: Path) -> None:
    cluster = connect(kubeconfig, None, rng=Random(1))
    assert cluster.missing_permissions(NAMESPACE, "r1") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("- a\n", "must be a YAML mapping", id="a-list"),
        pytest.param("a: [\n", "it cannot be read at line 2", id="no-yaml"),
        pytest.param("clusters: 1\nusers: [{user: {token: s3cret}}]\n", "kubeconfig", id="odd"),
    ],
)
def test_what_is_no_kubeconfig_is_told_in_a_line(tmp_path: Path, text: str, words: str) -> None:
    given = tmp_path / "config"
    given.write_text(text)
    with pytest.raises(InputError, match=words) as told:
        connect(given, None, rng=Random(1))
    assert "s3cret" not in str(told.value)


def test_a_kubeconfig_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory"):
        connect(tmp_path / "nothing", None, rng=Random(1))


def test_a_context_that_is_not_there_is_told(kubeconfig: Path) -> None:
    with pytest.raises(InputError, match="--context is elsewhere"):
        connect(kubeconfig, "elsewhere", rng=Random(1))


def test_no_cluster_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "nowhere")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(Unreachable, match="no Kubernetes cluster"):
        connect(None, None, rng=Random(1))


def test_a_pod_s_own_account_is_used(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = yaml.safe_load(kubeconfig.read_text())
    if AUTHORITY not in given["clusters"][0]["cluster"]:
        pytest.skip("the API server's kubeconfig holds no certificate to trust")
    server = urlsplit(given["clusters"][0]["cluster"]["server"])
    (tmp_path / "token").write_text(given["users"][0]["user"]["token"])
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", "nowhere")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(server.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
    place = "kubernetes.config.incluster_config.SERVICE_{}_FILENAME"
    monkeypatch.setattr(place.format("TOKEN"), str(tmp_path / "token"))
    monkeypatch.setattr(place.format("CERT"), given["clusters"][0]["cluster"][AUTHORITY])
    assert connect(None, None, rng=Random(1)).missing_permissions(NAMESPACE, "r1") == []
