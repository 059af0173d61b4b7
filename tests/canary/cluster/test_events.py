"""Events about the InferenceService, as kubectl shows them."""

import json
import subprocess
from pathlib import Path
from random import Random

import pytest

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.transport import Transport
from canary.errors import Unreachable
from canary.rollout.service import Service
from tests.canary.cluster.api import FakeTime
from tests.canary.cluster.faults import FaultyServer, lose_answer, lose_request


def _tell(
    cluster: Cluster,
    service: Service,
    text: str = "10 % of users",
    *,
    key: str = "a/1",
    is_warning: bool = False,
) -> None:
    cluster.tell(
        service,
        key=key,
        time=1_700_000_000.0,
        reason="StepBegun",
        text=text,
        is_warning=is_warning,
        instance="host_1",
    )


def _shown(kubeconfig: Path, service: Service) -> list[dict[str, object]]:
    command = [
        *("kubectl", f"--kubeconfig={kubeconfig}", "get", "events", "--output=json"),
        f"--namespace={service.namespace}",
        f"--field-selector=involvedObject.kind=InferenceService,involvedObject.name={service.name}",
    ]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    return json.loads(done.stdout)["items"]


def test_kubectl_shows_an_event_of_the_service(
    cluster: Cluster, service: Service, kubeconfig: Path
) -> None:
    _tell(cluster, service)
    (event,) = _shown(kubeconfig, service)
    assert (event["type"], event["reason"], event["message"]) == (
        "Normal",
        "StepBegun",
        "10 % of users",
    )
    assert event["reportingComponent"] == "r1-canary"
    assert event["involvedObject"]["uid"] == service.uid


def test_a_warning_is_one(cluster: Cluster, service: Service, kubeconfig: Path) -> None:
    _tell(cluster, service, is_warning=True)
    (event,) = _shown(kubeconfig, service)
    assert event["type"] == "Warning"


def test_two_events_of_two_keys_are_two(
    cluster: Cluster, service: Service, kubeconfig: Path
) -> None:
    _tell(cluster, service, key="a/1")
    _tell(cluster, service, key="a/2")
    assert len(_shown(kubeconfig, service)) == 2


def test_a_second_telling_by_another_process_is_no_second_event(
    transport: Transport, service: Service, kubeconfig: Path, clock: FakeTime
) -> None:
    for seed in range(2):
        api = Api(transport, rng=Random(seed), sleep=clock.sleep, monotonic=clock.monotonic)
        _tell(Cluster(api), service)
    assert len(_shown(kubeconfig, service)) == 1


def test_a_long_text_is_cut_where_it_shows(
    cluster: Cluster, service: Service, kubeconfig: Path
) -> None:
    _tell(cluster, service, text="ä" * 2000)
    (event,) = _shown(kubeconfig, service)
    assert len(event["message"].encode()) in (1023, 1024)
    assert event["message"].endswith("ä ...")


def test_an_event_whose_answer_is_lost_is_told_once(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service, kubeconfig: Path
) -> None:
    faulty.faults.append(lose_answer)
    with pytest.raises(Unreachable):
        _tell(faulty_cluster, service)
    _tell(faulty_cluster, service)
    assert len(_shown(kubeconfig, service)) == 1


def test_an_event_that_cannot_be_told_says_so_at_once(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service, clock: FakeTime
) -> None:
    faulty.faults.extend([lose_request] * 10)
    with pytest.raises(Unreachable):
        _tell(faulty_cluster, service)
    assert clock.slept == []
