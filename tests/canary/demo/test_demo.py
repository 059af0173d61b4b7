"""The demonstration as a user starts it, and its reports as a browser shows them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import show
from tests.canary.demo.scenarios import SCENARIOS, Scenario
from tests.manifests.monitoring.conftest import installed

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(600)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_canary_ends_as_it_should_within_its_time(
    scenario: Scenario, kubeconfig: Path, tmp_path: Path
) -> None:
    installed("prometheus")
    folder = tmp_path / "demo"
    ended = subprocess.run(
        [sys.executable, "-m", "tests.canary.demo", folder, "--only", scenario.name],
        env=os.environ | {"TEST_KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
        timeout=560,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    shown = show(folder / scenario.name / "report.html", tmp_path)
    assert not shown.complaints
