"""The weights as an image, built for real."""

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from manifests.lint.render import MANIFESTS
from tests.manifests.variants.conftest import DEMO, checksums_of

DOCKERFILE = MANIFESTS / "components/model-cache/oci/Dockerfile"


@pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed")
def test_the_image_holds_the_filled_directory_under_models(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for name, content in (DEMO | {"SHA256SUMS": checksums_of(DEMO).encode()}).items():
        (model / name).write_bytes(content)
    stores = ["--root", tmp_path / "root", "--runroot", tmp_path / "run", "--storage-driver=vfs"]
    image = tmp_path / "image"
    for command in (
        ["build", "--isolation=chroot", "--file", DOCKERFILE, "--tag=model", model],
        ["push", "--disable-compression", "model", f"dir:{image}"],
    ):
        subprocess.run(["buildah", *stores, *command], check=True, capture_output=True, timeout=60)
    [layer] = [path for path in image.iterdir() if tarfile.is_tarfile(path)]
    with tarfile.open(layer) as files:
        held = {member.name: member.uid for member in files if member.isfile()}
    assert held == dict.fromkeys((f"models/{path.name}" for path in model.iterdir()), 10001)
