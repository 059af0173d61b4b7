"""A rollout that is to begin in this process, on a clock that passes by sleeping."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import yaml

from canary.cluster import connect
from canary.cluster.store import Stored
from canary.controller import Controller, Edges
from canary.metrics import shares_of
from canary.plan import RolloutPlan
from canary.prometheus import PrometheusReader
from canary.record.entry import Told
from canary.record.outbox import Outbox
from canary.rollout.actions import Advance
from canary.rollout.begin import begin, merge
from canary.rollout.seen import GateResult
from canary.rollout.state import Rollout
from tests.canary.simulator.behaviour import GOOD, Behaviour
from tests.canary.simulator.server import Request, Response, json_response, serving
from tests.canary.simulator.services import predictor, service
from tests.canary.simulator.universe import NAMESPACE, Universe

START_S = 1_790_000_000.0
STATE = f"/api/v1/namespaces/{NAMESPACE}/configmaps/r1-canary"


class Bench:
    """A rollout that is to begin, with everything real but the cluster and Prometheus."""

    def __init__(self, folder: Path, new: Behaviour) -> None:
        self.universe = Universe({"old": GOOD, "new": new}, start=START_S, requests_per_s=200.0)
        self.universe.create(service("old"))
        self.told: list[Told] = []
        self.writes: list[str] = []
        # Called once, before the next write of the state.
        self.meanwhile: Callable[[], object] | None = None
        # What is to be refused, and with which status; each once, in turn.
        self.refuse: list[tuple[Callable[[Request], bool], int]] = []
        self.on_told: Callable[[], object] = list
        self._stack = ExitStack()
        url = self._stack.enter_context(serving(self._handle))
        self.cluster = connect(
            _kubeconfig(folder, url),
            None,
            rng=Random(1),
            sleep=lambda seconds: self.universe.advance(self.universe.now + seconds),
            monotonic=lambda: self.universe.now,
        )
        self.plan = RolloutPlan.model_validate(_settings(url))
        self.store = self.cluster.store(self.cluster.read_service(NAMESPACE, "r1"))

    def close(self) -> None:
        self._stack.close()

    def begin(self) -> Controller:
        """Return the controller of a new rollout."""
        live = self.cluster.read_service(NAMESPACE, "r1")
        target = merge(self.plan, predictor("new"))
        fingerprint = self.cluster.dry_run_template(live, target, 0)
        pods = (self.cluster.pods_of(NAMESPACE, live.rolled_out),)
        rollout = begin(self.plan, live, target, fingerprint, pods, self.cluster.now(), "a" * 32)
        return self.controller(Stored(), rollout, Outbox())

    def controller(self, stored: Stored, rollout: Rollout, box: Outbox) -> Controller:
        live = self.cluster.read_service(NAMESPACE, "r1")
        lease = self._stack.enter_context(self.cluster.lease(live, f"one-{len(self.writes)}"))
        reader = PrometheusReader(self.plan.prometheus)
        self._stack.callback(reader.close)
        edges = Edges(
            cluster=self.cluster,
            store=self.store,
            lease=lease,
            reader=reader,
            gate=_no_gate,
            record=self._record,
            warn=lambda text: None,
            summarise=lambda ended: "{}",
            sleep=lambda seconds: self.universe.advance(self.universe.now + seconds),
            monotonic=lambda: self.universe.now,
        )
        return Controller(edges, shares_of(self.plan), stored, rollout, box)

    def percent(self) -> int | None:
        found: int | None = self.universe.service("r1")["spec"]["predictor"].get(
            "canaryTrafficPercent"
        )
        return found

    def _record(self, before: Rollout, following: Advance, told: Any, *rest: object) -> None:
        self.told += told
        self.on_told()

    def _handle(self, request: Request) -> Response:
        is_state = "/configmaps" in request.path and request.method != "GET"
        if is_state and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        if request.method == "PATCH" and "dryRun" not in request.query:
            self.writes.append("service")
        if is_state:
            self.writes.append("state")
        if self.refuse and self.refuse[0][0](request):
            _, status = self.refuse.pop(0)
            return replace(
                json_response(status, {"message": "not now"}),
                headers={"content-type": "application/json", "retry-after": "90"},
            )
        return self.universe.handle(request)


@contextmanager
def opened(folder: Path, new: Behaviour = GOOD) -> Iterator[Bench]:
    """Yield a bench whose new template behaves so."""
    made = Bench(folder, new)
    yield made
    made.close()


def is_patch(request: Request) -> bool:
    return request.method == "PATCH" and "dryRun" not in request.query


def until_percent(bench: Bench, controller: Controller, percent: int) -> None:
    while bench.percent() != percent:
        controller.step()


def _no_gate(rollout: Rollout) -> GateResult:
    raise AssertionError(f"{rollout.id} has no gate")


def _settings(url: str) -> dict[str, Any]:
    left_out = (
        *("inter_token", "longest_gap", "tokens_per_second"),
        *("finish_reasons", "output_length", "refused"),
    )
    return {
        "service": "r1",
        "namespace": NAMESPACE,
        "manifest": "r1.yaml",
        "steps": [{"percent": 10, "min_duration": "30s", "min_requests": 100}],
        "bake": {"percent": 50, "min_duration": "30s", "min_requests": 500},
        "gate": None,
        "metrics": {"ttft": {"edges": [0.3, 0.5]}} | dict.fromkeys(left_out),
        "prometheus": {"url": f"{url}/prometheus"},
    }


def _kubeconfig(folder: Path, url: str) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
        "users": [{"name": "bench", "user": {"token": "bench"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
