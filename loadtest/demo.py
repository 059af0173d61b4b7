"""A tour on the embedded model: a gate that passes, one that fails, their comparison, the knee.

``python -m loadtest.demo DIR`` starts a predictor of its own on free ports of loopback, prints
each command before it runs, and leaves the reports in DIR.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest.errors import ExitCode

_START_TIMEOUT_S = 120


def main(directory: Path) -> int:
    """Run every command; returns 1 where one did not end as it should have."""
    directory.mkdir(parents=True)
    with _predictor(directory / "predictor.log") as url:
        ended = [
            _run(expected, command, f"--target={url}", f"--output={directory / name}", *flags)
            for name, expected, command, flags in _COMMANDS
        ]
    ended.append(_run(_ANY, "compare", str(directory / "pass"), str(directory / "fail")))
    return int(not all(ended))


_ANY = frozenset(ExitCode)
_COMMANDS = (
    (
        "pass",
        {ExitCode.PASS},
        "run",
        ("--rate=4", "--duration-s=30", "--slo=p90_ttft<1s", "--slo=error_rate<5%"),
    ),
    (
        "fail",
        {ExitCode.FAIL},
        "run",
        ("--rate=4", "--duration-s=30", "--slo=p50_e2e<50ms", "--slo=accuracy>=90%"),
    ),
    (
        "knee",
        {ExitCode.PASS, ExitCode.INSUFFICIENT},
        "knee",
        # The predictor shares this machine's cores: a send 0.1 s late is a tenth of what is judged.
        (
            "--slo=p80_e2e<1s",
            "--start=4",
            "--most-stage-s=20",
            "--max-stages=9",
            "--tolerance=0.2",
            "--lateness-limit-s=0.1",
        ),
    ),
)


def _run(expected: frozenset[ExitCode] | set[ExitCode], *arguments: str) -> bool:
    print(f"\n$ r1-loadtest {shlex.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "loadtest", *arguments]
    status = subprocess.run(command, check=False).returncode
    print(f"exit status {status}", flush=True)
    return status in expected


@contextmanager
def _predictor(log: Path) -> Iterator[str]:
    """Serve the embedded model and yield its REST address."""
    command = [sys.executable, "-m", "predictor", "--model-dir=demo", "--http-port=0"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, "--grpc-port=0"], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            assert process.stdout is not None
            (url,) = next(
                found for line in process.stdout if (found := re.findall(r"REST +(\S+)", line))
            )
            yield url
        finally:
            process.terminate()
            process.communicate(timeout=_START_TIMEOUT_S)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
