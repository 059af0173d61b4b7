"""The self-check from end to end, and of clients that it has to fail."""

import sys
from dataclasses import replace
from functools import cache, partial
from multiprocessing.connection import Pipe
from subprocess import Popen

import pytest

from loadtest.config import Protocol
from loadtest.run import processes
from loadtest.run.processes import WorkerProcess
from loadtest.selfcheck.loads import Load, loads_of, stall_of
from loadtest.selfcheck.runner import judge, measure
from tests.loadtest.selfcheck import faults

LOADS = {
    (protocol, load.name): load
    for protocol in Protocol
    for load in (*loads_of(protocol), stall_of(protocol))
}


@pytest.mark.parametrize(
    "protocol", ["v2-stream", "grpc-stream", pytest.param("v2-infer", marks=pytest.mark.nightly)]
)
@pytest.mark.nightly
def test_a_load_is_measured_from_end_to_end(protocol: Protocol) -> None:
    load = replace(LOADS[protocol, "paced"], duration_s=0.3)
    checks = {check.name: check for check in measure(load)}
    assert checks["TTFT bias p50"].num_samples > 30
    # Far wider than the limits: this machine may be busy.
    assert checks["TTFT bias p50"].reached < 10_000
    assert ("gap bias p50" in checks) is (protocol != "v2-infer")


@cache
def failures_of_the_sound_client(load: Load) -> frozenset[str]:
    return frozenset(check.name for check in judge(load).checks if not check.passed)


def start_with(fault: str, number: int) -> WorkerProcess:
    ours, theirs = Pipe()
    with theirs:
        command = [sys.executable, "-m", faults.__name__, fault, str(theirs.fileno())]
        return WorkerProcess(Popen(command, pass_fds=[theirs.fileno()]), ours, number)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("protocol", "name", "check", "fault"),
    [
        ("v2-stream", "paced", "TTFT bias p50", "polls every millisecond"),
        ("v2-stream", "paced", "TTFT bias p50", "stamps the head"),
        ("v2-stream", "paced", "TTFT bias p99", "stamps the head"),
        ("v2-stream", "paced", "gap bias p50", "polls every millisecond"),
        ("v2-stream", "paced", "send stamp bias p50", "stamps sends early"),
        ("v2-stream", "paced", "error of p50, p90, p99", "polls every millisecond"),
        ("v2-stream", "paced", "Poisson sends at 200 rps, KS p", "rounds timers to 1 ms"),
        ("v2-stream", "fast", "send lateness p99", "sleeps between sends"),
        ("v2-stream", "fast", "send lateness p99", "rounds timers to 2 ms"),
        ("v2-stream", "even", "constant sends at 50 rps, CV", "rounds timers to 7 ms"),
        ("v2-stream", "stalled", "end to end p99 in a stall of 5 s", "counts from the start"),
        ("v2-stream", "stalled", "end to end p99 in a stall of 5 s", "drops what cannot be sent"),
        ("grpc-stream", "paced", "TTFT bias p50", "polls every millisecond"),
        ("grpc-stream", "paced", "gap bias p50", "polls every millisecond"),
        ("v2-infer", "paced", "TTFT bias p50", "polls every millisecond"),
    ],
)
def test_a_check_that_passes_fails_without_its_fix(
    protocol: Protocol, name: str, check: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = LOADS[protocol, name]
    assert check not in failures_of_the_sound_client(load)
    monkeypatch.setattr(processes, "_start", partial(start_with, fault))
    assert check in {found.name for found in measure(load) if not found.passed}
