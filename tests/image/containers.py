"""Containers as a cluster runs them: nobody's user, no capability, a root that is read-only."""

import re
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Final

import pytest

START_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 30

# runc enforces these under cgroups of both versions. A user in a container has no right to raise
# its limits to podman's defaults, so they are named.
RUN: Final = (
    *("podman", "--runtime", "runc", "run", "--rm", "--network", "host"),
    *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"),
)
RESTRICTED: Final = (
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp:rw,mode=1777,size=256m"),
    *("--cap-drop=ALL", "--security-opt", "no-new-privileges"),
)


def run(*command: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def output_of(image: str, *command: str, user: str = "10001:10001") -> str:
    """Return what a command prints in a fresh container of an image, root as the image has it."""
    result = run(*RUN, "--user", user, "--entrypoint", command[0], image, *command[1:])
    assert result.returncode == 0, result.stderr
    return result.stdout


@dataclass
class Served:
    """A restricted container of the predictor, on free ports of the host."""

    name: str
    process: subprocess.Popen[str]
    started: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)
    is_ready: threading.Event = field(default_factory=threading.Event)
    ready_after_s: float = 0.0
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self.read_output, daemon=True)
        self.reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def url(self) -> str:
        return self._address("REST")

    @property
    def grpc_address(self) -> str:
        return self._address("gRPC")

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        return run("podman", "--runtime", "runc", "exec", self.name, *command)

    def terminate(self) -> None:
        run("podman", "kill", "--signal", "TERM", self.name)

    def wait_for_child(self) -> None:
        """Return once its first process has started another."""
        deadline = time.monotonic() + START_TIMEOUT_S
        command = ("cat", "/proc/1/task/1/children")
        while not self.execute(*command).stdout.strip():
            assert time.monotonic() < deadline, self.output

    def status(self) -> int:
        """Return the exit status, which must come within STOP_TIMEOUT_S."""
        return self.process.wait(STOP_TIMEOUT_S)

    def remove(self) -> None:
        run("podman", "rm", "--force", "--ignore", "--time", "0", self.name)
        self.process.wait(STOP_TIMEOUT_S)
        self.reader.join(STOP_TIMEOUT_S)

    def read_output(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line)
                if "Ask it:" in line:
                    self.ready_after_s = time.monotonic() - self.started
                    self.is_ready.set()
        # The end of the output wakes a waiter too: the container is gone.
        self.is_ready.set()

    def _address(self, name: str) -> str:
        match = re.search(rf"{name} +(\S+)", self.output)
        assert match is not None, self.output
        return match.group(1)


def launch(image: str, name: str, *flags: str, **environment: str) -> Served:
    """Start the predictor in a container, without waiting for it."""
    variables = [word for item in environment.items() for word in ("--env", "=".join(item))]
    command = [*RUN, *RESTRICTED, *variables, "--name", name, image, *flags]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    return Served(name, process)


def serve(image: str, name: str, *flags: str, **environment: str) -> Served:
    """Start the predictor on its embedded model and wait until it is ready or has ended."""
    ports = ("--http-port=0", "--grpc-port=0")
    served = launch(image, name, "--model-dir=demo", *ports, *flags, **environment)
    if not served.is_ready.wait(START_TIMEOUT_S):
        served.remove()
        pytest.fail(f"no predictor after {START_TIMEOUT_S} s:\n{served.output}")
    return served
