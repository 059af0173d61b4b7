"""How a rollout may end, and what must not have happened on the way."""

import json
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from tests.canary.simulator.world import World
from tests.canary.soak.scenario import MIN_REQUESTS, PERCENTS, Scenario
from tests.canary.soak.watched import NAME, Edit, Watched

CANARY = f"{NAME}-predictor-00002"
HOLDS = ("paused", "approval", "inconclusive", "foreign")


class End(StrEnum):
    """Nothing else is allowed."""

    OLD = "old 100 %"
    NEW = "new 100 %"
    HELD = "acknowledged hold"
    # It was never begun: the cluster or Prometheus did not answer at the preflight.
    UNTOUCHED = "not begun"


@dataclass(frozen=True, slots=True)
class Judged:
    """``faults`` is empty where all is well."""

    end: End | None
    faults: tuple[str, ...]


def judge(scenario: Scenario, watched: Watched, old: str) -> Judged:
    """Return how it has ended; ``old`` is the digest of the template that served before."""
    world = watched.universe.controller.tracked[NAME].world
    state = watched.state()
    rollout = json.loads(state["rollout"])["rollout"] if state.get("rollout") else None
    edits, old = since_begun(watched.edits, rollout, old)
    end = end_of(world, rollout, old)
    faults = [] if end else [f"ended as {_told(world, rollout)}"]
    if end is End.NEW and scenario.is_bad:
        faults.append(f"a canary that is {scenario.canary} got all users")
    faults += false_alarms(rollout, edits)
    faults += endless_holds(rollout, scenario.then)
    faults += lost_edits(edits)
    faults += early_steps(edits)
    return Judged(end, tuple(faults))


def since_begun(
    edits: list[Edit], rollout: dict[str, Any] | None, old: str
) -> tuple[list[Edit], str]:
    """Return the edits since the rollout has begun, and the template that served by then.

    What another has edited before, while the preflight failed, is what the rollout begins with.
    """
    began = rollout["began"] if rollout else float("inf")
    before = [edit for edit in edits if edit.at < began and not edit.is_tools]
    return [edit for edit in edits if edit not in before], before[-1].template if before else old


def end_of(world: World, rollout: dict[str, Any] | None, old: str) -> End | None:
    """Return how it has ended, by the stored rollout and by where users really are."""
    shares = _shares(world)
    if rollout is None:
        return End.UNTOUCHED if shares == {old: 100} else None
    hold = rollout["hold"]
    if isinstance(hold, dict) and hold["kind"] in HOLDS:
        return End.HELD
    match rollout["phase"]:
        case "promoted" if len(shares) == 1 and old not in shares:
            return End.NEW
        case "rolled_back" if shares == {old: 100}:
            return End.OLD
    return None


def _shares(world: World) -> dict[str, int]:
    """Return the percent of users by template."""
    shares: dict[str, int] = {}
    for target in world.status.traffic:
        if target.revision and target.percent:
            template = world.revisions[target.revision].template
            shares[template] = shares.get(template, 0) + target.percent
    return shares


def _told(world: World, rollout: dict[str, Any] | None) -> str:
    traffic = {t.revision: t.percent for t in world.status.traffic}
    if rollout is None:
        return f"no rollout, traffic {traffic}"
    return f"phase {rollout['phase']}, hold {rollout['hold']}, traffic {traffic}"


def false_alarms(rollout: dict[str, Any] | None, edits: list[Edit]) -> list[str]:
    """Return a hold for a foreign edit that nobody has made."""
    hold = rollout["hold"] if rollout else None
    if hold and hold["kind"] == "foreign" and all(edit.is_tools for edit in edits):
        return [f"held for what nobody has edited: {hold['reason']}"]
    return []


def endless_holds(rollout: dict[str, Any] | None, then: str) -> list[str]:
    """Return a hold for want of a verdict where the plan says that it ends by itself."""
    hold = rollout["hold"] if rollout else None
    if hold and hold["kind"] == "inconclusive" and then == "roll_back":
        return [f"held, and never rolled back: {hold['reason']}"]
    return []


def lost_edits(edits: list[Edit]) -> list[str]:
    """Return each edit of the tool's that came after somebody else's: nobody has told it to."""
    foreign = next((edit for edit in edits if not edit.is_tools), None)
    if foreign is None:
        return []
    after = edits[edits.index(foreign) + 1 :]
    return [
        f"the tool wrote {later.percent} % at {later.at:.0f}, after a foreign edit at "
        f"{foreign.at:.0f} to {foreign.percent} %"
        for later in after
        if later.is_tools
    ]


def early_steps(edits: list[Edit]) -> list[str]:
    """Return each rise of the percent before the stage had its least requests."""
    needed = dict(zip(PERCENTS, MIN_REQUESTS, strict=True))
    faults = []
    for before, after in pairwise(edits):
        if not after.is_tools or before.percent not in needed or before.template != after.template:
            continue
        num = after.served.get(CANARY, 0) - before.served.get(CANARY, 0)
        is_rise = after.percent is None or after.percent > before.percent
        if is_rise and num < needed[before.percent]:
            faults.append(f"{before.percent} % was left for {after.percent} % after {num} requests")
    return faults
