"""``r1-loadtest knee``: the highest rate that meets the gates."""

from typing import Annotated, Any

import typer

from loadtest.commands.banner import print_target
from loadtest.commands.output import consoles, results_directory, write_files
from loadtest.commands.run import Workload
from loadtest.commands.settings import refuse_settings
from loadtest.report.console import print_knee, print_stage
from loadtest.run.execution import make_plan
from loadtest.run.interrupts import Interrupts
from loadtest.run.knee_search import Search, announce, search_knee
from loadtest.run.live import LiveView
from loadtest.workload import make_config

# Settings that the search makes itself.
OWN = ("arrivals", "rate", "rates", "burstiness", "concurrency", "trace_file", "duration_s",
       "max_requests", "warmup", "pushgateway")  # fmt: skip


def knee(
    workload: Workload = None,
    start: Annotated[float, typer.Option(help="Rate of the first stage, a second.")] = 1.0,
    least: Annotated[float, typer.Option(help="No stage has a lower rate.")] = 0.01,
    most: Annotated[float, typer.Option(help="No stage has a higher rate.")] = 10_000.0,
    tolerance: Annotated[
        float, typer.Option(help="How wide the knee's interval may be on each side, relative.")
    ] = 0.05,
    max_stages: Annotated[int, typer.Option(help="No more are run.")] = 20,
    most_stage_s: Annotated[float, typer.Option(help="No stage counts for longer.")] = 300.0,
    **settings: Any,
) -> int:
    """Search for the highest rate of an open loop at which every gate (--slo) is met.

    Exit status: 0 found within the tolerance, 1 not met at the lowest rate, 2 not known well
    enough, 3 this client was saturated first, 64 usage, 69 the target cannot be loaded.
    """
    search = Search(start, least, most, tolerance, max_stages, most_stage_s)
    refuse_settings(workload, OWN, "a knee search's")
    config = make_config(workload, {**settings, "rate": start})
    progress, console = consoles()
    with results_directory(config.output) as directory:
        bounds = announce(config, search)
        plan = make_plan(config)
        print_target(progress, plan.target, config)
        progress.print(f"Bounds    {bounds}")
        progress.print(f"Gates     {', '.join(config.slo)}")
        with Interrupts() as interrupts:
            report = search_knee(
                plan,
                search,
                directory,
                interrupts,
                watch=lambda config: LiveView(config, progress),
                on_stage=lambda stage: print_stage(progress, stage),
            )
        page = write_files(report, directory)
        print_knee(console, report)
        if config.output is not None:
            console.print(f"Report    {page}")
    return report.exit_code
