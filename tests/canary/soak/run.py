"""One rollout under a scenario, from its first child to its judged end."""

import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TextIO

from canary.errors import ExitStatus
from tests.canary.simulator.rules import (
    intent_of,
    reconcile,
    reconcile_configuration,
    reconcile_kserve,
    reconcile_route,
)
from tests.canary.simulator.server import Server
from tests.canary.simulator.services import service
from tests.canary.simulator.universe import Universe
from tests.canary.simulator.world import World
from tests.canary.soak.ends import HOLDS, End, judge
from tests.canary.soak.operator_process import Files, operate, write_files
from tests.canary.soak.process import (
    CRASHED,
    KILLED,
    STOPPED,
    WRITERS,
    Killer,
    LineCounter,
    SharedClock,
    fork,
    serve_until_ended,
)
from tests.canary.soak.scenario import CANARIES, REQUESTS_PER_S, Kill, Kind, Scenario, draw
from tests.canary.soak.watched import NAME, Watched

OLD_IMAGE = "old"
MAX_ATTEMPTS = 10
# Between the end of one child and the next, as a Job's back-off: doubled each time, to 5 minutes.
PAUSE_S = 10.0
MAX_PAUSE_S = 300.0
# Whoever is not done then waits for a person.
PATIENCE_S = 3600.0
# A hold that has stood for so long waits for a person, too: it is longer than the faults and the
# longest of the plan's limits together.
HELD_S = 900.0
# How often that is looked at.
LOOK_S = 60.0
# For what was written last to reach the traffic.
SETTLING_S = 120.0
OVER = (ExitStatus.PROMOTED, ExitStatus.ROLLED_BACK)


@dataclass(frozen=True, slots=True)
class Outcome:
    """``log`` is what the children said, where something is wrong."""

    scenario: Scenario
    end: End | None
    faults: tuple[str, ...]
    num_kills: int
    num_spoilt: int
    wall_s: float
    log: str


def num_lines() -> tuple[int, int]:
    """Return how many lines an undisturbed rollout runs: of the tool, and of what writes."""
    calm = Scenario(0, "good", 0.0, has_race=False, then="roll_back")
    play = Play(calm, _universe(calm, time.time()))
    outcome = play.run(LineCounter(play.clock))
    assert not outcome.faults, f"{outcome.faults}\n{outcome.log}"
    return play.clock.num_lines


def run(kind: Kind, seed: int, lines: tuple[int, int]) -> Outcome:
    """Return the outcome of a seed; ``lines`` is what ``num_lines`` returned."""
    # Not this machine's time, by up to 10 minutes: what reads it is wrong at once.
    calm = draw(kind, seed, 0.0)
    universe = _universe(calm, time.time() + calm.skew_s)
    scenario = draw(kind, seed, universe.now)
    killers = [_killer(kill, lines) for kill in scenario.kills]
    return Play(scenario, universe).run(*killers)


def _killer(kill: Kill, lines: tuple[int, int]) -> Killer:
    of_tool, of_writers = lines
    if kill.is_near_writes:
        return Killer(1 + int(kill.share * of_writers), WRITERS)
    return Killer(1 + int(kill.share * of_tool))


class Play:
    """A scenario in a universe where the old image serves."""

    def __init__(self, scenario: Scenario, universe: Universe) -> None:
        self.clock = SharedClock()
        self._scenario = scenario
        self._universe = universe
        rng = Random(scenario.seed)
        self._watched = Watched(universe, scenario.faults, scenario.foreign, rng, self.clock)
        self._server = Server(self._watched.handle)
        self._statuses: Counter[int] = Counter()
        self._next_look = universe.now

    def run(self, *tracers: Killer | LineCounter) -> Outcome:
        """Return the outcome; the tracers are of one child after another."""
        began = time.monotonic()
        old = intent_of(self._universe.service(NAME)).template
        with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "log", "w+") as log:
            files = write_files(Path(folder), self._server.url, self._scenario)
            self._attempt_until_ended(files, list(tracers), log)
            self._universe.advance(self._universe.now + SETTLING_S)
            log.seek(0)
            said = log.read()
        self._server.close()
        judged = judge(self._scenario, self._watched, old)
        faults = list(judged.faults)
        if self._statuses[CRASHED]:
            faults.append(f"{self._statuses[CRASHED]} children crashed")
        return Outcome(
            scenario=self._scenario,
            end=judged.end,
            faults=tuple(faults),
            num_kills=self._statuses[KILLED],
            num_spoilt=self._watched.door.num_spoilt,
            wall_s=time.monotonic() - began,
            log=said if faults else "",
        )

    def _attempt_until_ended(
        self, files: Files, tracers: list[Killer | LineCounter], log: TextIO
    ) -> None:
        universe = self._universe
        deadline = universe.now + PATIENCE_S
        for attempt in range(MAX_ATTEMPTS):
            pids = []
            for number in range(self._scenario.num_operators):
                seed = f"{self._scenario.seed}-{attempt}-{number}"
                child = operate(files, self._server.url, self.clock, seed)
                tracer = tracers.pop(0) if tracers else None
                pids.append(fork(self._server, child, tracer, log))
            ended = serve_until_ended(
                self._server, pids, lambda: universe.now > deadline or self._is_left_held()
            )
            self._statuses.update(ended)
            if {*OVER, CRASHED, STOPPED} & {*ended}:
                return
            pause_s = PAUSE_S if KILLED in ended else PAUSE_S * 2**attempt
            universe.advance(universe.now + min(MAX_PAUSE_S, pause_s))
            self._watched.door.set_prometheus(universe.prometheus, universe.now)
            self.clock.set(universe.now)

    def _is_left_held(self) -> bool:
        """Whether a hold stands that does not end by itself."""
        now = self._universe.now
        if now < self._next_look:
            return False
        self._next_look = now + LOOK_S
        state = self._watched.state().get("rollout")
        hold = json.loads(state)["rollout"]["hold"] if state else None
        if hold is None or hold["kind"] not in HOLDS or now < hold["since"] + HELD_S:
            return False
        return hold["kind"] != "inconclusive" or self._scenario.then == "hold"


def _universe(scenario: Scenario, start: float) -> Universe:
    rng = Random(scenario.seed)

    def raced(world: World, now: float) -> World:
        """Now and then the Route is quicker than the Configuration."""
        if rng.random() < 0.8:
            return reconcile(world, now)
        return reconcile_configuration(reconcile_route(reconcile_kserve(world)), now)

    universe = Universe(
        CANARIES,
        start=start,
        requests_per_s=REQUESTS_PER_S,
        seed=scenario.seed,
        pass_once=raced if scenario.has_race else reconcile,
    )
    universe.create(service(OLD_IMAGE))
    return universe
