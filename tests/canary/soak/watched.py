"""A universe whose InferenceService is watched: who changed it, when, after how many requests."""

from dataclasses import dataclass
from random import Random
from typing import Any

from tests.canary.simulator.rules import intent_of
from tests.canary.simulator.server import Request, Response
from tests.canary.simulator.services import edit
from tests.canary.simulator.universe import NAMESPACE, Universe
from tests.canary.soak.faults import FaultPlan, FaultyDoor
from tests.canary.soak.process import SharedClock

NAME = "r1"
STATE = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}-canary"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of the spec; ``served`` counts requests by revision until then."""

    at: float
    is_tools: bool
    template: str
    percent: int | None
    served: dict[str, int]


@dataclass(frozen=True, slots=True)
class Foreign:
    """What somebody else writes, as soon as it is so late."""

    at: float
    patch: dict[str, Any]


class Watched:
    """Hands requests to the universe, through the faults, and time to the children."""

    def __init__(
        self,
        universe: Universe,
        faults: FaultPlan,
        foreign: tuple[Foreign, ...],
        rng: Random,
        clock: SharedClock,
    ) -> None:
        self.universe = universe
        self.door = FaultyDoor(universe.handle, faults, rng)
        self.edits: list[Edit] = []
        self._foreign = list(foreign)
        self._clock = clock
        self._last = self._spec()
        clock.set(universe.now)

    def handle(self, request: Request) -> Response:
        """Answer; what changes the spec is written down."""
        if request.path == "/advance":
            return self._advance(request)
        try:
            return self.door.handle(request, self.universe.now)
        finally:
            # A slow answer lets time pass, and a lost one may have been carried out.
            self._clock.set(self.universe.now)
            self._note(is_tools=True)

    def _advance(self, request: Request) -> Response:
        self.door.set_prometheus(self.universe.prometheus, self.universe.now)
        response = self.universe.handle(request)
        while self._foreign and self._foreign[0].at <= self.universe.now:
            edit(self.universe, self._foreign.pop(0).patch, NAME)
            self._note(is_tools=False)
        self._clock.set(self.universe.now)
        return response

    def _spec(self) -> tuple[str, int | None]:
        intent = intent_of(self.universe.service(NAME))
        return intent.template, intent.percent

    def _note(self, *, is_tools: bool) -> None:
        spec = self._spec()
        if spec != self._last:
            self._last = spec
            served = dict(self.universe.prometheus.served)
            self.edits.append(Edit(self.universe.now, is_tools, *spec, served))

    def state(self) -> dict[str, str]:
        """Return what the tool has stored."""
        body = self.universe.direct.ask("GET", STATE).body
        return dict(body.get("data") or {})
