"""A simulated Prometheus: scrapes simulated pods, answers instant queries of the HTTP API."""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl

import numpy as np

from tests.canary.simulator.behaviour import num_restarts
from tests.canary.simulator.controller import Controller, Tracked
from tests.canary.simulator.exposition import (
    NUM_REQUEST_SERIES,
    Labels,
    Traffic,
    Values,
    increments,
    mean_duration_s,
    series,
)
from tests.canary.simulator.server import Dropped, Request, Response, json_response
from tests.canary.simulator.world import Revision

SCRAPE_S: Final = 15.0
# What an instant query looks back at most.
LOOKBACK_S: Final = 300.0
COUNTERS: Final = series()
GAUGES: Final = ("r1_requests_in_flight", "r1_build_info", "process_start_time_seconds")
# What a target has that did not answer, too.
ABOUT_SCRAPES: Final = ("up", "scrape_duration_seconds")

_QUERY: Final = re.compile(
    r"(?:(?P<function>last_over_time|max_over_time)\()?(?P<name>[a-zA-Z_:]\w*)"
    r"(?:\{(?P<matchers>.*)\})?(?:\[(?P<window>\d+)(?P<unit>ms|s|m|h)\])?\)?",
    re.DOTALL,
)
_MATCHER: Final = re.compile(r'\s*(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Fault(StrEnum):
    """What may be wrong with the server, or with what it has."""

    EMPTY = "empty"
    NAN = "nan"
    # It has scraped nothing since.
    STALE = "stale"
    ERROR = "error"
    NO_JSON = "no_json"
    PARTIAL = "partial"
    REFUSED = "refused"
    # Answers after so much of the virtual clock that the next scrapes are due.
    SLOW = "slow"


@dataclass(slots=True)
class Pod:
    """One scraped pod; ``rows`` are the values at the times of scrapes that were answered."""

    labels: Labels
    counters: Values
    started: float
    restarts: int = 0
    is_up: bool = True
    in_flight: float = 0.0
    times: list[float] = field(default_factory=list)
    rows: list[Values] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)
    ups: list[float] = field(default_factory=list)
    gone: float | None = None


class Prometheus:
    """Of a controller's pods; ``pass_time`` lets pass what a slow answer takes, in seconds."""

    def __init__(
        self,
        controller: Controller,
        namespace: str,
        *,
        requests_per_s: float,
        seed: int,
        start: float,
        pass_time: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._controller = controller
        self._namespace = namespace
        self._pass_time = pass_time
        self._rng = np.random.default_rng(seed)
        self._now = start
        self._next_scrape = start
        self._num_pods = 0
        self.requests_per_s = requests_per_s
        self.defaults_digest = "0" * 16
        self.fault: Fault | None = None
        self.pods: dict[str, Pod] = {}
        # Requests that each revision has ended, of every outcome.
        self.served: Counter[str] = Counter()
        # Of pods that are gone, too: their samples remain.
        self._all: list[Pod] = []

    def step(self, now: float, passed_s: float) -> None:
        """Serve the requests of a while that ends now, and scrape where it is due."""
        self._now = now
        living = set()
        for tracked in self._controller.tracked.values():
            for revision in tracked.world.revisions.values():
                living |= self._serve(tracked, revision, passed_s)
        for name in self.pods.keys() - living:
            self.pods.pop(name).gone = now
        if now >= self._next_scrape:
            self._next_scrape = now + SCRAPE_S
            if self.fault is not Fault.STALE:
                self._scrape()

    def _serve(self, tracked: Tracked, revision: Revision, passed_s: float) -> set[str]:
        age_s = self._now - revision.created
        behaviour = self._controller.behaviour(tracked, revision)
        knative = tracked.world.knative
        routed = knative.routed if knative is not None else ()
        percent = sum(target.percent for target in routed if target.revision == revision.name)
        num_pods = self._controller.num_pods(tracked, revision, self._now)
        rate = self.requests_per_s * percent / 100 / max(1, num_pods)
        names = {f"{revision.name}-deployment-{index}" for index in range(num_pods)}
        for name in sorted(names):
            pod = self._pod(name, revision.name)
            restarts = num_restarts(behaviour, age_s)
            if restarts != pod.restarts:
                pod.counters[:] = 0.0
                pod.restarts, pod.started = restarts, self._now
            pod.is_up = revision.ready.status == "True"
            # Little's law.
            pod.in_flight = rate * mean_duration_s(behaviour)
            if pod.is_up:
                added = increments(Traffic(behaviour, rate * passed_s), self._rng)
                pod.counters += added
                self.served[revision.name] += int(added[:NUM_REQUEST_SERIES].sum())
        return names

    def _pod(self, name: str, revision: str) -> Pod:
        if name not in self.pods:
            self._num_pods += 1
            labels = {
                "job": f"{self._namespace}/r1",
                "instance": f"10.0.0.{self._num_pods}:8080",
                "namespace": self._namespace,
                "pod": name,
                "revision": revision,
            }
            pod = Pod(labels, np.zeros(len(COUNTERS)), self._now)
            self.pods[name] = pod
            self._all.append(pod)
        return self.pods[name]

    def _scrape(self) -> None:
        for pod in self.pods.values():
            pod.attempts.append(self._now)
            pod.ups.append(float(pod.is_up))
            if pod.is_up:
                pod.times.append(self._now)
                # The scrape is itself a request under way.
                gauges = [round(pod.in_flight) + 1.0, 1.0, pod.started]
                pod.rows.append(np.concatenate([pod.counters, gauges]))

    def handle(self, request: Request) -> Response:
        """Answer a query, by GET or by POST, as the fault says."""
        if self.fault is Fault.REFUSED:
            raise Dropped
        if self.fault is Fault.SLOW:
            self._pass_time(8.0)
        if self.fault is Fault.ERROR:
            return json_response(500, {"status": "error", "errorType": "internal", "error": "TSDB"})
        if self.fault is Fault.NO_JSON:
            return Response(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"})
        asked = request.query | dict(parse_qsl(request.body.decode()))
        if not request.path.endswith("/api/v1/query") or "query" not in asked:
            return _bad(f"no such query: {request.path}")
        return self._query(asked["query"], float(asked.get("time", self._now)))

    def _query(self, text: str, time: float) -> Response:
        if text == "time()":
            return self._success("scalar", [time, repr(time)])
        found = _QUERY.fullmatch(text)
        if found is None:
            return _bad(f"parse error: {text}")
        matchers = _parse_matchers(found["matchers"] or "")
        if matchers is None:
            return _bad(f"parse error: {text}")
        window = found["window"]
        window_s = int(window) * _UNITS_S[found["unit"]] if window else None
        chosen = [
            (labels, samples)
            for labels, samples in self._samples(found["name"], time, window_s)
            if all(_holds(labels, *matcher) for matcher in matchers) and samples
        ]
        if self.fault is Fault.EMPTY:
            chosen = []
        if self.fault is Fault.NAN:
            chosen = [(labels, [(at, math.nan) for at, _ in rows]) for labels, rows in chosen]
        if window_s is not None and not found["function"]:
            return self._success("matrix", [_entry(*each) for each in chosen])
        return self._success("vector", [_reduced(found["function"], time, *c) for c in chosen])

    def _success(self, kind: str, result: Any) -> Response:
        body = {"status": "success", "data": {"resultType": kind, "result": result}}
        if self.fault is Fault.PARTIAL:
            body["warnings"] = ["a store did not answer"]
        return json_response(200, body)

    def _samples(
        self, name: str, time: float, window_s: float | None
    ) -> Iterator[tuple[Labels, list[tuple[float, float]]]]:
        """Yield each series of a name with its samples in the window, or with its present one."""
        for pod in self._all:
            if name in ABOUT_SCRAPES:
                values = pod.ups if name == "up" else [0.01] * len(pod.ups)
                picked = _window(pod.attempts, time, window_s)
                present = [(pod.attempts[i], values[i]) for i in picked]
                yield {"__name__": name, **pod.labels}, _unless_stale(pod, present, time, window_s)
                continue
            rows = _window(pod.times, time, window_s)
            for index, labels in self._named(name):
                present = [(pod.times[i], float(pod.rows[i][index])) for i in rows]
                yield labels | pod.labels, _unless_stale(pod, present, time, window_s)

    def _named(self, name: str) -> list[tuple[int, Labels]]:
        if name in GAUGES:
            labels = {"__name__": name}
            if name == "r1_requests_in_flight":
                labels["protocol"] = "rest"
            if name == "r1_build_info":
                labels |= {"version": "0.1.0", "defaults_digest": self.defaults_digest}
            return [(len(COUNTERS) + GAUGES.index(name), labels)]
        return [(i, labels) for i, labels in enumerate(COUNTERS) if labels["__name__"] == name]


def _window(times: list[float], time: float, window_s: float | None) -> range:
    """Return the indices of samples after the window's start, up to the time."""
    end = bisect_right(times, time)
    start = bisect_right(times, time - (LOOKBACK_S if window_s is None else window_s))
    return range(start, end) if window_s is not None else range(max(start, end - 1), end)


def _unless_stale(
    pod: Pod, samples: list[tuple[float, float]], time: float, window_s: float | None
) -> list[tuple[float, float]]:
    """Return nothing for an instant query once the pod is gone or does not answer."""
    if window_s is not None or not samples:
        return samples
    is_gone = pod.gone is not None and pod.gone <= time
    last_attempt = pod.attempts[bisect_right(pod.attempts, time) - 1]
    return [] if is_gone or samples[-1][0] < last_attempt else samples


def _entry(labels: Labels, samples: list[tuple[float, float]]) -> dict[str, Any]:
    return {"metric": labels, "values": [[at, _shown(value)] for at, value in samples]}


def _reduced(
    function: str | None, time: float, labels: Labels, samples: list[tuple[float, float]]
) -> dict[str, Any]:
    values = [value for _, value in samples]
    value = max(values) if function == "max_over_time" else values[-1]
    if function == "max_over_time":
        labels = {name: label for name, label in labels.items() if name != "__name__"}
    return {"metric": labels, "value": [time, _shown(value)]}


def _shown(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{value:.17g}"


def _parse_matchers(text: str) -> list[tuple[str, str, str]] | None:
    parsed, end = [], 0
    while match := _MATCHER.match(text, end):
        label, operator, value = match.groups()
        parsed.append((label, operator, re.sub(r"\\(.)", r"\1", value)))
        end = match.end()
    return parsed if end == len(text) else None


def _holds(labels: Labels, label: str, operator: str, value: str) -> bool:
    found = labels.get(label, "")
    is_equal = found == value if len(operator) == 1 or operator == "!=" else False
    if operator in ("=~", "!~"):
        is_equal = re.fullmatch(value, found) is not None
    return is_equal != operator.startswith("!")


def _bad(problem: str) -> Response:
    return json_response(400, {"status": "error", "errorType": "bad_data", "error": problem})
