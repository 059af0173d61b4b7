"""The loop between a decision and its deed, in this process, on a clock that passes by sleeping."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from canary.cluster import connect
from canary.cluster.store import Stored
from canary.controller import Controller, Edges
from canary.errors import Conflict, Held, Unreachable
from canary.metrics import shares_of
from canary.plan import RolloutPlan
from canary.prometheus import PrometheusReader
from canary.record.entry import Told
from canary.record.outbox import Outbox, load
from canary.rollout.actions import Advance, Patch
from canary.rollout.advance import advance
from canary.rollout.begin import begin, merge
from canary.rollout.seen import GateResult
from canary.rollout.state import HoldKind, Phase, Rollout
from canary.rollout.stored import load as load_rollout
from tests.canary.simulator.behaviour import GOOD
from tests.canary.simulator.server import Request, Response, json_response, serving
from tests.canary.simulator.services import edit, predictor, service
from tests.canary.simulator.universe import NAMESPACE, SERVICES, Universe

START_S = 1_790_000_000.0
STATE = f"/api/v1/namespaces/{NAMESPACE}/configmaps/r1-canary"


class Bench:
    """A rollout that is to begin, with everything real but the cluster and Prometheus."""

    def __init__(self, folder: Path) -> None:
        self.universe = Universe({"old": GOOD, "new": GOOD}, start=START_S, requests_per_s=200.0)
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


def is_patch(request: Request) -> bool:
    return request.method == "PATCH" and "dryRun" not in request.query


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def until_percent(bench: Bench, controller: Controller, percent: int) -> None:
    while bench.percent() != percent:
        controller.step()


def test_the_state_is_written_before_the_service(bench: Bench) -> None:
    bench.begin().step()

    assert bench.writes == ["state", "service"]
    assert bench.percent() == 0


def test_a_conflict_tells_and_patches_nothing(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    merge_patch = "application/merge-patch+json"
    bench.meanwhile = lambda: bench.universe.direct.ask(
        "PATCH", STATE, {"data": {"command": "pause"}}, content_type=merge_patch
    )
    before = len(bench.told)
    with pytest.raises(Conflict):
        until_percent(bench, controller, 10)

    assert (bench.percent(), len(bench.told)) == (0, before)
    controller.step()
    assert controller.rollout.hold is not None


def test_whoever_was_overtaken_gives_way(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    found = bench.store.read()
    assert found is not None
    bench.store.write(replace(found, holder="two"))

    with pytest.raises(Held, match="two has taken the rollout over"):
        controller.step()


def test_a_state_that_somebody_deletes_is_written_again(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    before = bench.store.read()
    bench.universe.direct.ask("DELETE", STATE)
    controller.step()

    assert before is not None
    after = bench.store.read()
    assert after is not None
    assert load_rollout(after.rollout).id == load_rollout(before.rollout).id
    until_percent(bench, controller, 10)


def test_a_state_that_is_deleted_between_a_look_and_its_write_is_written_again(
    bench: Bench,
) -> None:
    controller = bench.begin()
    controller.step()
    bench.meanwhile = lambda: bench.universe.direct.ask("DELETE", STATE)
    with pytest.raises(Conflict, match="is not there any more"):
        until_percent(bench, controller, 10)
    until_percent(bench, controller, 10)

    assert bench.store.read() is not None


def test_a_state_that_another_has_written_after_its_deletion_is_theirs(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    found = bench.store.read()
    assert found is not None
    bench.universe.direct.ask("DELETE", STATE)
    bench.store.write(replace(found, holder="two", resource_version=""))

    with pytest.raises(Held, match="two has taken the rollout over"):
        controller.step()


def test_a_state_that_went_with_its_service_is_not_written_again(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    bench.universe.direct.ask("DELETE", f"{SERVICES}/r1")
    bench.universe.direct.ask("DELETE", STATE)

    with pytest.raises(Held, match="the InferenceService with it"):
        controller.step()


def test_a_patch_is_repeated_only_after_the_state_is_written_once_more(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(is_patch, 409)]
    controller.step()
    controller.step()

    assert bench.writes == ["state", "service", "state", "service"]
    assert bench.percent() == 0


def test_a_patch_is_sent_before_its_decision_is_told(bench: Bench) -> None:
    controller = bench.begin()
    bench.on_told = lambda: bench.writes.append("told")
    controller.step()

    assert bench.writes == ["state", "service", "told"]


def test_what_was_decided_is_told_though_its_patch_failed(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(is_patch, 503)] * 9
    with pytest.raises(Unreachable):
        controller.step()

    assert [told.note.reason for told in bench.told] == ["Started"]


def test_a_refused_start_ends_the_rollout(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(is_patch, 422)]
    controller.step()
    controller.step()

    assert controller.rollout.phase is Phase.ROLLED_BACK
    assert "the start patch was refused" in controller.rollout.reason


def test_a_deadline_that_a_wrong_clock_moved_ahead_is_taken_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller = bench.begin()
    controller.step()
    now = bench.cluster.now
    with monkeypatch.context() as wrong:
        wrong.setattr(bench.cluster, "now", lambda: now() + 600.0)
        controller.step()
    ahead = bench.store.read()
    controller.step()
    stored = bench.store.read()

    assert ahead is not None
    assert stored is not None
    deadlines = [load_rollout(one.rollout).watch_deadline for one in (ahead, stored)]
    assert deadlines[1] < deadlines[0] - 500.0


def test_whoever_has_lost_the_lease_writes_no_deleted_state_again(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/r1-canary"
    merge_patch = "application/merge-patch+json"
    taken = {"spec": {"holderIdentity": "two"}}
    bench.universe.direct.ask("PATCH", lease, taken, content_type=merge_patch)
    bench.universe.direct.ask("DELETE", STATE)

    with pytest.raises(Held, match="two holds the Lease"):
        controller.step()
    assert bench.store.read() is None


def test_a_quota_that_refuses_the_first_state_is_asked_again(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(lambda request: request.path.endswith("/configmaps"), 409)] * 3
    began = bench.universe.now
    controller.run(is_done=lambda rollout: bench.percent() == 0)

    assert bench.percent() == 0
    assert bench.universe.now - began >= 1.5


def test_a_quota_that_goes_on_refusing_is_given_up(bench: Bench) -> None:
    controller = bench.begin()
    bench.refuse = [(lambda request: request.path.endswith("/configmaps"), 409)] * 9999
    with pytest.raises(Unreachable, match="conflicts alone"):
        controller.run()


def test_a_cluster_that_wants_a_long_wait_gets_it(bench: Bench) -> None:
    controller = bench.begin()
    asked: list[float] = []

    def is_read(request: Request) -> bool:
        if not request.path.endswith("/inferenceservices/r1"):
            return False
        asked.append(bench.universe.now)
        return True

    bench.refuse = [(is_read, 429)] * 2
    controller.run(is_done=lambda rollout: bench.percent() == 0)

    assert asked[1] - asked[0] >= 90.0


def test_a_percent_put_back_at_once_is_a_persons(bench: Bench) -> None:
    controller = bench.begin()
    until_percent(bench, controller, 10)
    edit(bench.universe, {"spec": {"predictor": {"canaryTrafficPercent": 0}}})
    controller.step()

    assert controller.rollout.hold is not None
    assert controller.rollout.hold.kind is HoldKind.FOREIGN
    assert bench.percent() == 0


def test_a_patch_that_somebody_was_quicker_than_is_decided_anew(bench: Bench) -> None:
    controller = bench.begin()
    following = controller.decide(advance)
    assert following is not None
    edit(bench.universe, {"spec": {"predictor": {"timeout": 7}}})
    assert isinstance(following.action, Patch)
    controller.act(following.action)
    controller.step()

    assert bench.percent() is None
    assert controller.rollout.hold is not None


def test_what_was_written_and_not_told_is_told_by_the_next(bench: Bench) -> None:
    first = bench.begin()
    first.step()
    stored = bench.store.read()
    assert stored is not None
    bench.told.clear()
    bench.controller(stored, first.rollout, load(stored.outbox)).tell_again()

    assert [(told.number, told.note.reason) for told in bench.told] == [(1, "Started")]


def test_the_next_write_says_what_was_told(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    first = bench.store.read()
    until_percent(bench, controller, 10)
    second = bench.store.read()
    assert first is not None
    assert second is not None

    assert [load(one.outbox).num_told for one in (first, second)] == [0, 1]
    assert [told.number for told in load(second.outbox).untold] == [2, 3]


def test_a_command_is_taken_while_nothing_else_is_written(bench: Bench) -> None:
    controller = bench.begin()
    controller.step()
    found = bench.store.read()
    assert found is not None
    bench.store.write(replace(found, command="pause"))
    controller.step()

    assert controller.rollout.hold is not None
    stored = bench.store.read()
    assert stored is not None
    assert stored.command == ""


def _no_gate(rollout: Rollout) -> GateResult:
    raise AssertionError(f"{rollout.id} has no gate")


def _settings(url: str) -> dict[str, Any]:
    left_out = ("inter_token", "tokens_per_second", "finish_reasons", "output_length", "refused")
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
