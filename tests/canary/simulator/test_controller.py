"""The simulator as a controller: what it writes to an API, real or in memory."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.canary.simulator.behaviour import GOOD, Behaviour
from tests.canary.simulator.contract import MERGE, Api, api_at, api_of, at
from tests.canary.simulator.controller import Controller, write_weights
from tests.canary.simulator.memory_api import MemoryApi
from tests.canary.simulator.server import serving
from tests.canary.simulator.services import predictor, service
from tests.canary.simulator.store import Store

NAMESPACE = "simulator"
SERVICES = f"/apis/serving.kserve.io/v1beta1/namespaces/{NAMESPACE}/inferenceservices"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
BEHAVIOURS = {
    "good": GOOD,
    "crashing": Behaviour(crashes_after_s=100),
    "broken": Behaviour(fails_after_s=10),
}


class Cluster:
    """One InferenceService and the controller, stepped by hand."""

    def __init__(self, api: Api, name: str) -> None:
        self.api, self.name = api, name
        self.now = 1e9
        self.told: list[dict[str, int]] = []
        self.controller = Controller(
            api,
            NAMESPACE,
            behaviour_of=lambda predictor: BEHAVIOURS[predictor["containers"][0]["image"]],
            on_traffic=lambda name, percents: self.told.append(percents),
        )

    def wait(self, seconds: float) -> None:
        """Step every 10 s."""
        end = self.now + seconds
        while self.now < end:
            self.now += 10
            self.controller.step(self.now)

    def edit(self, image: str, percent: int, **fields: Any) -> None:
        """Write a template with its percent."""
        edited = predictor(image) | fields | {"canaryTrafficPercent": percent}
        path = f"{SERVICES}/{self.name}"
        answer = self.api.ask("PATCH", path, {"spec": {"predictor": edited}}, content_type=MERGE)
        assert answer.status == 200, answer.body

    @property
    def object(self) -> dict[str, Any]:
        """The InferenceService as the API holds it."""
        return dict(self.api.ask("GET", f"{SERVICES}/{self.name}").body)

    @property
    def status(self) -> dict[str, Any]:
        """What KServe says of the predictor."""
        return dict(at(self.object, "status.components.predictor"))

    def pods(self, number: int) -> list[dict[str, Any]]:
        """Return the pods of a revision."""
        selector = f"serving.knative.dev/revision%3D{self.name}-predictor-{number:05d}"
        return list(self.api.ask("GET", f"{PODS}?labelSelector={selector}").body["items"])


@pytest.fixture
def memory() -> Iterator[Api]:
    def clock() -> float:
        return 1e9

    with serving(MemoryApi(Store(clock), clock).handle) as url:
        yield api_at(url)


@pytest.fixture
def real(kubeconfig: Path) -> Api:
    return api_of(kubeconfig)


@pytest.fixture(params=["memory", "real"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    api: Api = request.getfixturevalue(request.param)
    api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    made = Cluster(api, "simulated")
    assert api.ask("POST", SERVICES, service("good", "simulated")).status == 201
    made.wait(60)
    yield made
    api.ask("DELETE", f"{SERVICES}/simulated")
    made.wait(10)


def test_a_service_becomes_ready_with_all_users_on_its_first_revision(cluster: Cluster) -> None:
    traffic = cluster.status["traffic"]

    assert [(t["revisionName"], t["percent"]) for t in traffic] == [
        ("simulated-predictor-00001", 100)
    ]
    conditions = {c["type"]: c["status"] for c in cluster.object["status"]["conditions"]}
    assert conditions["Ready"] == "True"


def test_a_canary_is_shown_with_its_share_and_its_tag_hosts(cluster: Cluster) -> None:
    cluster.edit("good", 10, timeout=60)
    cluster.wait(60)

    assert cluster.status["traffic"] == [
        {
            "latestRevision": True,
            "percent": 10,
            "revisionName": "simulated-predictor-00002",
            "tag": "latest",
            "url": "http://latest-simulated-predictor.simulator.example.com",
        },
        {
            "latestRevision": False,
            "percent": 90,
            "revisionName": "simulated-predictor-00001",
            "tag": "prev",
            "url": "http://prev-simulated-predictor.simulator.example.com",
        },
    ]
    assert cluster.status["latestRolledoutRevision"] == "simulated-predictor-00001"


def test_the_traffic_is_told_when_it_changes_and_not_before(cluster: Cluster) -> None:
    cluster.edit("good", 10, timeout=60)
    cluster.wait(200)

    assert cluster.told[1:] == [
        {"simulated-predictor-00001": 100},
        {"simulated-predictor-00001": 90, "simulated-predictor-00002": 10},
    ]


def test_a_settled_service_is_not_written_again(cluster: Cluster) -> None:
    before = cluster.object
    cluster.wait(50)

    assert cluster.object == before


def test_a_pod_that_crashes_is_seen_to(cluster: Cluster) -> None:
    cluster.edit("crashing", 10)
    cluster.wait(60)
    [before] = cluster.pods(2)
    cluster.wait(120)
    [after] = cluster.pods(2)

    assert before["status"]["containerStatuses"][0]["restartCount"] == 0
    assert after["status"]["containerStatuses"][0]["restartCount"] > 0
    assert after["status"]["conditions"][0]["status"] == "False"


def test_a_revision_that_cannot_start_is_told_of(cluster: Cluster) -> None:
    cluster.edit("broken", 10)
    cluster.wait(60)

    conditions = {c["type"]: c for c in cluster.object["status"]["conditions"]}
    assert conditions["PredictorConfigurationReady"]["reason"] == "RevisionFailed"
    assert "traffic" in cluster.status


def test_a_revision_in_reserve_loses_its_pods(cluster: Cluster) -> None:
    cluster.edit("good", 100, timeout=60)
    cluster.wait(60)

    assert (cluster.pods(1), len(cluster.pods(2))) == ([], 1)


def test_an_idle_revision_without_a_minimum_loses_its_pods(cluster: Cluster) -> None:
    cluster.edit("good", 0, minReplicas=0)
    cluster.wait(60)
    assert len(cluster.pods(2)) == 1

    cluster.wait(60)
    assert cluster.pods(2) == []


def test_a_refused_percent_is_told_by_an_event(cluster: Cluster) -> None:
    cluster.edit("good", 150, timeout=60)
    cluster.wait(30)

    events = cluster.api.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/events").body["items"]
    assert [e["message"] for e in events if e["reason"] == "InternalError"][-1:] == [
        "validation failed: expected 0 <= 150 <= 100: spec.traffic[0].percent"
    ]


def test_a_service_that_is_made_anew_begins_at_its_first_revision(cluster: Cluster) -> None:
    cluster.edit("good", 100, timeout=60)
    cluster.wait(60)
    cluster.api.ask("DELETE", f"{SERVICES}/simulated")
    cluster.api.ask("POST", SERVICES, service("good", "simulated"))
    cluster.wait(60)

    assert cluster.status["latestReadyRevision"] == "simulated-predictor-00001"


def test_weights_are_a_file_of_percents(tmp_path: Path) -> None:
    write_weights(tmp_path / "weights.json", {"a": 10, "b": 90})

    assert json.loads((tmp_path / "weights.json").read_text()) == {"a": 10, "b": 90}
    assert [path.name for path in tmp_path.iterdir()] == ["weights.json"]
