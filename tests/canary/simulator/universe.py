"""One cluster in one process: API, controllers and Prometheus, on a clock that is set by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from tests.canary.simulator.behaviour import GOOD, Behaviour
from tests.canary.simulator.contract import Answer
from tests.canary.simulator.controller import Controller
from tests.canary.simulator.memory_api import MemoryApi
from tests.canary.simulator.prometheus import Prometheus
from tests.canary.simulator.rules import reconcile
from tests.canary.simulator.server import Request, Response, json_response
from tests.canary.simulator.store import Store
from tests.canary.simulator.world import World

NAMESPACE = "r1"
SERVICES = f"/apis/serving.kserve.io/v1beta1/namespaces/{NAMESPACE}/inferenceservices"
# Controllers run, and counters move, this often.
STEP_S = 5.0


class Direct:
    """The memory API without a socket."""

    def __init__(self, api: MemoryApi) -> None:
        self._api = api

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        agent: str = "simulator/1",
    ) -> Answer:
        """Return the answer, whatever its status."""
        path, _, query = path.partition("?")
        asked = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        headers = {"content-type": content_type, "user-agent": agent}
        data = orjson.dumps(body) if body is not None else b""
        got = self._api.handle(Request(method, path, asked, headers, data))
        return Answer(got.status, orjson.loads(got.body), got.headers)


class Universe:
    """``behaviours`` by image; every other image is good. ``now`` is Unix seconds."""

    def __init__(
        self,
        behaviours: Mapping[str, Behaviour],
        *,
        start: float,
        requests_per_s: float = 20.0,
        seed: int = 0,
        pass_once: Callable[[World, float], World] = reconcile,
    ) -> None:
        self.now = start
        self.store = Store(lambda: self.now)
        self.api = MemoryApi(self.store, lambda: self.now)
        self.direct = Direct(self.api)
        self.controller = Controller(
            self.direct,
            NAMESPACE,
            behaviour_of=lambda predictor: behaviours.get(_image(predictor), GOOD),
            pass_once=pass_once,
        )
        self.prometheus = Prometheus(
            self.controller,
            NAMESPACE,
            requests_per_s=requests_per_s,
            seed=seed,
            start=start,
            pass_time=lambda seconds: self.advance(self.now + seconds),
        )

    def advance(self, until: float) -> None:
        """Let time pass up to this; a time that is past changes nothing."""
        while self.now < until:
            passed_s = min(STEP_S, until - self.now)
            self.now += passed_s
            self.controller.step(self.now)
            self.prometheus.step(self.now, passed_s)

    def handle(self, request: Request) -> Response:
        """Answer as the API, as Prometheus under /prometheus, or let time pass."""
        if request.path == "/now":
            return json_response(200, self.now)
        if request.path == "/advance":
            self.advance(float(orjson.loads(request.body)["until"]))
            return json_response(200, self.now)
        if request.path.startswith("/prometheus/"):
            return self.prometheus.handle(request)
        return self.api.handle(request)

    def create(self, service: dict[str, Any]) -> None:
        """Create an InferenceService and let it become Ready."""
        answer = self.direct.ask("POST", SERVICES, service)
        assert answer.status == 201, answer.body
        self.advance(self.now + 120.0)

    def service(self, name: str) -> dict[str, Any]:
        """Return the InferenceService as the API holds it."""
        found: dict[str, Any] = self.direct.ask("GET", f"{SERVICES}/{name}").body
        return found


def _image(predictor: Mapping[str, Any]) -> str:
    return str(predictor["containers"][0]["image"])
