"""One operator at a time."""

from collections.abc import Callable

import pytest

from canary.cluster.api import Api
from canary.cluster.cluster import Cluster
from canary.cluster.lease import DURATION_S, RENEW_S, Lease
from canary.cluster.transport import Request, Transport
from canary.errors import Held
from canary.rollout.service import Service
from tests.canary.cluster.api import Dated, FakeTime
from tests.canary.cluster.faults import FaultyServer, answer, lose_answer, lose_request

Operator = Callable[[str], Lease]


@pytest.fixture
def operator(cluster: Cluster, service: Service) -> Operator:
    """Return the Lease as an operator of that name holds it; all share one fake time."""
    return lambda name: cluster.lease(service, name)


@pytest.fixture
def skewed(
    bind: Callable[[Transport], Api], transport: Transport, clock: FakeTime, service: Service
) -> Callable[[str, float], Lease]:
    """Return the Lease as an operator sees it whose API server's clock is wrong."""

    def make(name: str, skew_s: float) -> Lease:
        return Cluster(bind(Dated(transport, clock, skew_s))).lease(service, name)

    return make


def _lease(api: Api, service: Service) -> dict[str, object]:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{service.namespace}/leases"
    return api.call(Request("GET", f"{path}/{service.name}-canary"))


def _edit(api: Api, service: Service, **spec: object) -> None:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{service.namespace}/leases"
    merge = "application/merge-patch+json"
    api.call(Request("PATCH", f"{path}/{service.name}-canary", {}, {"spec": spec}, merge))


def test_a_holder_that_lives_is_named(operator: Operator, clock: FakeTime) -> None:
    first = operator("one")
    first.acquire()
    clock.meanwhile = first.renew_if_due
    with pytest.raises(Held, match="one holds the Lease"):
        operator("two").acquire()
    assert sum(clock.slept) < RENEW_S + 3


def test_a_dead_holder_s_lease_is_taken_once_it_has_stood_still(
    operator: Operator, api: Api, service: Service, clock: FakeTime
) -> None:
    operator("dead").acquire()
    operator("heir").acquire()
    assert DURATION_S <= sum(clock.slept) < DURATION_S + 3
    spec = _lease(api, service)["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("heir", 1)


def test_the_dead_who_come_back_learn_that_they_lost_it(
    operator: Operator, clock: FakeTime
) -> None:
    dead = operator("dead")
    dead.acquire()
    operator("heir").acquire()
    with pytest.raises(Held, match="heir holds the Lease"):
        dead.renew_if_due()


@pytest.mark.parametrize("skew_s", [-600, 600], ids=["10-min-slow", "10-min-fast"])
def test_a_holder_whose_clock_is_wrong_keeps_it_while_it_lives(
    operator: Operator, skewed: Callable[[str, float], Lease], clock: FakeTime, skew_s: int
) -> None:
    wrong = skewed("wrong", skew_s)
    wrong.acquire()
    clock.meanwhile = wrong.renew_if_due
    with pytest.raises(Held, match="wrong"):
        operator("two").acquire()


@pytest.mark.parametrize("skew_s", [-600, 600], ids=["10-min-slow", "10-min-fast"])
def test_an_heir_whose_clock_is_wrong_waits_as_long_as_another(
    operator: Operator, skewed: Callable[[str, float], Lease], clock: FakeTime, skew_s: int
) -> None:
    operator("dead").acquire()
    skewed("heir", skew_s).acquire()
    assert DURATION_S <= sum(clock.slept) < DURATION_S + 3


def test_one_that_was_given_back_is_free_at_once(operator: Operator, clock: FakeTime) -> None:
    with operator("one"):
        pass
    operator("two").acquire()
    assert clock.slept == []


def test_it_is_given_back_after_a_failure_too(operator: Operator, clock: FakeTime) -> None:
    with pytest.raises(ZeroDivisionError), operator("one"):
        raise ZeroDivisionError
    operator("two").acquire()
    assert clock.slept == []


def test_a_cluster_that_is_gone_at_the_end_is_no_failure_of_what_was_done(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service
) -> None:
    with faulty_cluster.lease(service, "one"):
        faulty.faults.extend([lose_request] * 50)
    assert len(faulty.faults) < 50


def test_giving_back_what_another_has_taken_leaves_it_to_them(
    operator: Operator, api: Api, service: Service
) -> None:
    dead = operator("dead")
    dead.acquire()
    operator("heir").acquire()
    dead.release()
    assert _lease(api, service)["spec"]["holderIdentity"] == "heir"


def test_it_is_renewed_when_due_and_no_sooner(
    operator: Operator, api: Api, service: Service, clock: FakeTime
) -> None:
    held = operator("one")
    held.acquire()
    first = _lease(api, service)["metadata"]["resourceVersion"]
    clock.now += RENEW_S - 1
    held.renew_if_due()
    assert _lease(api, service)["metadata"]["resourceVersion"] == first
    clock.now += 1
    held.renew_if_due()
    assert _lease(api, service)["metadata"]["resourceVersion"] != first


def test_an_edit_that_leaves_the_holder_costs_nothing(
    operator: Operator, api: Api, service: Service, clock: FakeTime
) -> None:
    held = operator("one")
    held.acquire()
    _edit(api, service, leaseDurationSeconds=45)
    clock.now += RENEW_S
    held.renew_if_due()
    assert _lease(api, service)["spec"]["leaseDurationSeconds"] == DURATION_S


def test_a_lease_that_somebody_deleted_is_made_anew(
    operator: Operator, api: Api, service: Service, clock: FakeTime
) -> None:
    held = operator("one")
    held.acquire()
    path = f"/apis/coordination.k8s.io/v1/namespaces/{service.namespace}/leases"
    api.call(Request("DELETE", f"{path}/{service.name}-canary"))
    clock.now += RENEW_S
    held.renew_if_due()
    assert _lease(api, service)["spec"]["holderIdentity"] == "one"


def test_a_lease_of_an_hour_is_not_waited_for(
    operator: Operator, api: Api, service: Service, clock: FakeTime
) -> None:
    operator("one").acquire()
    _edit(api, service, leaseDurationSeconds=3600)
    with pytest.raises(Held, match="one holds the Lease"):
        operator("two").acquire()
    assert clock.slept == []


def test_the_same_holder_takes_its_own_at_once(operator: Operator, clock: FakeTime) -> None:
    operator("one").acquire()
    operator("one").acquire()
    assert clock.slept == []


def test_of_two_that_find_a_dead_one_s_lease_one_gets_it(
    operator: Operator, clock: FakeTime
) -> None:
    operator("dead").acquire()
    rival = operator("rival")

    def overtake() -> None:
        if sum(clock.slept) >= DURATION_S:
            clock.meanwhile = None
            rival.acquire()

    clock.meanwhile = overtake
    with pytest.raises(Held, match="rival"):
        operator("late").acquire()


def test_taking_it_is_told_true_though_the_answer_is_lost(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service, api: Api
) -> None:
    faulty_cluster.now()
    lease = faulty_cluster.lease(service, "one")
    faulty.faults.extend([lambda forward: forward(), lose_answer])
    lease.acquire()
    assert _lease(api, service)["spec"]["holderIdentity"] == "one"


def test_a_quota_that_refuses_it_for_a_moment_is_waited_for(
    faulty: FaultyServer, faulty_cluster: Cluster, service: Service, clock: FakeTime
) -> None:
    quota = answer(409, b'{"message": "resourcequotas: the object has been modified"}')
    faulty.faults.extend([lambda forward: forward(), quota])
    faulty_cluster.lease(service, "one").acquire()
    assert clock.slept == [0.5]
