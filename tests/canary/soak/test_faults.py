"""What goes wrong, and when, is what the plan says."""

from random import Random

import pytest

from tests.canary.simulator.contract import MERGE
from tests.canary.simulator.prometheus import Fault
from tests.canary.simulator.server import Dropped, Request
from tests.canary.simulator.services import service
from tests.canary.simulator.universe import SERVICES, Universe
from tests.canary.soak.faults import ApiFault, FaultPlan, FaultyDoor, When, draw_faults
from tests.canary.soak.scenario import Kind, draw

PATCH = Request(
    "PATCH",
    f"{SERVICES}/r1",
    {},
    {"content-type": MERGE},
    b'{"spec": {"predictor": {"canaryTrafficPercent": 5}}}',
)


@pytest.fixture
def universe() -> Universe:
    made = Universe({}, start=1e9)
    made.create(service("a"))
    return made


def _door(universe: Universe, *kinds: ApiFault, ends: float = 2e9) -> FaultyDoor:
    return FaultyDoor(universe.handle, FaultPlan(ends, share=1.0, kinds=kinds), Random(1))


def _percent(universe: Universe) -> int | None:
    percent: int | None = universe.service("r1")["spec"]["predictor"].get("canaryTrafficPercent")
    return percent


@pytest.mark.parametrize(("when", "percent"), [(When.BEFORE, None), (When.AFTER, 5)])
def test_an_error_comes_before_or_after_the_effect(
    universe: Universe, when: When, percent: int | None
) -> None:
    answer = _door(universe, ApiFault(503, when)).handle(PATCH, universe.now)

    assert (answer.status, _percent(universe)) == (503, percent)


@pytest.mark.parametrize(("when", "percent"), [(When.BEFORE, None), (When.AFTER, 5)])
def test_a_connection_is_lost_before_or_after_the_effect(
    universe: Universe, when: When, percent: int | None
) -> None:
    with pytest.raises(Dropped):
        _door(universe, ApiFault(None, when)).handle(PATCH, universe.now)

    assert _percent(universe) == percent


def test_faults_end(universe: Universe) -> None:
    door = _door(universe, ApiFault(500, When.BEFORE), ends=universe.now)

    assert door.handle(PATCH, universe.now).status == 200


def test_the_passing_of_time_is_never_spoilt(universe: Universe) -> None:
    advance = Request("POST", "/advance", {}, {}, b'{"until": 0}')

    assert _door(universe, ApiFault(500, When.BEFORE)).handle(advance, universe.now).status == 200


def test_nothing_answers_in_an_outage(universe: Universe) -> None:
    door = FaultyDoor(universe.handle, FaultPlan(2e9, outages=((1e9, 2e9),)), Random(1))

    with pytest.raises(Dropped):
        door.handle(PATCH, universe.now)


def test_prometheus_fails_for_its_window_alone(universe: Universe) -> None:
    plan = FaultPlan(2e9, prometheus=((10.0, 20.0, Fault.NAN),))
    door = FaultyDoor(universe.handle, plan, Random(1))
    seen = []
    for now in (9.0, 10.0, 20.0):
        door.set_prometheus(universe.prometheus, now)
        seen.append(universe.prometheus.fault)

    assert seen == [None, Fault.NAN, None]


@pytest.mark.parametrize("kind", list(Kind))
def test_a_seed_always_draws_the_same(kind: Kind) -> None:
    assert draw(kind, 7, 1e9) == draw(kind, 7, 1e9)
    assert draw(kind, 7, 1e9) != draw(kind, 8, 1e9)


def test_faults_are_over_when_the_plan_says() -> None:
    for seed in range(50):
        plan = draw_faults(Random(seed), 0.0, 600.0)

        assert all(end <= plan.ends for _, end, *_ in (*plan.prometheus, *plan.outages))
