"""``r1-loadtest compare``: whether run B is better or worse than run A."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from loadtest.analysis.compare import compare as compare_sides
from loadtest.analysis.pairing import Side
from loadtest.commands.output import consoles, results_directory, write_files
from loadtest.errors import UsageError
from loadtest.report.console import print_comparison
from loadtest.report.load import find_records, load_report
from loadtest.report.schema import Report


def compare(
    a: Annotated[Path, typer.Argument(help="report.json of run A, or its directory.")],
    b: Annotated[Path, typer.Argument(help="Of run B.")],
    margin: Annotated[float, typer.Option(help="A relative change that does not matter.")] = 0.05,
    share_margin: Annotated[
        float, typer.Option(help="A difference of error rate or accuracy that does not matter.")
    ] = 0.01,
    confidence: Annotated[float, typer.Option(help="Of every interval.")] = 0.95,
    seed: Annotated[int, typer.Option(help="Of the resampling.", min=0)] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Directory for the report; must not exist yet.")
    ] = None,
) -> int:
    """Compare two runs, request by request where both sent the same.

    Exit status: 0 better, or the same within the margin, 1 worse, 2 undecided, 64 usage.
    """
    sides = [_side(path) for path in (a, b)]
    rng = np.random.default_rng(seed)
    report = compare_sides(
        *sides, rng=rng, confidence=confidence, margin=margin, share_margin=share_margin
    )
    _, console = consoles()
    if output is not None:
        with results_directory(output) as directory:
            page = write_files(report, directory)
    print_comparison(console, report)
    if output is not None:
        console.print(f"Report    {page}")
    return report.exit_code


def _side(path: Path) -> Side:
    report = load_report(path)
    if not isinstance(report, Report):
        raise UsageError(f"{path} is a report of kind {report.kind!r}, must be of 'run'")
    return Side(str(path), report, find_records(report, path))
