"""The memory API answers as a real API server does."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.canary.simulator.contract import (
    CONFIG_MAPS,
    EVENTS,
    MERGE,
    PODS,
    REVIEWS,
    SERVICES,
    Answer,
    Api,
    api_at,
    api_of,
    at,
    percent_managers,
)
from tests.canary.simulator.contract_cases import CASES, Case, percent_patch, version
from tests.canary.simulator.memory_api import MemoryApi
from tests.canary.simulator.server import serving
from tests.canary.simulator.store import Store


@pytest.fixture(scope="module")
def memory() -> Iterator[Api]:
    with serving(MemoryApi(Store(time.time), time.time).handle) as url:
        yield api_at(url)


@pytest.fixture(scope="module")
def real(kubeconfig: Path) -> Api:
    return api_of(kubeconfig)


def _made(api: Api, case: Case, name: str) -> dict[str, Any]:
    path = case.path.replace("teapots", "inferenceservices")
    api.ask("DELETE", f"{path}/{name}")
    made = api.ask("POST", path, case.build(name))
    assert made.status == 201, made.body
    return dict(made.body)


def _answer(api: Api, case: Case, name: str) -> tuple[int, dict[str, Any]]:
    current = _made(api, case, name)
    path = case.path if case.is_of_collection else f"{case.path}/{name}"
    answer = api.ask(
        case.method, path + case.suffix, case.body(current), content_type=case.content_type
    )
    shown = {place: at(answer.body, place) for place in case.shown}
    return answer.status, shown if isinstance(answer.body, dict) else {"": answer.body}


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_both_answer_alike(real: Api, memory: Api, name: str, case: Case) -> None:
    assert _answer(memory, case, name) == _answer(real, case, name)


@pytest.fixture(params=["real", "memory"])
def api(request: pytest.FixtureRequest) -> Api:
    chosen: Api = request.getfixturevalue(request.param)
    return chosen


def _get(api: Api, name: str) -> Answer:
    return api.ask("GET", f"{SERVICES}/{name}")


def _set(api: Api, name: str, percent: int, query: str = "", **headers: str) -> Answer:
    path = f"{SERVICES}/{name}{query}"
    return api.ask("PATCH", path, percent_patch(percent), content_type=MERGE, **headers)


def test_a_dry_run_changes_nothing(api: Api) -> None:
    before = _made(api, CASES["dry-run"], "dry")

    _set(api, "dry", 5, "?dryRun=All")

    assert _get(api, "dry").body == before


def test_a_patch_of_nothing_keeps_theversion(api: Api) -> None:
    before = _made(api, CASES["merge-patch"], "same")
    path = f"{SERVICES}/same"

    assert version(api.ask("PATCH", path, {}, content_type=MERGE).body) == version(before)


def test_a_status_changes_the_version_and_not_the_generation(api: Api) -> None:
    before = _made(api, CASES["status"], "counted")
    path = f"{SERVICES}/counted/status"

    after = api.ask("PUT", path, before | {"status": {"url": "http://x"}}).body

    assert version(after) != version(before)
    assert after["metadata"]["generation"] == 1


def test_who_wrote_the_percent_last_owns_it(api: Api) -> None:
    _made(api, CASES["merge-patch"], "owned")
    _set(api, "owned", 5, "?fieldManager=r1-canary")

    assert percent_managers(_get(api, "owned").body) == ["r1-canary"]

    _set(api, "owned", 7, agent="kubectl-edit/1.30 (linux)")

    assert percent_managers(_get(api, "owned").body) == ["kubectl-edit"]
    named = [entry["manager"] for entry in _get(api, "owned").body["metadata"]["managedFields"]]
    assert sorted(named) == ["contract", "kubectl-edit"]


def test_writing_the_same_percent_takes_no_ownership(api: Api) -> None:
    _made(api, CASES["merge-patch"], "kept")
    _set(api, "kept", 5, "?fieldManager=r1-canary")
    _set(api, "kept", 5, "?fieldManager=other")

    assert percent_managers(_get(api, "kept").body) == ["r1-canary"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("labelSelector=app%3Done", ["one"]),
        ("labelSelector=app%3Dnone", []),
        ("fieldSelector=metadata.name%3Dtwo", ["two"]),
        ("labelSelector=app%21%3Done,app%3Dtwo", ["two"]),
    ],
)
def test_a_list_is_selected_by(api: Api, selector: str, names: list[str]) -> None:
    _made(api, CASES["config-map"], "one")
    _made(api, CASES["config-map"], "two")

    listed = api.ask("GET", f"{CONFIG_MAPS}?{selector}").body

    assert [item["metadata"]["name"] for item in listed["items"]] == names
    assert listed["kind"] == "ConfigMapList"


def test_a_deleted_object_is_gone(api: Api) -> None:
    _made(api, CASES["config-map"], "gone")
    api.ask("DELETE", f"{CONFIG_MAPS}/gone")

    assert api.ask("GET", f"{CONFIG_MAPS}/gone").status == 404


def test_an_event_is_taken(api: Api) -> None:
    involved = {"kind": "InferenceService", "name": "r1", "namespace": "default"}
    body = {"metadata": {"generateName": "r1."}, "involvedObject": involved, "reason": "Started"}

    assert api.ask("POST", EVENTS, body).status == 201


def test_a_pods_status_is_patched_apart(api: Api) -> None:
    container = {"name": "a", "image": "a"}
    pod = {"metadata": {"name": "a-pod"}, "spec": {"containers": [container]}}
    api.ask("DELETE", f"{PODS}/a-pod", {"gracePeriodSeconds": 0})
    api.ask("POST", PODS, pod | {"status": {"phase": "Running"}})

    path = f"{PODS}/a-pod/status"
    api.ask("PATCH", path, {"status": {"phase": "Running"}}, content_type=MERGE)

    assert at(api.ask("GET", f"{PODS}/a-pod").body, "status.phase") == "Running"


def test_a_right_is_reviewed(api: Api) -> None:
    attributes = {"verb": "patch", "resource": "inferenceservices", "group": "serving.kserve.io"}

    answer = api.ask("POST", REVIEWS, {"spec": {"resourceAttributes": attributes}})

    assert (answer.status, at(answer.body, "status.allowed")) == (201, True)


def test_every_answer_is_dated(api: Api) -> None:
    assert _get(api, "nothing").headers["Date"].endswith("GMT")


def test_a_right_that_is_withdrawn_is_refused() -> None:
    store = MemoryApi(Store(time.time), time.time)
    store.denied.add(("patch", "inferenceservices"))
    with serving(store.handle) as url:
        api = api_at(url)
        attributes = {"verb": "patch", "resource": "inferenceservices"}
        review = api.ask("POST", REVIEWS, {"spec": {"resourceAttributes": attributes}})

        assert at(review.body, "status.allowed") is False
        assert _set(api, "r1", 5).body["reason"] == "Forbidden"


def test_a_virtual_clock_dates_the_answers() -> None:
    def clock() -> float:
        return 1e9

    with serving(MemoryApi(Store(clock), clock).handle) as url:
        assert _get(api_at(url), "r1").headers["Date"] == "Sun, 09 Sep 2001 01:46:40 GMT"
