"""What holds of every error, and what must not change while a corpus runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

SECRET = "SECRET-PROMPT"
# Longer than any sentence about a request has to be.
MAX_MESSAGE_LENGTH = 600


def check_message(message: str, words: str) -> None:
    """Assert that an error is one sentence with these words and without the prompt."""
    assert words in message, message
    assert "\n" not in message, message
    assert 0 < len(message) <= MAX_MESSAGE_LENGTH, message
    assert SECRET not in message, message


@dataclass
class Watch:
    """The state of a predictor before its corpus."""

    predictor: Any
    processes: set[int]
    num_lines: int

    @staticmethod
    def begin(predictor: Any) -> "Watch":
        return Watch(predictor, _processes(predictor), len(predictor.lines))

    def check(self) -> None:
        """Assert that nothing restarted, that all is ready, and that the log is without prompts."""
        metrics = httpx.get(f"{self.predictor.url}/metrics").text
        assert "\nr1_engine_restarts_total 0.0\n" in metrics, "the engine was restarted"
        assert _processes(self.predictor) == self.processes, "a process was replaced"
        assert httpx.get(f"{self.predictor.url}/v2/health/ready").status_code == 200
        log = "".join(self.predictor.lines[self.num_lines :])
        assert "Traceback" not in log, "an error of our own was logged"
        assert SECRET not in log + metrics, "a prompt was logged or counted"


def _processes(predictor: Any) -> set[int]:
    """Return the ids of the server and of its engine."""
    assert predictor.process.poll() is None
    tasks = Path(f"/proc/{predictor.process.pid}/task").iterdir()
    children = [pid for task in tasks for pid in (task / "children").read_text().split()]
    assert children
    return {predictor.process.pid, *map(int, children)}
