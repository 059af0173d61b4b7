"""What systemd and its journal make of the folder's files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.manifests.single_host.front import FOLDER

UNITS = FOLDER / "etc/systemd/system"
JOURNALD = Path("/lib/systemd/systemd-journald")

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is missing: apt-get install systemd (it need not run)",
)


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "name",
    [
        "r1.target",
        "r1-predictor@.service",
        "r1-liveness@.timer",
        "r1-liveness@.service",
        "r1-kill@.service",
    ],
)
def test_systemd_finds_no_fault_with_a_unit(tmp_path: Path, name: str) -> None:
    for unit in filter(Path.is_file, UNITS.iterdir()):
        text = unit.read_text().replace("/opt/r1/bin/r1-predictor", sys.executable)
        (tmp_path / unit.name).write_text(text)

    found = analyze("verify", "--man=no", tmp_path / name)

    assert found.stderr == ""
    assert found.returncode == 0


def test_a_stop_is_told_to_the_server_alone_which_drains_with_its_engine() -> None:
    lines = UNITS.joinpath("r1-predictor@.service").read_text().splitlines()

    assert "KillMode=mixed" in lines
    assert [line for line in lines if line.startswith("KillSignal=")] == []


# Of 10, lower is better: systemd calls up to 2 OK, and a unit without a sandbox has 9.6.
@pytest.mark.parametrize(("name", "most"), [("predictor", 1.7), ("liveness", 1.2), ("kill", 1.2)])
def test_a_service_is_exposed_to_little(name: str, most: float) -> None:
    found = analyze(
        "security", "--offline=true", f"--threshold={most * 10:.0f}", UNITS / f"r1-{name}@.service"
    )

    assert found.returncode == 0, found.stdout


def test_the_journal_knows_every_setting_of_its_file() -> None:
    lines = (FOLDER / "etc/systemd/journald.conf.d/r1.conf").read_text().splitlines()
    names = [line.split("=")[0] for line in lines if "=" in line]

    known = JOURNALD.read_bytes()

    assert len(names) == 8
    assert [name for name in names if f"Journal.{name}\0".encode() not in known] == []
