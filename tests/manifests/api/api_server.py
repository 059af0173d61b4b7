"""A Kubernetes API server for tests: one that is given, or one started on loopback."""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.manifests.ports import free_ports

SHARED = Path(__file__).parents[4] / "shared"
MISSING = (
    "no API server: set TEST_KUBECONFIG to the kubeconfig of a server for tests alone, or "
    "KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver (`setup-envtest use -p path`) "
    "and give --crd-dir"
)
STARTUP_S = 120


@contextmanager
def api_server(workdir: Path, crd_dir: Path | None) -> Iterator[Path]:
    """Yield a kubeconfig with every right; skips the test where no server is to be had."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    script = SHARED / "envtest" / "up"
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if given := os.environ.get("TEST_KUBECONFIG"):
        yield Path(given)
    elif script.exists():
        done = subprocess.run([script, workdir], check=True, capture_output=True, timeout=STARTUP_S)
        try:
            yield Path(done.stdout.decode().strip())
        finally:
            subprocess.run([script, workdir, "--down"], check=True, timeout=60)
    elif assets and crd_dir:
        with _envtest(Path(assets), workdir) as kubeconfig:
            _install(crd_dir, kubeconfig)
            yield kubeconfig
    else:
        pytest.skip(MISSING)


@contextmanager
def _envtest(assets: Path, workdir: Path) -> Iterator[Path]:
    """Start controller-runtime's pair of binaries."""
    workdir.mkdir(parents=True)
    client_port, peer_port, api_port = free_ports(3)
    token = secrets.token_hex(16)
    workdir.joinpath("tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    subprocess.run(
        ["openssl", "genrsa", "-out", "service-accounts.key", "2048"],
        check=True,
        capture_output=True,
        cwd=workdir,
    )
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    etcd = [
        assets / "etcd",
        "--data-dir=etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]
    apiserver = [
        assets / "kube-apiserver",
        f"--etcd-servers={client}",
        "--bind-address=127.0.0.1",
        f"--secure-port={api_port}",
        "--cert-dir=certs",
        "--token-auth-file=tokens.csv",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-key-file=service-accounts.key",
        "--service-account-signing-key-file=service-accounts.key",
        "--service-cluster-ip-range=10.96.0.0/24",
        "--endpoint-reconciler-type=none",
        "--disable-admission-plugins=ServiceAccount",
    ]
    kubeconfig = _write_kubeconfig(workdir, f"https://127.0.0.1:{api_port}", token)
    with _running(etcd, workdir), _running(apiserver, workdir):
        _wait(kubeconfig)
        yield kubeconfig


@contextmanager
def _running(command: list[str | Path], workdir: Path) -> Iterator[None]:
    log = workdir / f"{Path(command[0]).name}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, cwd=workdir) as it,
    ):
        try:
            yield
        finally:
            it.kill()


def _write_kubeconfig(workdir: Path, server: str, token: str) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "admin",
        "clusters": [
            {"name": "test", "cluster": {"server": server, "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "admin", "context": {"cluster": "test", "user": "admin"}}],
    }
    path = workdir / "kubeconfig"
    path.write_text(json.dumps(config))
    return path


def _wait(kubeconfig: Path) -> None:
    deadline = time.monotonic() + STARTUP_S
    command = ["kubectl", f"--kubeconfig={kubeconfig}", "get", "--raw=/readyz"]
    while subprocess.run(command, check=False, capture_output=True).returncode != 0:
        assert time.monotonic() < deadline, "the API server did not become ready"


def _install(crd_dir: Path, kubeconfig: Path) -> None:
    kubectl = ["kubectl", f"--kubeconfig={kubeconfig}"]
    # Server-side: the InferenceService's CRD is too large for an annotation.
    subprocess.run([*kubectl, "apply", "--server-side", f"--filename={crd_dir}"], check=True)
    established = [*kubectl, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]
    subprocess.run(established, check=True)
