"""Which tests run beside which, where pytest has several workers; ``make test`` has two.

What is bounded in time runs in one worker, one test after another and at a normal priority. What
runs beside it gives way: its worker, with all that it starts, has a low priority.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

TIMED: Final = "timed"

_TIMED = tuple(
    PurePath("tests", folder)
    for folder in (
        *("canary/commands", "canary/prometheus", "loadtest", "predictor", "protocol"),
        *("manifests/mesh", "manifests/single_host"),
    )
)
# An API server takes 20 s to start, and a fifth of a core: those who share one stay together.
_OF_API = tuple(
    PurePath("tests", path)
    for path in (
        *("canary/cluster", "canary/commands/test_real_api.py", "canary/simulator"),
        *("loadtest/coldstart", "manifests/api"),
    )
)
# A tenth of a core's time beside what is timed, so that nothing starves.
_LOW = 10


class Scheduling(LoadScopeScheduling):
    """Gives a worker the timed tests, then each the next group; the largest come first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        twice = [nodeid for nodeid, number in Counter(collection).items() if number > 1]
        assert not twice, f"only one of those that are called the same would run: {twice}"
        super().add_node_collection(node, collection)

    def _assign_work_unit(self, node: WorkerController) -> None:
        # Also where others are more: a worker that gave way keeps its low priority.
        if TIMED in self.workqueue:
            self.workqueue.move_to_end(TIMED, last=False)
        super()._assign_work_unit(node)


def group_of(nodeid: str) -> str:
    """Return the name of the tests that one worker runs in turn."""
    path = PurePath(nodeid.partition("::")[0])
    if any(path.is_relative_to(folder) for folder in _OF_API):
        return "api"
    return TIMED if any(path.is_relative_to(folder) for folder in _TIMED) else str(path)


def give_way() -> None:
    """Let what has a normal priority come first, for good."""
    os.nice(max(0, _LOW - os.nice(0)))
