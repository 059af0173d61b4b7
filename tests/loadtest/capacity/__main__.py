"""``python -m tests.loadtest.capacity``: r1-loadtest and others against one null server, measured.

The server has core 0 and the client core 1. Clients take turns, and are compared round by round:
what else the machine does meets all of them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.loadtest.capacity.cases import CASES, Case
from tests.loadtest.capacity.clients import OURS, ROOT, Client, Load
from tests.loadtest.capacity.figures import Sample, table
from tests.loadtest.capacity.observing import CapacityError, observe

_SERVER_CORE = 0
_CLIENT_CORE = 1
# The client goes on for so long after its window.
_SPARE_S = 10
_END_TIMEOUT_S = 240


def main() -> int:
    arguments = _parse()
    # The one who looks must not take the client's time.
    os.sched_setaffinity(0, {_SERVER_CORE})
    samples: list[Sample] = []
    try:
        for number, case, client in _turns(arguments):
            sample = measure(
                case, client, number, warmup_s=arguments.warmup_s, window_s=arguments.window_s
            )
            samples.append(sample)
            _tell(sample, arguments.samples)
    except CapacityError as error:
        sys.stderr.write(f"capacity: {error}\n")
        return 1
    finally:
        sys.stdout.write(f"{table(samples, OURS)}\n")
    return 0


def _turns(arguments: argparse.Namespace) -> Iterator[tuple[int, Case, Client]]:
    for number in range(arguments.rounds):
        for case in CASES:
            if arguments.case in case.name:
                for client in case.clients:
                    yield number, case, client


def measure(case: Case, client: Client, number: int, *, warmup_s: int, window_s: int) -> Sample:
    """Run one client once; raises CapacityError where it fails or some of its requests do."""
    with tempfile.TemporaryDirectory() as name, _null_server(case) as url:
        directory = Path(name)
        duration_s = client.slow_start_s + warmup_s + window_s + _SPARE_S
        load = Load(url, case.concurrency, duration_s, directory)
        with _started(client, load) as process:
            try:
                begin, end = observe(
                    f"{url}/metrics",
                    process.pid,
                    warmup_s=warmup_s,
                    window_s=window_s,
                    num_requests=client.num_requests,
                )
            except CapacityError as error:
                raise CapacityError(f"{client.name}: {error}\n{_said(load)}") from None
            average = os.getloadavg()[0]
            status = process.wait(_END_TIMEOUT_S)
        if status not in client.statuses:
            raise CapacityError(f"{client.name} ended with status {status}:\n{_said(load)}")
        if num_failed := client.num_failed(directory):
            raise CapacityError(f"{num_failed} requests of {client.name} failed:\n{_said(load)}")
    return Sample(
        case=case.name,
        client=client.name,
        round=number,
        num_requests=end.num_requests - begin.num_requests,
        events_per_request=case.events_per_request,
        wall_s=end.at_s - begin.at_s,
        cpu_s=end.client_cpu_s - begin.client_cpu_s,
        server_cpu_s=end.server_cpu_s - begin.server_cpu_s,
        load=average,
    )


@contextmanager
def _null_server(case: Case) -> Iterator[str]:
    command = [*_on(_SERVER_CORE), sys.executable, "-m", "loadtest.nullserver", *case.server_flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield f"http://{process.stdout.readline().split()[-1]}"
        finally:
            process.terminate()


@contextmanager
def _started(client: Client, load: Load) -> Iterator[subprocess.Popen[bytes]]:
    """A session of its own: that is whose CPU time is counted, and what is killed at the end."""
    with (load.directory / "output").open("wb") as output:
        process = subprocess.Popen(
            [*_on(_CLIENT_CORE), *client.command(load)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **client.environment},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()


def _said(load: Load) -> str:
    """Return the end of what the client has written."""
    return (load.directory / "output").read_text(errors="replace")[-2000:]


def _on(core: int) -> list[str]:
    return ["taskset", "--cpu-list", str(core)]


def _tell(sample: Sample, path: Path | None) -> None:
    sys.stderr.write(
        f"round {sample.round + 1}  {sample.case}  {sample.client}: {sample.per_cpu_s:,.0f} a CPU "
        f"second, {sample.per_wall_s:,.0f} a second, load {sample.load:.1f}\n"
    )
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps({**asdict(sample), "at": time.time()}) + "\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warmup-s", type=int, default=1)
    parser.add_argument("--window-s", type=int, default=4)
    parser.add_argument("--case", default="", help="Only cases with this in their name.")
    parser.add_argument("--samples", type=Path, help="JSON lines of what was measured are added.")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
