"""The tour as a user takes it, and its reports as a browser shows them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import show

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where the reports are, and what was printed."""
    directory = tmp_path_factory.mktemp("tour") / "demo"
    command = [sys.executable, "-m", "loadtest.demo", str(directory)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=540)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return directory, ended.stdout


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [("pass", ["pass"]), ("fail", ["fail"]), ("knee", ["pass", "insufficient"])],
)
def test_a_browser_shows_each_verdict(
    tour: tuple[Path, str], name: str, verdicts: list[str], tmp_path: Path
) -> None:
    shown = show(tour[0] / name / "report.html", tmp_path)

    assert any(f'id="verdict">{verdict}</span>' in shown.document for verdict in verdicts)
    assert not shown.complaints


def test_every_command_and_its_status_is_printed(tour: tuple[Path, str]) -> None:
    lines = tour[1].splitlines()

    assert [line.split()[2] for line in lines if line.startswith("$ r1-loadtest")] == [
        *("run", "run", "knee", "compare")
    ]
    assert "exit status 0" in lines
    assert "exit status 1" in lines
