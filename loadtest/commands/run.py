"""``r1-loadtest run``: one run, and what became of it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from loadtest.commands.banner import print_bounds, print_target
from loadtest.commands.output import consoles, results_directory, write_files
from loadtest.errors import ExitCode, LoadtestError
from loadtest.report.console import print_report
from loadtest.report.push import push
from loadtest.report.schema import Report
from loadtest.run.execution import execute, make_plan
from loadtest.run.interrupts import Interrupts
from loadtest.run.live import LiveView
from loadtest.workload import make_config

Workload = Annotated[
    Path | None, typer.Argument(help="YAML of settings, named as the flags are; flags win.")
]


def run(workload: Workload = None, **settings: Any) -> int:
    """Load a target once and judge the result.

    Exit status: 0 every gate passed, 1 one failed, 2 too few requests to tell, 3 this client was
    saturated, 64 usage, 69 the target cannot be loaded, 130 Ctrl-C (with a report).
    """
    config = make_config(workload, settings)
    progress, console = consoles()
    with results_directory(config.output) as directory:
        # Ctrl-C ends the checks at once; later it ends the sending.
        plan = make_plan(config)
        print_target(progress, plan.target, config)
        print_bounds(progress, config)
        with Interrupts() as interrupts, LiveView(config, progress) as view:
            report = execute(plan, directory, interrupts, [view])
        page = write_files(report, directory)
        print_report(console, report)
        if config.output is not None:
            console.print(f"Report    {page}")
        if config.pushgateway is not None:
            _push(report, config.pushgateway, progress)
    return report.exit_code


def _push(report: Report, url: str, progress: Console) -> None:
    """Push the results; a verdict that is no pass is not hidden by a push that fails."""
    try:
        push(report, url)
    except LoadtestError as error:
        if report.exit_code == ExitCode.PASS:
            raise
        progress.print(f"r1-loadtest: {error}")
