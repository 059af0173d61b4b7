"""``python -m tests.canary.simulator --kubeconfig FILE``: the controllers, until interrupted."""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.canary.simulator.behaviour import Behaviour
from tests.canary.simulator.contract import api_of
from tests.canary.simulator.controller import Controller, write_weights


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.canary.simulator", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--weights", type=Path, help="JSON file of {revision: percent}, rewritten")
    parser.add_argument(
        "--behaviours", type=Path, help="JSON file of {image: {ready_after_s: 5, ...}}"
    )
    parser.add_argument("--period-s", type=float, default=0.5)
    return parser.parse_args()


def main() -> None:
    """Step once a period."""
    arguments = _arguments()
    given = json.loads(arguments.behaviours.read_text()) if arguments.behaviours else {}
    behaviours = {image: Behaviour(**fields) for image, fields in given.items()}

    def behaviour_of(predictor: Mapping[str, Any]) -> Behaviour:
        return behaviours.get(predictor["containers"][0]["image"], Behaviour(ready_after_s=2.0))

    def on_traffic(name: str, percents: dict[str, int]) -> None:
        print(f"{name}: {percents}", flush=True)  # noqa: T201
        if arguments.weights:
            write_weights(arguments.weights, percents)

    controller = Controller(
        api_of(arguments.kubeconfig),
        arguments.namespace,
        behaviour_of=behaviour_of,
        on_traffic=on_traffic,
    )
    while True:
        controller.step(time.time())
        time.sleep(arguments.period_s)


if __name__ == "__main__":
    main()
