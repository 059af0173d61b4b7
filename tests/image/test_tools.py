"""The tools' image as the Job of manifests/loadtest runs it, against a null server on the host."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtest.errors import ExitCode
from tests.image.containers import RESTRICTED, RUN, run
from tests.image.locks import ROOT
from tests.loadtest.null_servers import NullServer, null_server

pytestmark = [pytest.mark.image, pytest.mark.timeout(1200)]

RUN_SH = ROOT / "manifests" / "loadtest" / "service" / "run.sh"
CONFIG = "/etc/r1-loadtest"
RUN_TIMEOUT_S = 120
# A gate that the null server's 20 ms meet, and a machine that is shared may be late.
WORKLOAD = """
protocol: v2-stream
arrivals: constant
rate: 20
duration_s: 4
max_connections: 64
lateness_limit_s: 5
warmup: 0s
output_tokens: "8"
slo:
  - p50_ttft<2s
"""


@pytest.fixture(scope="module")
def server() -> Iterator[NullServer]:
    with null_server("--ttft=20ms", "--chunks=4") as started:
        yield started


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """What the Job mounts, readable for another user."""
    tmp_path.chmod(0o755)
    (tmp_path / "run.sh").write_text(RUN_SH.read_text())
    (tmp_path / "workload.yaml").write_text(WORKLOAD)
    return tmp_path


def command(image: str, config: Path, name: str, *flags: str) -> tuple[str, ...]:
    return (
        *(*RUN, *RESTRICTED, "--name", name, "--tmpfs", "/results:rw,mode=1777,size=64m"),
        *("--volume", f"{config}:{CONFIG}:ro", image),
        *("sh", f"{CONFIG}/run.sh", f"{CONFIG}/workload.yaml", *flags),
    )


@contextmanager
def started(image: str, config: Path, *flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a run that its caller ends; its name and its process."""
    name = f"r1-{uuid.uuid4().hex[:8]}"
    with subprocess.Popen(
        command(image, config, name, *flags),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield name, process
        finally:
            run("podman", "rm", "--force", "--ignore", "--time", "0", name)


def outcome(image: str, config: Path, *flags: str) -> tuple[int, dict[str, Any]]:
    """Run to the end; the exit code and the report, which is the last line of the log."""
    name = f"r1-{uuid.uuid4().hex[:8]}"
    done = run(*command(image, config, name, *flags), timeout_s=RUN_TIMEOUT_S)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_a_run_passes_and_its_report_is_the_last_line(
    tools_image: str, config: Path, server: NullServer
) -> None:
    code, report = outcome(tools_image, config, f"--target={server.url}")

    assert (code, report["kind"], report["run"]["end"]) == (ExitCode.PASS, "run", "duration")


def test_a_gate_that_fails_is_the_exit_code(
    tools_image: str, config: Path, server: NullServer
) -> None:
    code, _ = outcome(tools_image, config, f"--target={server.url}", "--slo=p50_ttft<1ms")

    assert code == ExitCode.FAIL


def test_it_speaks_grpc_too(tools_image: str, config: Path, server: NullServer) -> None:
    flags = (f"--target=grpc://{server.grpc}", "--protocol=grpc-stream")
    code, _ = outcome(tools_image, config, *flags)

    assert code == ExitCode.PASS


def test_a_target_that_is_not_there_is_one_line_and_no_report(
    tools_image: str, config: Path
) -> None:
    name = f"r1-{uuid.uuid4().hex[:8]}"
    done = run(*command(tools_image, config, name, "--target=http://127.0.0.1:9"))

    assert (done.returncode, done.stdout) == (ExitCode.UNREACHABLE, "")
    assert done.stderr.startswith("r1-loadtest: ")
    assert done.stderr.count("\n") == 1


def test_a_pod_that_is_ended_still_reports_what_it_measured(
    tools_image: str, config: Path, server: NullServer
) -> None:
    flags = (f"--target={server.url}", "--duration-s=300")
    with started(tools_image, config, *flags) as (name, process):
        assert process.stderr is not None
        # The last line before the first request.
        while "Gates" not in process.stderr.readline():
            assert process.poll() is None
        run("podman", "kill", "--signal", "TERM", name)
        output, _ = process.communicate(timeout=RUN_TIMEOUT_S)

    assert process.returncode == ExitCode.INTERRUPTED
    assert json.loads(output.splitlines()[-1])["run"]["end"] == "interrupted"
