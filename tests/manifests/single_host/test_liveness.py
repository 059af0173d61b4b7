"""What counts as a predictor that does not live: the command of r1-liveness@.service."""

import re
import subprocess
from collections.abc import Callable

import pytest

from tests.manifests.single_host.backends import Backend
from tests.manifests.single_host.conftest import ports
from tests.manifests.single_host.front import FOLDER, free_port
from tests.predictor.server.conftest import Predictor

UNIT = (FOLDER / "etc/systemd/system/r1-liveness@.service").read_text()


def status_of_check(port: int) -> int:
    """Run the command as systemd would, with shorter times."""
    (command,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    for long, short in {
        "${R1_HTTP_PORT}": str(port),
        "--retry-delay 10": "--retry-delay 1",
        "--max-time 5": "--max-time 1",
    }.items():
        assert long in command
        command = command.replace(long, short)
    ran = subprocess.run(command.split(), capture_output=True, timeout=60, check=False)
    return ran.returncode


def successes() -> set[str]:
    (names,) = re.findall(r"^SuccessExitStatus=(.*)$", UNIT, re.MULTILINE)
    return {"0", *names.split()}


def test_one_that_answers_lives(pair: list[Predictor]) -> None:
    assert status_of_check(ports(pair[0])[0]) == 0


@pytest.mark.parametrize("behaviour", ["503", "hang"])
def test_one_that_fails_three_times_does_not(
    backend: Callable[[str], Backend], behaviour: str
) -> None:
    ill = backend(behaviour)

    status = status_of_check(ill.port)

    assert str(status) not in successes()
    assert len(ill.requests) == 3
    assert ill.requests[0].startswith(b"GET /v2/health/live ")


def test_one_that_starts_is_left_alone() -> None:
    assert str(status_of_check(free_port())) in successes() - {"0"}
