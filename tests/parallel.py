"""Which tests run beside which, where pytest has several workers; ``make test`` has two.

What is bounded in time runs at a normal priority, the strictest of it in one worker, one test after
another. What runs beside it gives way: its worker, with all that it starts, has a low priority.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# By the name of a group, what is in it; the first that fits. Else each file is one.
_GROUPS: Final = {
    # An API server takes 20 s to start, and a fifth of a core: those who share one stay together.
    "api": (
        *("canary/cluster", "canary/commands/test_real_api.py", "canary/simulator"),
        *("loadtest/coldstart", "manifests/api"),
    ),
    # Numbers alone.
    "analysis": ("loadtest/analysis", "loadtest/prompts", "loadtest/records", "loadtest/report"),
    "protocol": ("predictor/protocol",),
    # These wait for processes, for as long as a busy machine may take.
    "prompt": ("canary/commands", "predictor/engine"),
    "timed": (
        *("canary/prometheus", "loadtest", "manifests/mesh", "manifests/single_host"),
        *("predictor", "protocol"),
    ),
}
_BOUNDED: Final = ("timed", "prompt")
# The longest ones: whoever came to them last would run on alone.
_FIRST: Final = (*_BOUNDED, "tests/canary/soak/test_soak.py")
# A tenth of a core's time beside what is timed, so that nothing starves.
_LOW: Final = 10


class Scheduling(LoadScopeScheduling):
    """Gives each worker one of the longest groups, then the next; the largest come first."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        twice = [nodeid for nodeid, number in Counter(collection).items() if number > 1]
        assert not twice, f"only one of those that are called the same would run: {twice}"
        super().add_node_collection(node, collection)

    def _assign_work_unit(self, node: WorkerController) -> None:
        # Also where others are more: a worker that gave way keeps its low priority.
        for group in reversed(_FIRST):
            if group in self.workqueue:
                self.workqueue.move_to_end(group, last=False)
        super()._assign_work_unit(node)


def group_of(nodeid: str) -> str:
    """Return the name of the tests that one worker runs in turn."""
    path = PurePath(nodeid.partition("::")[0])
    for name, parts in _GROUPS.items():
        if any(path.is_relative_to(PurePath("tests", part)) for part in parts):
            return name
    return str(path)


def is_bounded(nodeid: str) -> bool:
    """Return whether it is among the tests with bounds in time."""
    return group_of(nodeid) in _BOUNDED


def give_way() -> None:
    """Let what has a normal priority come first, for good."""
    os.nice(max(0, _LOW - os.nice(0)))
