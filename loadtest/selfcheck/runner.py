"""Applies the loads to null servers of their own and judges what came back."""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtest.config import RunConfig
from loadtest.net.endpoint import make_endpoint
from loadtest.nullserver import golden
from loadtest.nullserver.process import started
from loadtest.nullserver.server import NullServerConfig
from loadtest.records.merge import merge
from loadtest.run.interrupts import Interrupts
from loadtest.run.load import apply_load
from loadtest.selfcheck.check import Check
from loadtest.selfcheck.loads import PROTOCOLS, Load, loads_of, stall_of
from loadtest.selfcheck.pairing import Measured

# A shared machine may take a process off its processor for milliseconds; a fault of the client
# shows every time.
MAX_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Judged:
    """A load and its checks of the last attempt, the first at which all passed if any did."""

    load: Load
    checks: list[Check]
    num_attempts: int

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


def run_all(on_judged: Callable[[Judged], None]) -> bool:
    """Run every load, about 80 s, telling of each as it ends; whether all checks passed.

    Raises LoadtestError where a server or a client does not start or end.
    """
    has_passed = True
    for judged in _judge_all():
        on_judged(judged)
        has_passed &= judged.passed
    return has_passed


def judge(load: Load) -> Judged:
    """Apply a load until all of its checks pass, MAX_ATTEMPTS times at most."""
    num_attempts = 0
    while True:
        num_attempts += 1
        judged = Judged(load, measure(load), num_attempts)
        if judged.passed or num_attempts == MAX_ATTEMPTS:
            return judged


def measure(load: Load) -> list[Check]:
    """Apply one load to a null server of its own and judge it."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = directory / "golden.npz"
        has_grpc = load.protocol.is_grpc
        server = NullServerConfig(load.profile, grpc_port=0 if has_grpc else None, golden=path)
        with started(server) as addresses:
            target = f"grpc://{addresses.grpc}" if has_grpc else f"http://{addresses.http}"
            measured = _apply(load.config(target), directory)
        return load.judge(load, measured, golden.read(path))


def _judge_all() -> Iterator[Judged]:
    for protocol in PROTOCOLS:
        yield from map(judge, loads_of(protocol))
    stalls = [stall_of(protocol) for protocol in PROTOCOLS]
    with ThreadPoolExecutor(len(stalls)) as pool:
        yield from pool.map(judge, stalls)


def _apply(config: RunConfig, directory: Path) -> Measured:
    """Run the client without its look at the target, which the server would count as well."""
    epochs: list[int] = []
    apply_load(config, make_endpoint(config), directory, (), Interrupts(), epochs.append)
    merge(directory, config.workers)
    return Measured.read(directory, epochs[0])
