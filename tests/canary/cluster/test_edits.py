"""Edits of an InferenceService on the real API server."""

import threading

import pytest

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.refusals import NotFound
from canary.cluster.transport import Request
from canary.errors import Conflict, InputError, Rejected, Unreachable
from canary.rollout.actions import Patch
from canary.rollout.service import Service
from canary.rollout.state import Live, Template
from tests.canary.cluster.api import SERVICES, edit
from tests.canary.cluster.conftest import NAMESPACE
from tests.canary.cluster.faults import FaultyServer, lose_answer, lose_answer_then, lose_request

NEXT = {"containers": [{"name": "kserve-container", "image": "predictor:2"}], "maxReplicas": 3}


def _start(cluster: Cluster, service: Service) -> Patch:
    admitted = cluster.dry_run_template(service, NEXT, 0)
    return Patch(Live(admitted, 0), Template(NEXT, admitted), service.resource_version)


def _percent(service: Service, percent: int | None) -> Patch:
    return Patch(Live(service.fingerprint, percent), None, service.resource_version)


def _write(cluster: Cluster, service: Service, patch: Patch) -> Service:
    return cluster.patch(service.namespace, service.name, patch)


def test_a_dry_run_tells_the_fingerprint_that_the_patch_gives(
    cluster: Cluster, service: Service
) -> None:
    patch = _start(cluster, service)
    assert patch.live.fingerprint != service.fingerprint
    assert _write(cluster, service, patch).fingerprint == patch.live.fingerprint


def test_a_dry_run_changes_nothing(cluster: Cluster, service: Service) -> None:
    cluster.dry_run_template(service, NEXT, 0)
    assert cluster.read_service(service.namespace, service.name) == service


def test_the_template_and_the_percent_are_replaced_in_one_write(
    cluster: Cluster, service: Service
) -> None:
    after = _write(cluster, service, _start(cluster, service))
    assert (after.template, after.percent) == (NEXT, 0)
    assert after.generation == service.generation + 1


def test_a_percent_alone_leaves_the_template(cluster: Cluster, service: Service) -> None:
    after = _write(cluster, service, _percent(service, 25))
    assert (after.percent, after.template) == (25, service.template)
    assert after.fingerprint == service.fingerprint


def test_the_same_percent_again_makes_no_generation(cluster: Cluster, service: Service) -> None:
    once = _write(cluster, service, _percent(service, 25))
    assert _write(cluster, once, _percent(once, 25)).generation == once.generation


def test_a_percent_can_be_removed_there_or_not(cluster: Cluster, service: Service) -> None:
    gone = _write(cluster, service, _percent(service, None))
    there = _write(cluster, gone, _percent(gone, 5))
    assert (gone.percent, there.percent) == (None, 5)
    assert _write(cluster, there, _percent(there, None)).percent is None


def test_a_foreign_edit_is_kept_and_is_a_conflict(
    cluster: Cluster, api: Api, service: Service
) -> None:
    edit(api, service.namespace, service.name, {"canaryTrafficPercent": 42}, by="kubectl-edit")
    with pytest.raises(Conflict):
        _write(cluster, service, _percent(service, 10))
    after = cluster.read_service(service.namespace, service.name)
    assert (after.percent, after.percent_manager) == (42, "kubectl-edit")


def test_a_template_is_not_written_over_a_foreign_one(
    cluster: Cluster, api: Api, service: Service
) -> None:
    patch = _start(cluster, service)
    edit(api, service.namespace, service.name, {"minReplicas": 7}, by="kubectl-edit")
    with pytest.raises(Conflict):
        _write(cluster, service, patch)
    assert cluster.read_service(service.namespace, service.name).template["minReplicas"] == 7


def test_a_dry_run_against_a_service_that_has_changed_is_a_conflict(
    cluster: Cluster, api: Api, service: Service
) -> None:
    edit(api, service.namespace, service.name, {"minReplicas": 7}, by="kubectl-edit")
    with pytest.raises(Conflict):
        cluster.dry_run_template(service, NEXT, 0)


def test_of_many_writers_at_once_one_wins(cluster: Cluster, service: Service) -> None:
    won: list[int] = []

    def write(percent: int) -> None:
        try:
            _write(cluster, service, _percent(service, percent))
        except Conflict:
            return
        won.append(percent)

    threads = [threading.Thread(target=write, args=(percent,)) for percent in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [cluster.read_service(service.namespace, service.name).percent]


def test_the_writer_is_named_in_the_service(cluster: Cluster, service: Service) -> None:
    assert _write(cluster, service, _percent(service, 10)).percent_manager == "r1-canary"


SECRET = {"name": "kserve-container", "env": [{"name": "TOKEN", "value": "secret"}]}


@pytest.mark.parametrize(
    ("predictor", "words"),
    [
        pytest.param(
            {"containers": [SECRET], "maxReplica": 4},
            'unknown field "spec.predictor.maxReplica"',
            id="a-misspelt-field",
        ),
        pytest.param(
            {"containers": [SECRET], "maxReplicas": "4"}, "must be of type integer", id="a-type"
        ),
        pytest.param({**NEXT, "scaleMetric": "gpu"}, "spec.predictor.scaleMetric", id="a-choice"),
        pytest.param(
            {"containers": [{"image": "a", "env": [{"name": "A", "value": "secret"}]}]},
            "spec.predictor.containers[0].name: Required value",
            id="a-missing-field",
        ),
    ],
)
def test_a_template_that_is_no_template_is_refused_with_the_server_s_words(
    cluster: Cluster, service: Service, predictor: dict[str, object], words: str
) -> None:
    with pytest.raises(Rejected) as told:
        cluster.dry_run_template(service, predictor, 0)
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(("namespace", "name"), [(NAMESPACE, "nobody"), ("nowhere", "r1")])
def test_a_service_that_is_not_there_is_bad_input(
    cluster: Cluster, namespace: str, name: str
) -> None:
    with pytest.raises(NotFound, match=f'"{name}" not found in namespace {namespace}') as told:
        cluster.read_service(namespace, name)
    assert isinstance(told.value, InputError)


def test_a_status_of_the_real_shape_is_read(cluster: Cluster, api: Api, service: Service) -> None:
    path = f"{SERVICES.format(service.namespace)}/{service.name}/status"
    traffic = [{"revisionName": "x-00001", "percent": 100, "latestRevision": True}]
    status = {
        "deploymentMode": "Knative",
        "components": {"predictor": {"latestReadyRevision": "x-00001", "traffic": traffic}},
    }
    body = {"status": status}
    api.call(Request("PATCH", path, {}, body, "application/merge-patch+json"))
    after = cluster.read_service(service.namespace, service.name)
    assert (after.mode, after.latest_ready, after.percent_of("x-00001")) == (
        "Knative",
        "x-00001",
        100,
    )


def test_a_write_whose_answer_is_lost_is_done_once(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service
) -> None:
    faulty.faults.append(lose_answer)
    after = _write(faulty_cluster, service, _percent(service, 10))
    assert (after.percent, after.generation) == (10, service.generation + 1)


def test_a_template_whose_answer_is_lost_is_done_once(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service
) -> None:
    patch = _start(faulty_cluster, service)
    faulty.faults.append(lose_answer)
    after = _write(faulty_cluster, service, patch)
    assert (after.fingerprint, after.generation) == (
        patch.live.fingerprint,
        service.generation + 1,
    )


def test_a_write_that_is_lost_on_the_way_is_done(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service
) -> None:
    faulty.faults.append(lose_request)
    assert _write(faulty_cluster, service, _percent(service, 10)).percent == 10


@pytest.mark.parametrize("read_s", [0.5])
def test_a_write_whose_answer_never_comes_is_looked_for(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service
) -> None:
    faulty.faults.append(faulty.silence_afterwards)
    after = _write(faulty_cluster, service, _percent(service, 10))
    assert (after.percent, after.generation) == (10, service.generation + 1)


def test_an_edit_behind_a_lost_answer_is_kept_and_is_a_conflict(
    faulty: FaultyServer, faulty_cluster: Cluster, api: Api, service: Service
) -> None:
    foreign = {"canaryTrafficPercent": 42}
    faulty.faults.append(
        lose_answer_then(lambda: edit(api, service.namespace, service.name, foreign, by="somebody"))
    )
    with pytest.raises(Conflict):
        _write(faulty_cluster, service, _percent(service, 10))
    assert faulty_cluster.read_service(service.namespace, service.name).percent == 42


def test_a_write_that_is_never_answered_is_no_success(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service
) -> None:
    faulty.faults.extend([lose_request] * 10)
    with pytest.raises(Unreachable):
        _write(faulty_cluster, service, _percent(service, 10))
