"""What befalls one rollout, drawn from a seed."""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any

from tests.canary.simulator.behaviour import GOOD, Behaviour
from tests.canary.soak.faults import NO_FAULTS, FaultPlan, draw_faults
from tests.canary.soak.watched import Foreign

# Of a rollout that nothing disturbs, in virtual time; most end sooner.
LENGTH_S = 400.0
REQUESTS_PER_S = 300.0
# A stage's least requests; they come in 4 to 7 s of its 30.
MIN_REQUESTS = (200, 1000)
PERCENTS = (10, 95)


class Kind(StrEnum):
    """What is drawn beside the canary's behaviour."""

    KILLS = "kills"
    FAULTS = "faults"


CANARIES = {
    "good": GOOD,
    "erring": Behaviour(error_share=0.2),
    "slow": Behaviour(ttft_s=0.6),
    "never-ready": Behaviour(ready_after_s=None),
    "failing": Behaviour(fails_after_s=15.0),
    "crashing": Behaviour(crashes_after_s=70.0),
    "crashing-for-a-while": Behaviour(crashes_after_s=70.0, recovers_after_s=120.0),
}
_WEIGHTS = (8, 2, 2, 1, 1, 1, 1)
FOREIGN: tuple[dict[str, Any], ...] = (
    {"spec": {"predictor": {"canaryTrafficPercent": 33}}},
    {"spec": {"predictor": {"canaryTrafficPercent": None}}},
    {"spec": {"predictor": {"timeout": 77}}},
    {"metadata": {"annotations": {"example.com/note": "x"}}},
)


@dataclass(frozen=True, slots=True)
class Kill:
    """At this share of the lines that an undisturbed rollout runs, of all or near writes."""

    share: float
    is_near_writes: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """``skew_s`` is of this machine's clock against the cluster's."""

    seed: int
    canary: str
    skew_s: float
    has_race: bool
    then: str
    faults: FaultPlan = NO_FAULTS
    foreign: tuple[Foreign, ...] = ()
    num_operators: int = 1
    # Of one child after another.
    kills: tuple[Kill, ...] = ()

    @property
    def is_bad(self) -> bool:
        """Whether this canary must never get all users."""
        return self.canary in ("erring", "slow", "never-ready", "failing", "crashing")


def draw(kind: Kind, seed: int, start: float) -> Scenario:
    """Return the scenario of a seed."""
    rng = Random(f"{kind}-{seed}")
    [canary] = rng.choices(list(CANARIES), _WEIGHTS)
    scenario = Scenario(
        seed=seed,
        canary=canary,
        skew_s=rng.uniform(-600.0, 600.0),
        has_race=rng.random() < 0.3,
        then=rng.choice(("roll_back", "hold")),
        kills=_draw_kills(rng) if kind is Kind.KILLS else (),
    )
    return scenario if kind is Kind.KILLS else _disturbed(scenario, start, rng)


def _draw_kills(rng: Random) -> tuple[Kill, ...]:
    """Return kills that are spread evenly, or so that each tenth of the beginning gets as many."""
    return tuple(
        Kill(
            share=rng.choice((rng.random(), 10.0 ** -rng.uniform(0.0, 4.0))),
            is_near_writes=rng.random() < 0.5,
        )
        for _ in range(rng.randint(1, 3))
    )


def _disturbed(scenario: Scenario, start: float, rng: Random) -> Scenario:
    edits = ()
    if rng.random() < 0.25:
        edits = (Foreign(start + rng.uniform(0.0, LENGTH_S), rng.choice(FOREIGN)),)
    return replace(
        scenario,
        faults=draw_faults(rng, start, LENGTH_S),
        foreign=edits,
        num_operators=2 if rng.random() < 0.2 else 1,
    )
