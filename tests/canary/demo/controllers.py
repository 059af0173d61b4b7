"""``python -m tests.canary.demo.controllers``: KServe and Knative, whose pods are real processes.

A revision is Ready once its predictor is, which the node writes into a file.
"""

import json
import sys
import time
from pathlib import Path

from tests.canary.simulator.behaviour import Behaviour
from tests.canary.simulator.contract import api_of
from tests.canary.simulator.controller import Controller, Tracked
from tests.canary.simulator.world import Revision

PERIOD_S = 0.5
_READY = Behaviour(ready_after_s=0.0)
_NOT_READY = Behaviour(ready_after_s=None)


class Controllers(Controller):
    """The simulator's, told by the node which revisions are Ready."""

    ready: frozenset[str] = frozenset()

    def behaviour(self, tracked: Tracked, revision: Revision) -> Behaviour:
        return _READY if revision.name in self.ready else _NOT_READY


def main(kubeconfig: Path, namespace: str, ready: Path) -> None:
    """Step once a period, until interrupted."""
    controllers = Controllers(api_of(kubeconfig), namespace)
    while True:
        controllers.ready = frozenset(json.loads(ready.read_text()))
        controllers.step(time.time())
        time.sleep(PERIOD_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
