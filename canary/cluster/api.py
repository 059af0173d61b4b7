"""Requests that are sent until they are answered, or known not to be."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from canary.cluster.clock import ClusterClock
from canary.cluster.refusals import UnknownWrite, reason, refusal
from canary.cluster.retries import Retries, is_worth_another, retry_after_s
from canary.cluster.transport import NoAnswer, NotSent, Request, Response, Transport
from canary.errors import Conflict, Unreachable

_OK = range(200, 300)


class Api:
    """An API server; ``sleep`` and ``monotonic`` are of seconds."""

    def __init__(
        self,
        transport: Transport,
        *,
        rng: Random,
        sleep: Callable[[float], None],
        monotonic: Callable[[], float],
        retries: Retries | None = None,
    ) -> None:
        self.rng = rng
        self.sleep = sleep
        self.monotonic = monotonic
        self._transport = transport
        self._retries = retries or Retries()
        self._clock = ClusterClock()

    def now(self) -> float:
        """Return the cluster's Unix time in seconds; asks once where no answer has told it yet."""
        if self._clock.at(self.monotonic()) is None:
            # Also who may not see the version sees the time.
            self._answer(Request("GET", "/version"), self._retries)
        now = self._clock.at(self.monotonic())
        if now is None:
            raise Unreachable(f"the cluster at {self._transport.host} answers without a Date")
        return now

    def call(self, request: Request, *, retries: Retries | None = None) -> Any:
        """Return the answer's JSON; None for ``retries`` stands for this API's own.

        Raises Conflict (409), UnknownWrite (409 after a write whose fate is not known), NotFound,
        Forbidden, Rejected, or Unreachable once the retries are spent.
        """
        response, is_unknown = self._answer(request, retries or self._retries)
        if response.status in _OK:
            return json.loads(response.body)
        error = refusal(request, response, self._transport.host)
        if is_unknown and isinstance(error, Conflict):
            raise UnknownWrite(str(error))
        raise error

    def _answer(self, request: Request, retries: Retries) -> tuple[Response, bool]:
        """Return the answer, and whether an earlier attempt may have been carried out."""
        end = self.monotonic() + retries.budget_s
        is_unknown = False
        num_failures = 0
        while True:
            response: Response | None = None
            try:
                response = self._exchange(request)
                if not is_worth_another(request, response):
                    return response, is_unknown
                is_unknown |= request.is_write and response.status not in (410, 429)
                why = reason(response)
            except NotSent as error:
                why = str(error)
            except NoAnswer as error:
                is_unknown |= request.is_write
                why = str(error)
            num_failures += 1
            wait_s = retries.wait_s(num_failures, response, self.rng)
            if num_failures >= retries.max_attempts or self.monotonic() + wait_s > end:
                text = self._unreachable(request, num_failures, why)
                asked_s = retry_after_s(response) if response is not None else 0.0
                raise Unreachable(text, retry_after_s=asked_s)
            self.sleep(wait_s)

    def _exchange(self, request: Request) -> Response:
        response = self._transport.exchange(request)
        if date := response.headers.get("date"):
            self._clock.observe(date, self.monotonic())
        if response.status in _OK and not _is_json(response.body):
            # Some proxy's page: what became of the request is not told.
            raise NoAnswer(f"status {response.status}, and no JSON")
        return response

    def _unreachable(self, request: Request, num_attempts: int, why: str) -> str:
        times = "once" if num_attempts == 1 else f"{num_attempts} times"
        return (
            f"the cluster at {self._transport.host} does not answer {request.method} "
            f"{request.path}, asked {times}: {why}"
        )


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True
