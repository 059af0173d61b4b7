"""What a predictor's /metrics say it still holds, and how long until it holds nothing."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

DEADLINE_S = 30
IDLE = {
    "r1_sequences_running": 0.0,
    "r1_sequences_waiting": 0.0,
    "r1_kv_blocks_used": 0.0,
    # The scrape itself.
    "r1_requests_in_flight": 1.0,
}


def read_gauges(predictor: Any) -> dict[str, float]:
    """Return every sample that has a value of its own, labels summed up."""
    text = httpx.get(f"{predictor.url}/metrics", timeout=DEADLINE_S).raise_for_status().text
    values: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            sample, _, value = line.rpartition(" ")
            name = sample.partition("{")[0]
            values[name] = values.get(name, 0.0) + float(value)
    return values


def held(predictor: Any) -> Mapping[str, float]:
    """Return the gauges of IDLE as they are now."""
    values = read_gauges(predictor)
    return {name: values[name] for name in IDLE}


def wait_until(is_so: Callable[[], bool], deadline_s: float = DEADLINE_S) -> float:
    """Poll another process's state, which nothing announces; return after how many seconds."""
    started = time.monotonic()
    while not is_so():
        assert time.monotonic() - started < deadline_s, "it never came to be"
        time.sleep(0.01)
    return time.monotonic() - started


def engine_pid(predictor: Any) -> int:
    """Return the id of the engine's process, the server's only child."""
    tasks = Path(f"/proc/{predictor.process.pid}/task").iterdir()
    (pid,) = (pid for task in tasks for pid in (task / "children").read_text().split())
    return int(pid)


@contextmanager
def held_engine(predictor: Any) -> Iterator[None]:
    """Keep the engine from any step: what runs neither goes on nor ends."""
    pid = engine_pid(predictor)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
