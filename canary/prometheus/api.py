"""Prometheus' HTTP API: instant queries, whole answers or none.

Reference: prometheus.io/docs/prometheus/latest/querying/api.
"""

import json
import ssl
from pathlib import Path
from typing import Any, Final

import httpx

from canary.errors import InputError, Unreachable
from canary.plan import Prometheus
from canary.prometheus.series import NotYet, Series, Unreadable, parse_series

TIMEOUT_S: Final = 10.0


class NotAnswering(NotYet):
    """Nothing at its address answers as Prometheus does."""


class Api:
    """One server; a token is read from its file at each request, since those rotate."""

    def __init__(self, settings: Prometheus) -> None:
        self._settings = settings
        self._http = httpx.Client(
            base_url=settings.url.rstrip("/") + "/api/v1/",
            verify=_trust(settings.ca_file),
            timeout=TIMEOUT_S,
            # A proxy of the environment is none for the cluster's own addresses.
            trust_env=False,
        )

    def close(self) -> None:
        self._http.close()

    def query(self, expression: str, time: float | None = None) -> list[Series]:
        """Return the series of an instant query, at a Unix time or at Prometheus' own."""
        return parse_series(self._data(expression, time))

    def now(self) -> float:
        """Return Prometheus' own Unix time, or be Unreachable."""
        try:
            data = self._data("time()", None)
            return float(data["result"][1])
        except Unreadable as error:
            raise Unreachable(str(error)) from None
        except (KeyError, IndexError, TypeError, ValueError):
            raise Unreachable(
                f"{self._settings.url} does not tell the time as Prometheus"
            ) from None

    def _data(self, expression: str, time: float | None) -> Any:
        form = {"query": expression, "timeout": f"{TIMEOUT_S:g}s"}
        if time is not None:
            form["time"] = f"{time:.3f}"
        url = self._settings.url
        try:
            answer = self._http.post("query", data=form, headers=self._authorization())
            body = json.loads(answer.content)
        except httpx.TransportError as error:
            raise NotAnswering(
                f"Prometheus at {url} does not answer: {type(error).__name__}"
            ) from None
        except ValueError:
            raise NotAnswering(
                f"{url} answers {answer.status_code} and no JSON, which Prometheus does not"
            ) from None
        if not answer.is_success or not isinstance(body, dict) or body.get("status") != "success":
            raise _refusal(answer, body, url)
        if body.get("warnings"):
            raise NotYet(f"Prometheus warns that its answer is partial: {body['warnings'][0]}")
        return body.get("data")

    def _authorization(self) -> dict[str, str]:
        path = self._settings.bearer_token_file
        if path is None:
            return {}
        try:
            return {"Authorization": f"Bearer {Path(path).read_text().strip()}"}
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is no text"
            raise NotAnswering(f"prometheus.bearer_token_file is {path}: {reason}") from None


def _refusal(answer: httpx.Response, body: Any, url: str) -> Unreadable:
    said = body.get("error", "") if isinstance(body, dict) else ""
    text = f"Prometheus at {url} answers {answer.status_code}{f': {said}' if said else ''}"
    # 400 and 422 are of the query: the server itself is there.
    is_of_query = answer.status_code in (200, 400, 422)
    return Unreadable(text) if is_of_query else NotAnswering(text)


def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InputError(
            f"prometheus.ca_file is {ca_file}: {error.strerror or 'holds no certificate'}"
        ) from None
