"""Measure every row and write the page and its pictures: `python -m tests.canary.power`."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import matplotlib

from tests.canary.power.measure import measure
from tests.canary.power.plots import plot_change, plot_equal
from tests.canary.power.rows import ROWS
from tests.canary.power.table import broken, broken_wholes, page
from tests.canary.power.whole import WHOLE_ROWS, measure_whole


def main() -> int:
    """Return 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.canary.power", description=__doc__)
    parser.add_argument("--runs", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--out", type=Path, default=Path("canary"), help="folder of power.md")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error(f"--runs is {given.runs}, must be at least 1")
    matplotlib.use("agg")
    with ProcessPoolExecutor(max_workers=2) as pool:
        # Each row has a seed of its own, so that one can be measured again alone.
        futures = [
            pool.submit(measure, row, given.runs, given.seed + index)
            for index, row in enumerate(ROWS)
        ]
        whole = [
            pool.submit(measure_whole, row, given.runs, given.seed + 1000 + index)
            for index, row in enumerate(WHOLE_ROWS)
        ]
        measured = []
        for future in futures:
            measured.append(future.result())
            sys.stderr.write(f"{measured[-1].row.name}\n")
        wholes = [future.result() for future in whole]
    command = f"python -m tests.canary.power --runs {given.runs} --seed {given.seed}"
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "power.md").write_text(page(measured, command, given.seed, wholes))
    plot_equal(measured, given.out / "power-equal.png")
    plot_change(measured, given.out / "power-change.png")
    lines = [*broken(measured), *broken_wholes(wholes)]
    for line in lines:
        sys.stderr.write(f"does not hold: {line}\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
