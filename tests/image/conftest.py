"""The image built for real, on a base made from the distribution's packages."""

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.image.containers import RUN, Served, run, serve
from tests.image.locks import ROOT, text_of

PROGRAMS = ("buildah", "podman", "runc", "debootstrap")
# Kept between runs, like the layers: both are most of the time a first run takes.
BASE_IMAGE = "localhost/kserve-r1-test-base:bookworm"
CA_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
BUILD_TIMEOUT_S = 900
LABELS = {
    "CREATED": "2026-01-02T03:04:05Z",
    "LICENSES": "NOASSERTION",
    "REVISION": "0123456789abcdef0123456789abcdef01234567",
    "SOURCE": "https://example.org/kserve-r1",
    "VERSION": "1.2.3",
}


def bootstrap(rootfs: Path) -> None:
    """Lay out a Debian with Python and pip, such as the official Python images are."""
    packages = "--include=ca-certificates,python3,python3-venv,python3-pip"
    made = run(
        *("debootstrap", "--variant=minbase", packages, "bookworm", str(rootfs)), timeout_s=600
    )
    if made.returncode != 0:
        pytest.skip(f"debootstrap makes no base image here: {made.stdout[-300:]}")
    # Behind a proxy that signs TLS anew pip needs the certificates that this machine trusts.
    shutil.copyfile(f"/{CA_BUNDLE}", rootfs / CA_BUNDLE)
    (rootfs / "etc/pip.conf").write_text(f"[global]\ncert = /{CA_BUNDLE}\n")
    # The official images have no bytecode of the standard library.
    for cache in [*rootfs.glob("usr/lib/python3*/**/__pycache__")]:
        shutil.rmtree(cache)


def import_base(rootfs: Path) -> None:
    # As the official images have it: a target that does not replace it hands it to its entrypoint.
    command = ("podman", "import", "--change", 'CMD ["python3"]', "-", BASE_IMAGE)
    with subprocess.Popen(("tar", "-C", str(rootfs), "-c", "."), stdout=subprocess.PIPE) as archive:
        subprocess.run(command, stdin=archive.stdout, capture_output=True, check=True)
    assert archive.returncode == 0


@pytest.fixture(scope="session")
def base_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}, of Debian's packages of these names")
    if os.geteuid() != 0:
        pytest.skip("needs root: debootstrap and builds without user namespaces")
    if run("podman", "image", "exists", BASE_IMAGE).returncode != 0:
        rootfs = tmp_path_factory.mktemp("base") / "rootfs"
        bootstrap(rootfs)
        import_base(rootfs)
        shutil.rmtree(rootfs)
    tried = run(*RUN, "--user", "10001:10001", BASE_IMAGE, "true")
    if tried.returncode != 0:
        pytest.skip(f"podman runs no container here: {tried.stderr.strip()}")
    return BASE_IMAGE


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the locked torch, wherever this machine's pip finds it."""
    directory = tmp_path_factory.mktemp("wheels")
    requirement = re.search(r"^torch==.*?\n(?=\S)", text_of("cpu"), re.MULTILINE | re.DOTALL)
    assert requirement is not None
    lock = directory / "torch.txt"
    lock.write_text(requirement.group())
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
    found = run(*pip, "--dest", str(directory), "--requirement", str(lock), timeout_s=600)
    if found.returncode != 0:
        pytest.skip(f"pip finds no CPU build of torch, see PIP_FIND_LINKS: {found.stderr[-300:]}")
    return directory


@pytest.fixture(scope="session")
def build(base_image: str, wheels: Path) -> Callable[..., None]:
    """Build a target of the Dockerfile for the CPU."""

    def build(target: str, *options: str) -> None:
        arguments = LABELS | {"BASE_IMAGE": base_image, "ACCELERATOR": "cpu"}
        built = run(
            *("buildah", "build", "--isolation", "chroot", "--network", "host", "--layers"),
            *(f"--build-arg={name}={value}" for name, value in arguments.items()),
            *(f"--build-context=wheels={wheels}", "--target", target, *options),
            *("--file", str(ROOT / "predictor" / "Dockerfile"), str(ROOT)),
            timeout_s=BUILD_TIMEOUT_S,
        )
        assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]

    return build


@pytest.fixture(scope="session")
def predictor_image(build: Callable[..., None]) -> str:
    name = "localhost/kserve-r1-test-predictor"
    build("predictor", "--tag", name)
    return name


@pytest.fixture(scope="session")
def tools_image(build: Callable[..., None]) -> str:
    name = "localhost/kserve-r1-test-tools"
    build("tools", "--tag", name)
    return name


@pytest.fixture(scope="session")
def container(predictor_image: str) -> Iterator[Served]:
    """One container for every test that does not stop it."""
    served = serve(predictor_image, f"r1-{uuid.uuid4().hex[:8]}")
    yield served
    served.remove()


@pytest.fixture
def launched() -> Iterator[Callable[..., Served]]:
    """Start containers of one's own, by ``serve`` or ``launch``; they are removed at the end."""
    started: list[Served] = []

    def start(how: Callable[..., Served], image: str, *flags: str, **environment: str) -> Served:
        started.append(how(image, f"r1-{uuid.uuid4().hex[:8]}", *flags, **environment))
        return started[-1]

    yield start
    for served in started:
        served.remove()
