"""``r1-loadtest run``: one run, and what became of it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.commands.banner import print_bounds, print_target
from loadtest.commands.output import consoles, results_directory
from loadtest.errors import ExitCode
from loadtest.report.console import print_report
from loadtest.report.files import write_report
from loadtest.report.page import render
from loadtest.report.push import push
from loadtest.run.execution import execute, make_plan
from loadtest.run.interrupts import Interrupts
from loadtest.run.live import LiveView
from loadtest.workload import make_config

PAGE_FILE = "report.html"

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
    with results_directory(config.output) as directory, Interrupts() as interrupts:
        plan = make_plan(config)
        print_target(progress, plan.target, config)
        print_bounds(progress, config)
        with LiveView(config, progress) as view:
            report = execute(plan, directory, interrupts, [view])
        print_report(console, report)
        if config.output is not None:
            write_report(report, directory)
            (directory / PAGE_FILE).write_text(render(report), encoding="utf-8")
            console.print(f"Report    {directory / PAGE_FILE}")
        if config.pushgateway is not None:
            push(report, config.pushgateway)
    return ExitCode.INTERRUPTED if report.run.end == "interrupted" else report.exit_code
