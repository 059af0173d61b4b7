"""A stage whose service has served for a while, on the API in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canary.commands.stage import Stage
from tests.canary.simulator.behaviour import GOOD, Behaviour
from tests.canary.simulator.services import service
from tests.canary.simulator.universe import Universe

START_S = 1_790_000_000.0
BEHAVIOURS = {
    "old": GOOD,
    "good": GOOD,
    "erring": Behaviour(error_share=0.2),
    "crashing": Behaviour(crashes_after_s=45.0),
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    universe = Universe(BEHAVIOURS, start=START_S, requests_per_s=200.0)
    universe.create(service("old"))
    with Stage(universe, tmp_path) as made:
        yield made
