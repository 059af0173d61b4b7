"""What counts as a predictor that does not live: the command of r1-liveness@.service."""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.manifests.single_host.backends import Backend
from tests.manifests.single_host.conftest import ports
from tests.manifests.single_host.front import DOWN, FOLDER
from tests.predictor.server.conftest import Predictor
from tests.predictor.server.gauges import wait_until

UNIT = (FOLDER / "etc/systemd/system/r1-liveness@.service").read_text()


def status_of_check(port: int, most_s: float) -> int:
    """Run the command as systemd would, with shorter times; ``most_s`` is for each answer."""
    (command,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    for long, short in {
        "${R1_HTTP_PORT}": str(port),
        # curl takes no shorter one.
        "--retry-delay 10": "--retry-delay 1",
        "--max-time 5": f"--max-time {most_s}",
    }.items():
        assert long in command
        command = command.replace(long, short)
    ran = subprocess.run(command.split(), capture_output=True, timeout=60, check=False)
    return ran.returncode


def successes() -> set[str]:
    (names,) = re.findall(r"^SuccessExitStatus=(.*)$", UNIT, re.MULTILINE)
    return {"0", *names.split()}


@pytest.fixture(scope="module")
def ill() -> Iterator[dict[str, Backend]]:
    backends = {behaviour: Backend(behaviour) for behaviour in ("503", "hang")}
    yield backends
    for backend in backends.values():
        backend.stop()


@pytest.fixture(scope="module")
def statuses(ill: dict[str, Backend]) -> dict[str, int]:
    """Of the checks that wait before they try again, all made at once."""
    with ThreadPoolExecutor() as pool:
        checks = {
            "503": pool.submit(status_of_check, ill["503"].port, 20),
            "hang": pool.submit(status_of_check, ill["hang"].port, 0.5),
            "starts": pool.submit(status_of_check, DOWN[0], 20),
        }
        return {name: check.result() for name, check in checks.items()}


def test_one_that_answers_lives(pair: list[Predictor]) -> None:
    assert status_of_check(ports(pair[0])[0], 20) == 0


@pytest.mark.parametrize("behaviour", ["503", "hang"])
def test_one_that_fails_three_times_does_not(
    ill: dict[str, Backend], statuses: dict[str, int], behaviour: str
) -> None:
    requests = ill[behaviour].requests

    assert str(statuses[behaviour]) not in successes()
    # The last may still be under way to one that answers none.
    wait_until(lambda: len(requests) == 3)
    assert requests[0].startswith(b"GET /v2/health/live ")


def test_one_that_starts_is_left_alone(statuses: dict[str, int]) -> None:
    assert str(statuses["starts"]) in successes() - {"0"}
