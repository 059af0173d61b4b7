"""A contender as the benchmark sees it: a process that loads a model and runs loads.

It is stopped while it has nothing to run: some spin for work, and all have the same cores.
"""

import json
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.predictor.bench.load import Answer, Load, Measured

ROOT = Path(__file__).parents[4]
END_TIMEOUT_S = 30


class ContenderError(Exception):
    """A contender cannot be started or has ended; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Contender:
    """How one is started: a script beside this file, run by ``python``."""

    name: str
    script: str
    python: Path
    dtype: str


class Started:
    """A running contender, ready for loads; leaving the context ends it."""

    def __init__(self, contender: Contender, checkpoint: Path, num_threads: int) -> None:
        self.contender = contender
        self._process = subprocess.Popen(
            [
                contender.python,
                "-m",
                f"tests.predictor.bench.contenders.{contender.script}",
                str(checkpoint),
                contender.dtype,
                str(num_threads),
            ],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": str(num_threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Its own processes are stopped with it.
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        try:
            self._hear()
        except BaseException:
            self._signal(signal.SIGKILL)
            raise
        self._signal(signal.SIGSTOP)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._signal(signal.SIGCONT)
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def run(self, load: Load) -> Measured:
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        self._process.stdin.write(f"{json.dumps(asdict(load))}\n")
        self._process.stdin.flush()
        heard = self._hear()
        self._signal(signal.SIGSTOP)
        answers = [Answer(**answer) for answer in heard["answers"]]
        return Measured(heard["elapsed_s"], answers)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _hear(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ContenderError(f"{self.contender.name} ended with {self._process.wait()}")
        heard = json.loads(line)
        assert isinstance(heard, dict)
        return heard
