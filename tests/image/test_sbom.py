"""The bill of materials: valid, and about what was installed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.image.containers import run
from tests.image.locks import IMAGE, pins

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]

VALIDATE = """
import pathlib, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = pathlib.Path(sys.argv[1]).read_text()
print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(text))
"""
# Their metadata holds a licence's text or nickname where its identifier belongs; ours has none yet.
UNLICENSED = {"kserve-r1", "protobuf", "transformers"}


@pytest.fixture(scope="module")
def sbom(build: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sbom")
    build("sbom", "--output", f"type=local,dest={directory}")
    return directory / "sbom.json"


@pytest.fixture(scope="module")
def components(sbom: Path) -> dict[str, Any]:
    return {
        component["name"].lower(): component
        for component in json.loads(sbom.read_text())["components"]
    }


def test_it_is_valid_cyclonedx(sbom: Path, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path)], check=True)
    pip = (str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes")
    installed = run(*pip, "--requirement", str(IMAGE / "sbom.txt"), timeout_s=300)
    assert installed.returncode == 0, installed.stderr

    result = run(str(python), "-c", VALIDATE, str(sbom))
    assert (result.stdout, result.stderr) == ("None\n", "")


def test_it_names_every_locked_package_with_its_version_and_address(
    components: dict[str, Any],
) -> None:
    named = {component.get("purl") for component in components.values()}
    purls = {f"pkg:pypi/{n}@{v.replace('+', '%2B')}" for n, v in pins("cpu").items()}

    assert named - {None} == purls


def test_it_names_the_licence_of_every_package_that_declares_one(
    components: dict[str, Any],
) -> None:
    unlicensed = {name for name, component in components.items() if not component.get("licenses")}

    assert unlicensed == UNLICENSED


def test_it_says_what_depends_on_what(sbom: Path) -> None:
    dependencies = json.loads(sbom.read_text())["dependencies"]
    graph = {entry["ref"]: set(entry.get("dependsOn", ())) for entry in dependencies}
    (ours,) = [ref for ref in graph if ref.startswith("kserve-r1==")]

    assert {"kserve==0.21.0", "torch==2.13.0+cpu"} <= graph[ours]
