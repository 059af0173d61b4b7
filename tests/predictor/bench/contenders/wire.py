"""How a contender speaks with the benchmark: a JSON line for each load, one for each answer.

A contender runs in an environment of its own, so this needs the standard library alone.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TextIO

from tests.predictor.bench.load import Load, Measured, Request

RunLoad = Callable[[Load], Measured]


def serve(load_model: Callable[[str, str, int], RunLoad]) -> None:
    """Load the model named by argv (directory, dtype, threads) and run what stdin asks for."""
    answers = _keep_stdout()
    directory, dtype, num_threads = sys.argv[1:]
    run = load_model(directory, dtype, int(num_threads))
    _say(answers, {"is_ready": True})
    for line in sys.stdin:
        _say(answers, asdict(run(_read(json.loads(line)))))


def _keep_stdout() -> TextIO:
    """Return what was stdout, to which libraries no longer print."""
    kept = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return kept


def _read(load: dict[str, object]) -> Load:
    requests = load["requests"]
    assert isinstance(requests, list)
    assert isinstance(load["name"], str)
    assert isinstance(load["concurrency"], int)
    return Load(load["name"], load["concurrency"], [Request(**request) for request in requests])


def _say(answers: TextIO, message: dict[str, object]) -> None:
    answers.write(f"{json.dumps(message)}\n")
    answers.flush()
