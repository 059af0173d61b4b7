"""A copy of the tree to break, and the CRDs."""

import os
import shutil
from pathlib import Path

import pytest

from manifests.lint.__main__ import BESIDE
from manifests.lint.render import MANIFESTS


@pytest.fixture(scope="session")
def crd_dir(pytestconfig: pytest.Config) -> Path | None:
    """None: most rules need no CRDs."""
    given = pytestconfig.getoption("--crd-dir") or os.environ.get("TEST_CRD_DIR")
    folder = Path(given) if given else BESIDE
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def crds(crd_dir: Path | None) -> Path:
    if crd_dir is None:
        pytest.skip("no CRDs: give --crd-dir or TEST_CRD_DIR, or put them in ../shared/crds")
    return crd_dir


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    copy = tmp_path / "manifests"
    shutil.copytree(MANIFESTS, copy, ignore=shutil.ignore_patterns("single-host", "__pycache__"))
    return copy
