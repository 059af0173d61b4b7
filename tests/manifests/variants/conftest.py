"""A hub with the demo model, the program that fills a volume from it, and a predictor on that."""

import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from manifests.lint.render import MANIFESTS
from predictor.config import DEMO_MODEL_DIR
from tests.manifests.variants.hub import REPOSITORY, REVISION, Hub, serve
from tests.predictor.server.conftest import Predictor, own_predictors

FILL = MANIFESTS / "components/model-cache/fill.py"
NAMES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
DEMO = {name: (DEMO_MODEL_DIR / name).read_bytes() for name in NAMES}


def checksums_of(files: dict[str, bytes]) -> str:
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()
    )


def command_of(hub: Hub, checksums: Path, directory: Path) -> list[str]:
    return [
        *(sys.executable, "-IB", str(FILL)),
        *(f"--hub={hub.url}", f"--repository={REPOSITORY}", f"--revision={REVISION}"),
        *(f"--checksums={checksums}", f"--directory={directory}"),
    ]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve(dict(DEMO)) as hub:
        yield hub


@pytest.fixture
def checksums(tmp_path: Path) -> Path:
    path = tmp_path / "SHA256SUMS"
    path.write_text(checksums_of(DEMO))
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The volume's directory for the model, which is not there yet."""
    volume = tmp_path / "models"
    volume.mkdir()
    return volume / "model"


@pytest.fixture
def command(hub: Hub, checksums: Path, directory: Path) -> list[str]:
    return command_of(hub, checksums, directory)


@pytest.fixture(scope="session")
def program() -> ModuleType:
    """The program's own module; its folder is no package."""
    spec = importlib.util.spec_from_file_location("fill", FILL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and the lines it wrote."""

    status: int
    lines: list[str]


@pytest.fixture
def fill(
    command: list[str], program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    """Run it to its end; further flags come last and win."""

    def run(*flags: str) -> Ended:
        status = program.main([*command[3:], *flags])
        return Ended(status, capsys.readouterr().err.splitlines())

    return run


@pytest.fixture(scope="session")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    """A predictor on a directory that the program filled."""
    volume = tmp_path_factory.mktemp("volume")
    volume.joinpath("SHA256SUMS").write_text(checksums_of(DEMO))
    with serve(dict(DEMO)) as hub:
        subprocess.run(
            command_of(hub, volume / "SHA256SUMS", volume / "model"),
            check=True,
            capture_output=True,
            timeout=60,
        )
    with own_predictors() as start:
        yield start(f"--model-dir={volume / 'model'}")
