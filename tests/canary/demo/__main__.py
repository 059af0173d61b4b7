"""``python -m tests.canary.demo DIR``: five canaries on one machine, one good and four bad.

Real predictors on the embedded model, real Envoys with mTLS, a real Prometheus, a real API server
and the simulator's controllers; loopback alone. Everything is left in DIR: rollout files, audits,
reports, pictures of the terminal, logs, and the table.
"""

import argparse
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.canary.demo.children import say
from tests.canary.demo.outcomes import Outcome, table
from tests.canary.demo.scenarios import SCENARIOS, Scenario
from tests.canary.demo.stage import play
from tests.manifests.api.api_server import api_server


def main() -> int:
    """Play the scenarios; returns 1 where one did not come out as it should have."""
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(prog="python -m tests.canary.demo", description=__doc__)
    parser.add_argument("directory", type=Path, metavar="DIR", help="must not exist yet")
    parser.add_argument("--only", choices=names, help="one scenario alone")
    parser.add_argument("--crd-dir", type=Path, help="the CRDs, where the API server lacks them")
    arguments = parser.parse_args()
    chosen = [s for s in SCENARIOS if arguments.only in (None, s.name)]
    # So that whoever ends this ends all that it has started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    directory = arguments.directory.resolve()
    directory.mkdir(parents=True)
    try:
        outcomes = _play_all(chosen, directory, arguments.crd_dir)
    except pytest.skip.Exception as missing:
        sys.exit(str(missing))
    flags = f" --only {arguments.only}" if arguments.only else ""
    text = table(outcomes, f"python -m tests.canary.demo DIR{flags}")
    (directory / "table.md").write_text(text)
    say(f"\n{text}")
    problems = [f"{o.scenario.name}: {problem}" for o in outcomes for problem in o.problems]
    say("\n".join(problems))
    return int(bool(problems))


def _play_all(scenarios: list[Scenario], directory: Path, crd_dir: Path | None) -> list[Outcome]:
    for program in ("prometheus", "kubectl"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing, must be installed")
    with api_server(directory / "api", crd_dir) as kubeconfig:
        return [play(scenario, directory / scenario.name, kubeconfig) for scenario in scenarios]


if __name__ == "__main__":
    sys.exit(main())
