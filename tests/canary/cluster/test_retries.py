"""What an API server that refuses, breaks or keeps silent is asked again."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.connection import open_transport
from canary.cluster.transport import Request, Transport
from canary.errors import Rejected, Unreachable
from tests.canary.closed_port import closed_port
from tests.canary.cluster.api import FakeTime, write_kubeconfig
from tests.canary.cluster.faults import Fault, FaultyServer, answer, lose_request

VERSION = Request("GET", "/version")


def test_429_is_asked_again_no_sooner_than_the_server_wants(
    faulty: FaultyServer, faulty_api: Api, clock: FakeTime
) -> None:
    faulty.faults.extend([answer(429, Retry_After="7"), answer(429, Retry_After="3")])
    assert faulty_api.call(VERSION)["major"] == "1"
    first_s, second_s = clock.slept
    assert 7 <= first_s < 8
    assert 3 <= second_s < 5


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer(500), id="500"),
        pytest.param(answer(503), id="503"),
        pytest.param(answer(504, b"<html>"), id="a-proxy-s-504"),
        pytest.param(answer(200, b"<html>"), id="a-proxy-s-page"),
        pytest.param(answer(200, b'{"a', content_length="50"), id="half-an-answer"),
        pytest.param(answer(410), id="410"),
        pytest.param(lose_request, id="a-reset"),
    ],
)
def test_a_passing_fault_is_overcome(faulty: FaultyServer, faulty_api: Api, fault: Fault) -> None:
    faulty.faults.append(fault)
    assert faulty_api.call(VERSION)["major"] == "1"


@pytest.mark.parametrize("read_s", [0.5])
def test_silence_is_overcome(faulty: FaultyServer, faulty_api: Api) -> None:
    faulty.faults.append(faulty.silence)
    assert faulty_api.call(VERSION)["major"] == "1"


def test_a_server_that_stays_broken_is_given_up_after_growing_waits(
    faulty: FaultyServer, faulty_api: Api, clock: FakeTime
) -> None:
    faulty.faults.extend([answer(500, b'{"message": "etcd is away"}')] * 50)
    with pytest.raises(Unreachable, match="asked 6 times: status 500: etcd is away"):
        faulty_api.call(VERSION)
    assert clock.slept == sorted(set(clock.slept))
    assert clock.slept[0] >= 0.25
    assert sum(clock.slept) <= 30


def test_a_server_that_wants_too_long_a_wait_is_given_up_at_once(
    faulty: FaultyServer, faulty_api: Api, clock: FakeTime
) -> None:
    faulty.faults.append(answer(429, Retry_After="600"))
    with pytest.raises(Unreachable, match="asked once: status 429") as told:
        faulty_api.call(VERSION)
    assert clock.slept == []
    assert told.value.retry_after_s == 600


def test_a_mistake_is_not_made_twice(faulty: FaultyServer, faulty_api: Api) -> None:
    faulty.faults.append(answer(400, b'{"message": "no such thing"}'))
    with pytest.raises(Rejected, match="no such thing"):
        faulty_api.call(VERSION)
    assert faulty.seen == ["GET /version"]


def test_no_server_at_all_is_told_in_a_line(
    kubeconfig: Path, tmp_path: Path, bind: Callable[[Transport], Api]
) -> None:
    with closed_port() as port:
        url = f"http://127.0.0.1:{port}"
        nobody = write_kubeconfig(kubeconfig, tmp_path / "nobody", token="none", server=url)
        with pytest.raises(Unreachable, match=f"{url} does not answer.*Connection refused"):
            bind(open_transport(nobody, None)).call(VERSION)


def test_a_forged_certificate_is_not_asked_again(
    kubeconfig: Path, tmp_path: Path, bind: Callable[[Transport], Api], clock: FakeTime
) -> None:
    server = open_transport(kubeconfig, None).host
    given = write_kubeconfig(kubeconfig, tmp_path / "other-ca", token="none", server=server)
    with pytest.raises(Unreachable, match="no TLS with"):
        bind(open_transport(given, None)).call(VERSION)
    assert clock.slept == []


def test_wrong_credentials_are_told(
    kubeconfig: Path, tmp_path: Path, bind: Callable[[Transport], Api]
) -> None:
    given = write_kubeconfig(kubeconfig, tmp_path / "stranger", token="stranger-s-secret")
    with pytest.raises(Unreachable, match="refuses the credentials") as told:
        bind(open_transport(given, None)).call(VERSION)
    assert "secret" not in str(told.value)


def test_the_cluster_s_time_comes_from_its_answers(
    faulty: FaultyServer, faulty_cluster: Cluster, faulty_api: Api, clock: FakeTime
) -> None:
    dated = answer(200, Date="Tue, 15 Nov 1994 08:12:31 GMT")
    faulty.faults.append(dated)
    assert faulty_cluster.now() == pytest.approx(784887151, abs=1)
    clock.now += 60
    assert faulty_cluster.now() == pytest.approx(784887211, abs=1)


def test_a_server_without_a_date_is_refused(faulty: FaultyServer, faulty_cluster: Cluster) -> None:
    faulty.faults.append(answer(200))
    with pytest.raises(Unreachable, match="without a Date"):
        faulty_cluster.now()


def test_the_real_server_tells_its_time(
    bind: Callable[[Transport], Api], transport: Transport
) -> None:
    before = time.time()
    told = bind(transport).now()
    assert before - 3 < told < time.time() + 3
