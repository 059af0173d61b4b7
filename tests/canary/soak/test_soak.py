"""Rollouts that are killed and disturbed end with old 100 %, new 100 % or an acknowledged hold."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 600


def _soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own: this one may have threads, which do not live through a fork."""
    return subprocess.run(
        [sys.executable, "-m", "tests.canary.soak", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=TIMEOUT_S,
    )


@pytest.mark.timeout(TIMEOUT_S)
def test_50_killed_and_50_disturbed_rollouts_end_well() -> None:
    done = _soak("--kills=50", "--faults=50")

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert "kills: 50 rollouts" in done.stdout
    assert "faults: 50 rollouts" in done.stdout
    assert "new 100 %" in done.stdout
    assert "old 100 %" in done.stdout
