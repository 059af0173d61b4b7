"""A rollout's state in its ConfigMap."""

from dataclasses import replace

import pytest

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.store import MAX_BYTES, MAX_HISTORY, Store, Stored
from canary.cluster.transport import Request
from canary.errors import Conflict, InputError
from canary.rollout.service import Service
from tests.canary.cluster.faults import FaultyServer, lose_answer, lose_answer_then

FIRST = Stored(rollout='{"phase": "starting"}', holder="a")


@pytest.fixture
def store(cluster: Cluster, service: Service) -> Store:
    return cluster.store(service)


def _config_map(api: Api, service: Service) -> dict[str, object]:
    path = f"/api/v1/namespaces/{service.namespace}/configmaps/{service.name}-canary"
    return api.call(Request("GET", path))


def test_nothing_is_stored_at_first(store: Store) -> None:
    assert store.read() is None


def test_what_is_written_is_read(store: Store) -> None:
    written = store.write(replace(FIRST, command="abort", history=("{}", "{}")))
    assert store.read() == written
    assert replace(written, resource_version="") == replace(
        FIRST, command="abort", history=("{}", "{}")
    )


def test_a_second_first_write_is_a_conflict(store: Store) -> None:
    store.write(FIRST)
    with pytest.raises(Conflict):
        store.write(replace(FIRST, holder="b"))
    assert store.read().holder == "a"


def test_a_write_on_what_has_changed_is_a_conflict(store: Store) -> None:
    read = store.write(FIRST)
    store.write(replace(read, command="pause"))
    with pytest.raises(Conflict):
        store.write(replace(read, rollout="{}"))
    assert store.read().command == "pause"


def test_a_write_on_what_was_deleted_is_a_conflict(
    store: Store, api: Api, service: Service
) -> None:
    read = store.write(FIRST)
    path = f"/api/v1/namespaces/{service.namespace}/configmaps/{service.name}-canary"
    api.call(Request("DELETE", path))
    with pytest.raises(Conflict, match="is not there any more"):
        store.write(read)
    assert store.read() is None


def test_the_state_goes_with_its_service(store: Store, api: Api, service: Service) -> None:
    store.write(FIRST)
    (owner,) = _config_map(api, service)["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == (
        "InferenceService",
        service.name,
        service.uid,
    )


def test_the_state_of_an_earlier_service_of_the_name_is_refused(
    store: Store, cluster: Cluster, service: Service
) -> None:
    cluster.store(replace(service, uid="an-earlier-one")).write(FIRST)
    with pytest.raises(InputError, match="does not belong to the InferenceService with uid"):
        store.read()


def test_the_metadata_of_the_service_is_left_alone(
    store: Store, cluster: Cluster, service: Service
) -> None:
    store.write(FIRST)
    assert cluster.read_service(service.namespace, service.name) == service


def test_a_state_of_the_largest_size_is_taken(store: Store) -> None:
    left = MAX_BYTES - len(b"a") - len(b"[]")
    assert len(store.write(replace(FIRST, rollout="x" * left)).rollout) == left


def test_a_state_beyond_the_largest_size_is_refused_with_both_sizes(store: Store) -> None:
    with pytest.raises(InputError, match=rf"\d+ bytes, must be at most {MAX_BYTES}"):
        store.write(replace(FIRST, rollout="x" * MAX_BYTES))
    assert store.read() is None


def test_history_keeps_the_last() -> None:
    stored = Stored()
    for number in range(MAX_HISTORY + 5):
        stored = stored.with_ended(str(number))
    assert stored.history == tuple(str(number) for number in range(5, MAX_HISTORY + 5))


@pytest.mark.parametrize("history", ["{", '{"a": 1}', "[1]"])
def test_a_history_that_a_hand_has_broken_is_told(
    store: Store, api: Api, service: Service, history: str
) -> None:
    store.write(FIRST)
    path = f"/api/v1/namespaces/{service.namespace}/configmaps/{service.name}-canary"
    body = {"data": {"history": history}}
    api.call(Request("PATCH", path, {}, body, "application/merge-patch+json"))
    with pytest.raises(InputError, match="history must be a JSON list of strings"):
        store.read()


@pytest.mark.parametrize("before", [None, FIRST], ids=["the-first", "a-later"])
def test_a_write_whose_answer_is_lost_is_found(
    store: Store,
    faulty: FaultyServer,
    faulty_cluster: Cluster,
    service: Service,
    before: Stored | None,
) -> None:
    version = store.write(before).resource_version if before is not None else ""
    faulty.faults.append(lose_answer)
    wanted = Stored(rollout='{"phase": "gating"}', holder="a", resource_version=version)
    assert faulty_cluster.store(service).write(wanted) == store.read()
    assert store.read().rollout == wanted.rollout


def test_a_command_behind_a_lost_answer_is_kept_and_is_a_conflict(
    store: Store, faulty: FaultyServer, faulty_cluster: Cluster, service: Service
) -> None:
    read = store.write(FIRST)
    faulty.faults.append(
        lose_answer_then(lambda: store.write(replace(store.read(), command="abort")))
    )
    with pytest.raises(Conflict):
        faulty_cluster.store(service).write(replace(read, rollout="{}"))
    assert store.read().command == "abort"
