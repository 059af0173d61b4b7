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
@pytest.mark.parametrize("num", [15, pytest.param(50, marks=pytest.mark.nightly)])
def test_killed_and_disturbed_rollouts_end_well(num: int) -> None:
    done = _soak(f"--kills={num}", f"--faults={num}")

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
    assert f"kills: {num} rollouts" in done.stdout
    assert f"faults: {num} rollouts" in done.stdout
    assert "new 100 %" in done.stdout
    assert "old 100 %" in done.stdout
