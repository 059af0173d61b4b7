"""Each row of the table of scenarios: what a percent does to users, step by step."""

from dataclasses import replace

import pytest

from tests.canary.simulator.rules import (
    reconcile,
    reconcile_configuration,
    reconcile_kserve,
    reconcile_route,
    reconcile_until_stable,
    routing_state,
)
from tests.canary.simulator.world import TRUE, UNKNOWN, Condition, Intent, Target, World

R1, R2, R3 = (f"r1-predictor-{number:05d}" for number in (1, 2, 3))
CRASHED = Condition("False", "ExitCode1", "Container failed with: exit code 1")


def _edit(world: World, template: str | None = None, **fields: object) -> World:
    intent = replace(world.intent, **fields)
    return replace(world, intent=intent if template is None else replace(intent, template=template))


def _apply(world: World, template: str | None = None, **fields: object) -> World:
    return reconcile_until_stable(_edit(world, template, **fields), 0.0)


def _become(world: World, revision: str, ready: Condition = TRUE) -> World:
    changed = replace(world.revisions[revision], ready=ready)
    return reconcile_until_stable(
        replace(world, revisions={**world.revisions, revision: changed}), 0.0
    )


def _shares(world: World) -> dict[str | None, int]:
    named = {target.revision for target in world.status.traffic}
    return {name: world.status.percent_of(name) for name in sorted(named, key=str) if name}


def _first(percent: int | None = None) -> World:
    return reconcile_until_stable(World("r1", Intent("a", percent)), 0.0)


@pytest.fixture
def stable() -> World:
    """R1 has all users."""
    return _become(_first(), R1)


@pytest.fixture
def canary(stable: World) -> World:
    """R2 is Ready and has 10 %."""
    return _become(_apply(stable, "b", percent=10), R2)


@pytest.fixture
def promoted(canary: World) -> World:
    """R2 has all users, R1 is what was rolled out before it."""
    return _apply(canary, percent=100)


def test_a_first_apply_with_a_percent_gives_all_users_to_the_first_revision() -> None:
    world = _become(_first(10), R1)

    assert world.status.traffic == (
        Target(R1, 10, is_latest=True, tag="latest"),
        Target(R1, 90, is_latest=False, tag="prev"),
    )
    assert (world.status.rolled_out, world.status.previous_rolled_out) == (R1, "")


def test_a_new_template_with_a_percent_waits_for_its_revision(stable: World) -> None:
    world = _apply(stable, "b", percent=10)

    assert _shares(world) == {R1: 100}
    assert world.status.latest_created == R2

    world = _become(world, R2)

    assert _shares(world) == {R1: 90, R2: 10}
    assert world.status.rolled_out == R1


def test_a_revision_that_never_becomes_ready_leaves_all_users_where_they_are(
    stable: World,
) -> None:
    world = _become(_apply(stable, "b", percent=10), R2, CRASHED)

    assert _shares(world) == {R1: 100}
    assert world.status.conditions["Ready"].status == "False"
    assert world.status.conditions["PredictorConfigurationReady"].reason == "RevisionFailed"
    assert world.status.conditions["PredictorRouteReady"] == TRUE


def test_a_new_percent_moves_traffic_and_makes_no_revision(canary: World) -> None:
    world = _apply(canary, percent=50)

    assert _shares(world) == {R1: 50, R2: 50}
    assert world.status.latest_created == R2


@pytest.mark.parametrize("percent", [100, None], ids=["100", "removed"])
def test_all_users_go_to_the_latest_at(canary: World, percent: int | None) -> None:
    world = _apply(canary, percent=percent)

    assert _shares(world) == {R2: 100}
    assert (world.status.rolled_out, world.status.previous_rolled_out) == (R2, R1)
    assert routing_state(world, R1) == "reserve"


@pytest.mark.parametrize("percent", [100, None], ids=["100", "removed"])
def test_a_revision_that_is_not_ready_takes_all_users_once_it_is(
    stable: World, percent: int | None
) -> None:
    world = _apply(_apply(stable, "b", percent=10), percent=percent)

    assert _shares(world) == {R1: 100}
    assert _shares(_become(world, R2)) == {R2: 100}


def test_percent_0_brings_all_users_back_at_once_and_keeps_the_canary_scaled(
    canary: World,
) -> None:
    world = _apply(canary, percent=0)

    assert _shares(world) == {R1: 100, R2: 0}
    assert routing_state(world, R2) == "active"


def test_a_percent_after_promotion_sends_the_rest_to_the_version_before(promoted: World) -> None:
    once = reconcile(_edit(promoted, percent=10), 0.0)

    assert once.knative is not None
    assert once.knative.routed[1].revision == R2

    world = _apply(promoted, percent=10)

    assert _shares(world) == {R1: 90, R2: 10}
    assert world.status.rolled_out == R1


def test_reverting_template_and_percent_together_ships_the_bad_revision(canary: World) -> None:
    world = _apply(canary, "a", percent=None)

    assert _shares(world) == {R2: 100}
    assert world.status.rolled_out == R2

    world = _become(world, R3)

    assert _shares(world) == {R3: 100}
    assert world.status.previous_rolled_out == R2


@pytest.mark.parametrize("template", ["a", "c"], ids=["reverted", "changed-again"])
def test_a_further_template_leaves_the_canary_its_share_until_ready(
    canary: World, template: str
) -> None:
    world = _apply(canary, template)

    assert _shares(world) == {R1: 90, R2: 10}
    assert _shares(_become(world, R3)) == {R1: 90, R3: 10}


def test_a_rejected_revision_gets_the_next_ones_percent_until_that_is_ready(
    canary: World,
) -> None:
    world = _apply(_apply(canary, percent=0), "c", percent=10)

    assert _shares(world) == {R1: 90, R2: 10}
    assert _shares(_become(world, R3)) == {R1: 90, R3: 10}


def test_percent_0_does_nothing_while_the_canary_crashes(canary: World) -> None:
    world = _apply(_become(canary, R2, CRASHED), percent=0)

    assert _shares(world) == {R1: 90, R2: 10}
    assert world.status.conditions["PredictorRouteReady"].reason == "RevisionMissing"


def test_a_new_ready_revision_unfreezes_the_route(canary: World) -> None:
    world = _apply(_become(canary, R2, CRASHED), "a", percent=0)

    assert _shares(world) == {R1: 90, R2: 10}
    assert _shares(_become(world, R3)) == {R1: 100, R3: 0}


def test_a_canary_that_recovers_unfreezes_the_route(canary: World) -> None:
    world = _apply(_become(canary, R2, CRASHED), percent=0)

    assert _shares(_become(world, R2)) == {R1: 100, R2: 0}


@pytest.mark.parametrize("percent", [150, -5], ids=["above-100", "below-0"])
def test_a_percent_out_of_range_changes_nothing_but_the_condition(
    canary: World, percent: int
) -> None:
    world = _apply(canary, percent=percent)

    assert _shares(world) == {R1: 90, R2: 10}
    assert world.status.conditions["PredictorReady"].reason == "ReconcileFailed"
    assert str(percent) in world.status.conditions["PredictorReady"].message


def test_a_route_that_is_faster_than_the_revision_swaps_what_was_rolled_out(
    promoted: World,
) -> None:
    edited = reconcile_kserve(_edit(promoted, "c", percent=0))
    raced = reconcile_kserve(reconcile_route(edited))

    assert raced.status.rolled_out == R1


def test_the_usual_order_leaves_what_was_rolled_out(promoted: World) -> None:
    world = _become(_apply(promoted, "c", percent=0), R3)

    assert world.status.rolled_out == R2
    assert _shares(world) == {R2: 100, R3: 0}


def test_a_flip_of_what_was_rolled_out_reaches_traffic_one_pass_later(canary: World) -> None:
    first = reconcile(_edit(canary, percent=100), 0.0)

    assert (first.status.rolled_out, first.knative and first.knative.routed[0].percent) == (R1, 100)
    assert reconcile(first, 0.0).status.rolled_out == R2


def test_the_latest_ready_revision_never_moves_back(canary: World) -> None:
    world = _become(canary, R2, CRASHED)

    assert world.status.latest_ready == R2


def test_reverting_a_template_makes_a_new_revision(canary: World) -> None:
    assert _apply(canary, "a").status.latest_created == R3


def test_a_revision_of_the_route_is_active_at_0_and_one_dropped_is_not(canary: World) -> None:
    world = _become(_apply(_apply(canary, percent=0), "a"), R3)

    assert [routing_state(world, name) for name in (R1, R2, R3)] == ["active", "reserve", "active"]


def test_before_the_first_ready_revision_nothing_is_routed() -> None:
    world = _first()

    assert world.status.traffic == ()
    assert world.status.conditions["IngressReady"].reason == "Predictor ingress not created"
    assert world.status.conditions["PredictorRouteReady"].reason == "RevisionMissing"


def test_while_a_second_revision_comes_up_the_routes_are_ready(stable: World) -> None:
    conditions = _apply(stable, "b", percent=10).status.conditions

    assert conditions["RoutesReady"] == TRUE
    assert conditions["PredictorConfigurationReady"] == UNKNOWN
    assert conditions["Ready"].status == "Unknown"


def test_a_stopped_service_forgets_what_was_rolled_out(promoted: World) -> None:
    world = _apply(promoted, is_stopped=True)

    assert (world.status.rolled_out, world.revisions) == ("", {})
    assert _apply(world, is_stopped=False).status.latest_created == R1


def test_the_latest_tag_needs_tag_routing(stable: World) -> None:
    world = _become(_apply(stable, "b", percent=10, has_tag_routing=False), R2)

    assert [target.tag for target in world.status.traffic] == [None, "prev"]


def test_the_observed_generation_is_the_knative_services(stable: World) -> None:
    assert _apply(stable, percent=10).status.observed_generation == 2


def test_only_the_configuration_makes_revisions(stable: World) -> None:
    edited = reconcile_kserve(_edit(stable, "b", percent=10))

    assert list(reconcile_route(edited).revisions) == [R1]
    assert list(reconcile_configuration(edited, 0.0).revisions) == [R1, R2]
