"""What may go wrong between the tool and the API, and with Prometheus, drawn from a seed."""

import json
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum
from random import Random

from tests.canary.simulator.prometheus import Fault, Prometheus
from tests.canary.simulator.server import Dropped, Handle, Request, Response, json_response

API = ("/apis/", "/api/", "/version")
_REASONS = {
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class When(StrEnum):
    """Whether the request took effect all the same."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class ApiFault:
    """One answer that goes wrong; status None is a connection that is reset."""

    status: int | None
    when: When


API_FAULTS = (
    *(ApiFault(status, When.BEFORE) for status in (409, 410, 422, 429, 500, 503, 504)),
    *(ApiFault(status, When.AFTER) for status in (500, 503, 504)),
    *(ApiFault(None, when) for when in When),
)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Until ``ends``, in virtual time; then everything answers, so that each run can end."""

    ends: float
    # Of requests to the API.
    share: float = 0.0
    kinds: tuple[ApiFault, ...] = API_FAULTS
    # Begin, end and kind.
    prometheus: tuple[tuple[float, float, Fault], ...] = ()
    # Nothing of the API answers.
    outages: tuple[tuple[float, float], ...] = ()


NO_FAULTS = FaultPlan(ends=0.0)


def draw_faults(rng: Random, start: float, length_s: float) -> FaultPlan:
    """Return faults over a rollout that takes about so long."""
    end = start + length_s

    def window() -> tuple[float, float]:
        begin = rng.uniform(start, end)
        return begin, min(end, begin + rng.uniform(5.0, length_s / 3))

    return FaultPlan(
        ends=end,
        share=rng.choice((0.0, 0.02, 0.1, 0.3)),
        kinds=tuple(rng.sample(API_FAULTS, rng.randint(1, len(API_FAULTS)))),
        prometheus=tuple((*window(), rng.choice(list(Fault))) for _ in range(rng.randint(0, 3))),
        outages=tuple(window() for _ in range(rng.choice((0, 0, 1)))),
    )


class FaultyDoor:
    """Stands before a universe's handler, and counts what it has spoilt."""

    def __init__(self, handle: Handle, plan: FaultPlan, rng: Random) -> None:
        self._handle = handle
        self._plan = plan
        self._rng = rng
        self.num_spoilt = 0

    def handle(self, request: Request, now: float) -> Response:
        """Answer, or do not."""
        if not request.path.startswith(API):
            return self._handle(request)
        if any(begin <= now < end for begin, end in self._plan.outages):
            self.num_spoilt += 1
            raise Dropped
        if now >= self._plan.ends or self._rng.random() >= self._plan.share:
            return self._handle(request)
        kinds = [kind for kind in self._plan.kinds if _may_answer(kind, request)]
        if not kinds:
            return self._handle(request)
        return self._spoil(request, self._rng.choice(kinds), now)

    def _spoil(self, request: Request, fault: ApiFault, now: float) -> Response:
        self.num_spoilt += 1
        if fault.when is When.AFTER:
            self._handle(request)
        if fault.status is None:
            raise Dropped
        reason = _REASONS[fault.status]
        body = {"kind": "Status", "status": "Failure", "reason": reason, "code": fault.status}
        body |= {"message": f"a fault that was asked for: {json.dumps(reason)}"}
        headers = {"Retry-After": "1"} if fault.status in (429, 503) else {}
        headers["Date"] = formatdate(int(now), usegmt=True)
        return json_response(fault.status, body, **headers)

    def set_prometheus(self, prometheus: Prometheus, now: float) -> None:
        """Let Prometheus be as the plan says for this time."""
        present = [kind for begin, end, kind in self._plan.prometheus if begin <= now < end]
        prometheus.fault = present[0] if present else None


def _may_answer(fault: ApiFault, request: Request) -> bool:
    """Tell whether a server could answer this request so: no reading conflicts or is invalid."""
    is_read = request.method == "GET"
    return fault.status not in ((409, 422) if is_read else (410,))
