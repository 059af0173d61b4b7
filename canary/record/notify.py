"""Decisions posted to a URL, such as Slack's; the rollout never waits for it."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import httpx

from canary.record.entry import EVERY_LOOK, Told
from canary.record.status import summary, told_json
from canary.rollout.state import Rollout

_NUM_ATTEMPTS: Final = 3
_PAUSE_S: Final = 1.0
_MAX_PAUSE_S: Final = 10.0
_TIMEOUT_S: Final = 5.0
_MAX_WAITING: Final = 100
_MAX_URL_BYTES: Final = 4096
_AGAIN: Final = frozenset((408, 425, 429, 500, 502, 503, 504))


class Notifier:
    """Posts in order, from a thread of its own; ``tell`` hears of the first of failures in a row.

    The URL is read from its file at each post and, like httpx' own words, shown nowhere.
    """

    def __init__(
        self,
        url_file: Path,
        payload: Callable[[Rollout, Told], dict[str, Any]],
        tell: Callable[[str], None],
        *,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._url_file = url_file
        self._payload = payload
        self._tell = tell
        self._pause_s = pause_s
        self._is_failing = False
        self._closing = threading.Event()
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(_MAX_WAITING)
        self._thread = threading.Thread(target=self._post_all, name="notify", daemon=True)
        self._thread.start()

    def record(self, rollout: Rollout, told: Sequence[Told]) -> None:
        """Have the decisions among them posted soon."""
        for one in told:
            if one.note.reason in EVERY_LOOK and not one.note.is_warning:
                continue
            try:
                self._waiting.put_nowait(self._payload(rollout, one))
            except queue.Full:
                self._failed("is too slow: a decision was left out")

    def close(self, patience_s: float) -> None:
        """Post what still waits, for so long at most; nothing may be recorded afterwards."""
        deadline = time.monotonic() + patience_s
        try:
            self._waiting.put(None, timeout=patience_s)
        except queue.Full:
            self._closing.set()
        self._thread.join(max(deadline - time.monotonic(), 0))
        if self._thread.is_alive():
            self._closing.set()
            self._failed("is too slow: the last decisions were not posted")

    def _post_all(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False) as client:
            while (payload := self._waiting.get()) is not None:
                problem = self._post(client, payload)
                if problem:
                    self._failed(problem)
                else:
                    self._is_failing = False

    def _post(self, client: httpx.Client, payload: dict[str, Any]) -> str:
        """Return why it could not be posted; empty where it was."""
        for attempt in range(_NUM_ATTEMPTS):
            problem, pause_s = self._attempt(client, payload)
            if not problem or pause_s is None or attempt == _NUM_ATTEMPTS - 1:
                break
            if self._closing.wait(min(max(pause_s, self._pause_s * 2**attempt), _MAX_PAUSE_S)):
                break
        return problem

    def _attempt(self, client: httpx.Client, payload: dict[str, Any]) -> tuple[str, float | None]:
        """Return what went wrong and how long to wait before another try; None: no other."""
        try:
            with self._url_file.open("rb") as file:
                url = file.read(_MAX_URL_BYTES).decode().strip()
            response = client.post(url, json=payload)
        except OSError as error:
            return f"has no URL: {self._url_file}: {error.strerror}", None
        except httpx.TimeoutException:
            return f"did not answer in {_TIMEOUT_S:g} s", 0.0
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeDecodeError):
            # Their texts hold the URL, which is a secret.
            return f"has no URL of http or https in {self._url_file}", None
        except httpx.TransportError as error:
            return f"cannot be reached ({type(error).__name__})", 0.0
        if response.is_success:
            return "", None
        problem = f"answered {response.status_code}"
        return problem, _retry_after(response) if response.status_code in _AGAIN else None

    def _failed(self, problem: str) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._tell(f"the webhook {problem}; the rollout goes on without it")


def json_payload(rollout: Rollout, told: Told) -> dict[str, Any]:
    """Return the decision with the rollout's state, as `--output json` has them."""
    return {"version": 1, **summary(rollout), "decision": told_json(told)}


def slack_payload(rollout: Rollout, told: Told) -> dict[str, Any]:
    """Return the decision as a text of Slack's incoming webhooks and of what imitates them."""
    sign = ":warning: " if told.note.is_warning else ""
    plan = rollout.plan
    head = f"{sign}*{plan.service}* in {plan.namespace}: *{told.note.reason}*"
    return {"text": f"{head}\n{_escape(told.note.text)}"}


def _escape(text: str) -> str:
    # https://api.slack.com/reference/surfaces/formatting#escaping
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _retry_after(response: httpx.Response) -> float:
    given = response.headers.get("retry-after", "")
    return float(given) if given.isascii() and given.isdigit() and len(given) < 6 else 0.0
