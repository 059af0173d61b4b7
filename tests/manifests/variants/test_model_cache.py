"""The model cache's Job: what it runs, and what it fills."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from manifests.lint.render import Document
from tests.manifests.variants.hub import Hub
from tests.manifests.variants.overlay import build, service_of

REVISION = "ad9f0ae0864d7fbcd1cd905e3c6c5b069cc8b562"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    return build(tmp_path_factory.mktemp("cache"), ["model-cache"])


def find(documents: list[Document], kind: str, prefix: str) -> dict[str, Any]:
    [body] = [d.body for d in documents if d.kind == kind and d.name.startswith(prefix)]
    return body


@pytest.fixture(scope="module")
def pod(documents: list[Document]) -> dict[str, Any]:
    return find(documents, "Job", "r1-model-cache")["spec"]["template"]


def command_of(documents: list[Document], container: dict[str, Any]) -> list[str]:
    """The container's command, with variables filled in as the kubelet does."""
    [source] = container["envFrom"]
    command = [*container["command"], *container["args"]]
    for name, value in find(documents, "ConfigMap", source["configMapRef"]["name"])["data"].items():
        command = [word.replace(f"$({name})", value) for word in command]
    return command


def test_the_job_runs_the_program_that_the_tests_run_with_settings_it_takes(
    documents: list[Document], pod: dict[str, Any], hub: Hub, tmp_path: Path
) -> None:
    command = command_of(documents, pod["spec"]["containers"][0])
    program = tmp_path / "program"
    program.mkdir()
    mounted = pod["spec"]["volumes"][0]["configMap"]["name"]
    for name, content in find(documents, "ConfigMap", mounted)["data"].items():
        (program / name).write_text(content)
    here = [
        word.replace("/etc/model-cache", str(program)).replace("=/models", f"={tmp_path}")
        for word in command
    ]
    done = subprocess.run(
        [sys.executable, *here[1:], f"--hub={hub.url}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    path = f"/deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B/resolve/{REVISION}/config.json"
    assert done.stderr == f"{hub.url}{path} answers 404 Not Found\n"


def test_it_fills_the_directory_that_the_predictor_mounts(
    documents: list[Document], pod: dict[str, Any]
) -> None:
    env = service_of(documents)["spec"]["predictor"]["containers"][0]["env"]
    [uri] = [entry["value"] for entry in env if entry["name"] == "STORAGE_URI"]
    mounts = {mount["name"]: mount for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    claim = volumes["models"]["persistentVolumeClaim"]["claimName"]
    directory = uri.removeprefix(f"pvc://{claim}/")
    assert pod["spec"]["containers"][0]["args"][-1] == (
        f"--directory={mounts['models']['mountPath']}/{directory}"
    )


def test_it_writes_as_the_user_that_the_predictor_reads_as(
    documents: list[Document], pod: dict[str, Any]
) -> None:
    reader = service_of(documents)["spec"]["predictor"]["containers"][0]["securityContext"]
    assert pod["spec"]["containers"][0]["securityContext"] == reader
    # A fresh volume is root's: its group may write.
    assert pod["spec"]["securityContext"]["fsGroup"] == reader["runAsGroup"]


def test_its_pod_gets_no_sidecar_so_that_the_job_ends(pod: dict[str, Any]) -> None:
    assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"


def test_its_pod_may_reach_names_and_https_outside_the_cluster_alone(
    documents: list[Document], pod: dict[str, Any]
) -> None:
    policy = find(documents, "NetworkPolicy", "r1-model-cache")["spec"]
    assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    names, https = policy["egress"]
    assert [port["port"] for port in names["ports"]] == [53, 53]
    assert https["ports"] == [{"port": 443, "protocol": "TCP"}]
    blocks = [block["ipBlock"] for block in https["to"]]
    assert "169.254.0.0/16" in blocks[0]["except"]
    assert "ingress" not in policy


def test_a_changed_checksum_changes_the_job(documents: list[Document], pod: dict[str, Any]) -> None:
    mounted = pod["spec"]["volumes"][0]["configMap"]["name"]
    assert mounted.startswith("r1-model-cache-")
    assert find(documents, "ConfigMap", mounted)["data"]["SHA256SUMS"].endswith(
        "model.safetensors\n"
    )


def test_the_image_variant_names_the_same_revision_and_leaves_no_claim(tmp_path: Path) -> None:
    documents = build(tmp_path, ["model-cache/oci"])
    [entry] = service_of(documents)["spec"]["predictor"]["containers"][0]["env"]
    assert entry["value"].startswith("oci+native://")
    assert entry["value"].endswith(f":{REVISION}")
    assert "PersistentVolumeClaim" not in {d.kind for d in documents}
