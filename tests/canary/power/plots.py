"""The measured rows as pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
import numpy as np

from tests.canary.power.measure import Measured

_WHO: Final = ("judge", "Flagger", "Kayenta", "z-test")
_MINUTES: Final = 40
# By requests a second.
_STYLES: Final = {1.0: ":", 5.0: "-.", 20.0: "-", 200.0: "--"}


def plot_equal(measured: Sequence[Measured], path: Path) -> None:
    """Draw the share of equal canaries that each rule rolls back, on a logarithmic axis."""
    rows = [one for one in measured if one.row.kind == "equal"]
    figure, axes = plt.subplots(figsize=(9, 7), layout="constrained")
    places = np.arange(len(rows))
    # A row of no false rollback is drawn at half a run.
    for index, who in enumerate(_WHO):
        shares = [max(one.rolled_back[who].share, 0.5 / one.num_runs) for one in rows]
        axes.barh(places + 0.2 * (index - 1.5), shares, height=0.18, label=who)
    axes.axvline(0.01, color="black", linewidth=1, linestyle="--", label="1 %")
    axes.set_xscale("log")
    axes.set_xlabel("rolled back, share of runs")
    axes.set_yticks(places, [one.row.name for one in rows])
    axes.invert_yaxis()
    figure.legend(ncols=5, loc="outside upper center")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def plot_change(measured: Sequence[Measured], path: Path) -> None:
    """Draw how many worse canaries the default plan has rolled back by which minute."""
    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    # A case at several rates of requests has one colour.
    cases: dict[str, int] = {}
    for one in measured:
        if one.row.kind == "change":
            minutes = np.sort(one.minutes[np.isfinite(one.minutes)])
            shares = np.arange(1, minutes.size + 1) / one.num_runs
            last = minutes.size / one.num_runs
            case = one.row.name.partition(" at ")[0]
            axes.step(
                [0, *minutes, _MINUTES],
                [0, *shares, last],
                _STYLES[one.row.scenario.rate_per_s],
                color=f"C{cases.setdefault(case, len(cases))}",
                where="post",
                label=one.row.name,
            )
    axes.set_xlim(0, _MINUTES)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("minutes")
    axes.set_ylabel("rolled back, share of runs")
    figure.legend(fontsize="small", loc="outside right center")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
