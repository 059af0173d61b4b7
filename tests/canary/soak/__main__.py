"""``python -m tests.canary.soak --kills 1000 --faults 1000``: rollouts killed and disturbed."""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.canary.soak.run import Outcome, num_lines, run
from tests.canary.soak.scenario import Kind


def main() -> None:
    """Print what has failed, with its seed, and a summary; exit with 1 where anything has."""
    parser = argparse.ArgumentParser(prog="python -m tests.canary.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=0, help="rollouts killed at 1 to 3 lines")
    parser.add_argument("--faults", type=int, default=0, help="rollouts with faults and edits")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=2, help="processes that share the seeds")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is None:
        sys.exit(_share_out(arguments.workers, sys.argv[1:]))
    for kind, num in ((Kind.KILLS, arguments.kills), (Kind.FAULTS, arguments.faults)):
        seeds = range(arguments.seed + arguments.worker, arguments.seed + num, arguments.workers)
        for outcome in _outcomes(kind, seeds):
            _say(_line(kind, outcome))


def _share_out(num_workers: int, arguments: list[str]) -> int:
    """Return the exit status of the whole; each worker prints a line of JSON for each rollout."""
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.canary.soak", *arguments]
    workers = [
        subprocess.Popen([*command, f"--worker={number}"], stdout=subprocess.PIPE, text=True)
        for number in range(num_workers)
    ]
    try:
        # All at once: one whose pipe is full waits for its reader.
        with ThreadPoolExecutor(num_workers) as pool:
            lines = [line for printed in pool.map(_printed, workers) for line in printed]
    finally:
        for worker in workers:
            worker.kill()
    problems = [_summarise(kind, [line for line in lines if line["kind"] == kind]) for kind in Kind]
    _say(f"{time.monotonic() - began:.0f} s")
    return 1 if any(problems) or any(worker.returncode for worker in workers) else 0


def _printed(worker: subprocess.Popen[str]) -> list[dict[str, Any]]:
    out, _ = worker.communicate()
    return [json.loads(line) for line in out.splitlines()]


def _outcomes(kind: Kind, seeds: range) -> Iterator[Outcome]:
    lines = num_lines() if kind is Kind.KILLS else (0, 0)
    for seed in seeds:
        yield run(kind, seed, lines)


def _line(kind: Kind, outcome: Outcome) -> str:
    return json.dumps(
        {
            "kind": kind,
            "seed": outcome.scenario.seed,
            "end": str(outcome.end),
            "faults": outcome.faults,
            "kills": outcome.num_kills,
            "spoilt": outcome.num_spoilt,
            "scenario": repr(outcome.scenario) if outcome.faults else "",
            "log": outcome.log[-4000:],
        }
    )


def _summarise(kind: Kind, lines: list[dict[str, Any]]) -> int:
    """Return the number of failures; too few kills are one."""
    failed = [line for line in lines if line["faults"]]
    for line in failed:
        _say(f"{kind} seed {line['seed']}: {line['faults']}\n{line['scenario']}\n{line['log']}")
    if not lines:
        return 0
    ends = Counter(line["end"] for line in lines)
    told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    kills, spoilt = (sum(line[key] for line in lines) for key in ("kills", "spoilt"))
    _say(
        f"{kind}: {len(lines)} rollouts, {kills} kills, {spoilt} requests spoilt, "
        f"{len(failed)} failures; ends: {told}"
    )
    if kind is Kind.KILLS and kills < len(lines):
        _say(f"{kills} kills of {len(lines)} rollouts, must be at least one each")
        return 1
    return len(failed)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
