"""KServe's and Knative's controllers in one, against any Kubernetes API, a step at a time."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from tests.canary.simulator import objects
from tests.canary.simulator.behaviour import GOOD, Behaviour, num_restarts, readiness
from tests.canary.simulator.contract import MERGE, Answer
from tests.canary.simulator.rules import intent_of, reconcile, routing_state
from tests.canary.simulator.world import Revision, World

Object = dict[str, Any]
# After which a revision without users and without a minimum scale has no pods.
IDLE_S = 90.0


class Asks(Protocol):
    """A Kubernetes API, by HTTP or in this process."""

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        agent: str = "simulator/1",
    ) -> Answer: ...


@dataclass(slots=True)
class Tracked:
    """One InferenceService; ``predictors`` by the digest that its revisions carry."""

    uid: str
    world: World
    predictors: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    since: dict[str, tuple[str, float]] = field(default_factory=dict)
    # What the API holds, by path: nothing is written twice.
    published: dict[str, object] = field(default_factory=dict)


def _good(predictor: Mapping[str, Any]) -> Behaviour:
    return GOOD


class Controller:
    """Of one namespace; ``on_traffic`` gets a service's name and percents when they change."""

    def __init__(
        self,
        api: Asks,
        namespace: str,
        *,
        behaviour_of: Callable[[Mapping[str, Any]], Behaviour] = _good,
        on_traffic: Callable[[str, dict[str, int]], None] = lambda name, percents: None,
        pass_once: Callable[[World, float], World] = reconcile,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._behaviour_of = behaviour_of
        self._on_traffic = on_traffic
        self._pass_once = pass_once
        self.tracked: dict[str, Tracked] = {}

    def step(self, now: float) -> None:
        """Reconcile each InferenceService once, as it is now, in Unix seconds."""
        listed = self._api.ask("GET", self._services()).body["items"]
        for name in self.tracked.keys() - {item["metadata"]["name"] for item in listed}:
            self._forget(name)
        for item in listed:
            self._step_one(item, now)

    def behaviour(self, tracked: Tracked, revision: Revision) -> Behaviour:
        """Return what the pods of a revision do."""
        return self._behaviour_of(tracked.predictors[revision.template])

    def num_pods(self, tracked: Tracked, revision: Revision, now: float) -> int:
        """Return how many pods a revision has: reserve, or idle without a minimum, has none."""
        if routing_state(tracked.world, revision.name) == "reserve":
            return 0
        minimum = int(tracked.predictors[revision.template].get("minReplicas", 1))
        is_asked = tracked.world.status.percent_of(revision.name) > 0
        is_young = now - revision.created < IDLE_S
        return max(minimum, 1 if is_asked or is_young else 0)

    def _step_one(self, item: Object, now: float) -> None:
        name, uid = item["metadata"]["name"], item["metadata"]["uid"]
        tracked = self.tracked.get(name)
        if tracked is not None and tracked.uid != uid:
            self._forget(name)
            tracked = None
        intent = intent_of(item)
        if tracked is None:
            tracked = self.tracked[name] = Tracked(uid, World(name, intent))
        tracked.predictors[intent.template] = item["spec"]["predictor"]
        revisions = {
            revision.name: replace(
                revision,
                ready=readiness(self.behaviour(tracked, revision), now - revision.created),
            )
            for revision in tracked.world.revisions.values()
        }
        before = tracked.world
        world = replace(before, intent=intent, revisions=revisions)
        tracked.world = self._pass_once(world, now)
        self._publish(tracked, item, now)
        if tracked.world.status.traffic != before.status.traffic:
            self._on_traffic(name, _percents(tracked.world))

    def _publish(self, tracked: Tracked, item: Object, now: float) -> None:
        for revision in tracked.world.revisions.values():
            self._publish_revision(tracked, revision)
            self._publish_pods(tracked, revision, now)
        self._tell_failure(tracked, now)
        self._publish_status(tracked, item, now)

    def _publish_status(self, tracked: Tracked, item: Object, now: float) -> None:
        for kind, condition in tracked.world.status.conditions.items():
            if tracked.since.get(kind, ("", 0.0))[0] != condition.status:
                tracked.since[kind] = (condition.status, now)
        since = {kind: began for kind, (_, began) in tracked.since.items()}
        status = objects.status_object(tracked.world, self._namespace, since)
        if item.get("status") != status:
            path = f"{self._services()}/{tracked.world.name}/status"
            # A conflict is left to the next step, which reads again.
            answer = self._api.ask("PUT", path, item | {"status": status})
            assert answer.status in (200, 404, 409), answer.body

    def _publish_revision(self, tracked: Tracked, revision: Revision) -> None:
        predictor = tracked.predictors[revision.template]
        state = routing_state(tracked.world, revision.name)
        body = objects.revision_object(revision, tracked.world.name, predictor, state)
        path = self._path("serving.knative.dev/v1", "revisions")
        self._put(tracked, path, body, objects.revision_status(revision))

    def _publish_pods(self, tracked: Tracked, revision: Revision, now: float) -> None:
        behaviour, age_s = self.behaviour(tracked, revision), now - revision.created
        status = objects.pod_status(revision.ready, num_restarts(behaviour, age_s))
        path = f"/api/v1/namespaces/{self._namespace}/pods"
        wanted = self.num_pods(tracked, revision, now)
        for index in range(wanted):
            body = objects.pod_object(revision.name, tracked.world.name, index)
            self._put(tracked, path, body, status)
        index = wanted
        while f"{path}/{revision.name}-deployment-{index}" in tracked.published:
            self._remove(tracked, f"{path}/{revision.name}-deployment-{index}")
            index += 1

    def _put(self, tracked: Tracked, path: str, body: Object, status: Object) -> None:
        """Make the object and its status so, where they are not."""
        one = f"{path}/{body['metadata']['name']}"
        published = tracked.published.get(one)
        if published == (body, status):
            return
        if published is None:
            assert self._api.ask("POST", path, body).status in (201, 409)
        elif isinstance(published, tuple) and published[0] != body:
            self._api.ask("PATCH", one, body, content_type=MERGE)
        self._api.ask("PATCH", f"{one}/status", {"status": status}, content_type=MERGE)
        tracked.published[one] = (body, status)

    def _remove(self, tracked: Tracked, path: str) -> None:
        self._api.ask("DELETE", path, {"gracePeriodSeconds": 0})
        del tracked.published[path]

    def _tell_failure(self, tracked: Tracked, now: float) -> None:
        condition = tracked.world.status.conditions.get("PredictorReady")
        failed = condition if condition and condition.reason == "ReconcileFailed" else None
        if failed and tracked.published.get("failed") != failed:
            regarding = {"kind": "InferenceService", "name": tracked.world.name}
            event = {
                "metadata": {"generateName": f"{tracked.world.name}."},
                "involvedObject": regarding | {"namespace": self._namespace},
                "reason": "InternalError",
                "type": "Warning",
                "message": failed.message,
                "lastTimestamp": objects.timestamp(now),
            }
            self._api.ask("POST", f"/api/v1/namespaces/{self._namespace}/events", event)
        tracked.published["failed"] = failed

    def _forget(self, name: str) -> None:
        tracked = self.tracked.pop(name)
        for path in [path for path in tracked.published if path.startswith("/")]:
            self._remove(tracked, path)

    def _services(self) -> str:
        return self._path("serving.kserve.io/v1beta1", "inferenceservices")

    def _path(self, api_version: str, plural: str) -> str:
        return f"/apis/{api_version}/namespaces/{self._namespace}/{plural}"


def _percents(world: World) -> dict[str, int]:
    named = {target.revision for target in world.status.traffic if target.revision}
    return {name: world.status.percent_of(name) for name in sorted(named)}


def write_weights(path: Path, percents: dict[str, int]) -> None:
    """Replace a JSON file of {revision: percent} at once: no reader sees a part of it."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(percents))
    os.replace(beside, path)
