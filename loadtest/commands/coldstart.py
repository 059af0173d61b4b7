"""``r1-loadtest coldstart``: what the first token of a service without a pod waits for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from loadtest.coldstart.cluster import open_cluster
from loadtest.coldstart.console import print_cold_starts, print_start
from loadtest.coldstart.execution import Bounds, make_probe, run_probe
from loadtest.coldstart.judgement import parse_slo
from loadtest.coldstart.service import ZeroService
from loadtest.commands.banner import print_target
from loadtest.commands.output import results_directory
from loadtest.commands.run import Workload
from loadtest.config import MAX_S, Arrivals, RunConfig
from loadtest.errors import UsageError
from loadtest.report.files import REPORT_FILE, write_report
from loadtest.run.interrupts import Interrupts
from loadtest.workload import make_config, read_workload

# Settings of a load: one request at a time has none of them. timeout_s and slo are declared below.
OWN: Final = (
    *("arrivals", "rate", "burstiness", "rates", "concurrency", "trace_file", "duration_s"),
    *("max_requests", "timeout_s", "drain_s", "workers", "max_connections", "lateness_limit_s"),
    *("turns", "think_time_s", "check_answers", "slo", "objective", "warmup", "metrics_url"),
    "pushgateway",
)


def coldstart(
    workload: Workload = None,
    inference_service: Annotated[
        str, typer.Option(help="The InferenceService behind the target.", show_default=False)
    ] = "",
    namespace: Annotated[str, typer.Option(help="Where it is.")] = "default",
    kubeconfig: Annotated[
        Path | None, typer.Option(help="Unset is the user's own; in a pod, the pod's rights.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="Of the kubeconfig; unset is its current one.")
    ] = None,
    times: Annotated[int, typer.Option(help="Cold starts to measure.", min=1, max=1000)] = 3,
    zero_timeout_s: Annotated[
        float, typer.Option(help="For each wait until no pod is left.", min=0, max=MAX_S)
    ] = 900.0,
    timeout_s: Annotated[
        float,
        typer.Option(help="For each request.", min=0.001, max=MAX_S),
    ] = 600.0,
    total_s: Annotated[
        float,
        typer.Option(
            help="No cold start is begun, and no wait lasts, longer.",
            min=0,
            max=MAX_S,
        ),
    ] = 7200.0,
    slo: Annotated[
        list[str] | None,
        typer.Option(help="Gate such as 'p50_ttft<30s' or 'max_ttft<60s'; repeatable."),
    ] = None,
    **settings: Any,
) -> int:
    """Wait until a service is scaled to zero, send one request, and split its first token's time.

    Exit status: 0 every gate passed, 1 one failed, 2 too few cold starts to tell, 64 usage, 69 the
    target or the cluster cannot be used, 130 Ctrl-C (with a report).
    """
    config = _make_config(workload, settings, times, timeout_s)
    gates = [parse_slo(text) for text in slo or ()]
    if not inference_service:
        raise UsageError("--inference-service is missing, must name the service behind the target")
    progress, console = Console(stderr=True), Console()
    with results_directory(config.output) as directory, Interrupts() as interrupts:
        cluster = open_cluster(kubeconfig, context, namespace)
        bounds = Bounds(times, zero_timeout_s, total_s)
        probe = make_probe(config, cluster, inference_service, bounds, gates)
        print_target(progress, probe.target, config)
        for line in _banner(config, bounds, probe.service, slo or []):
            progress.print(line, highlight=False)
        report = run_probe(
            probe,
            interrupts,
            say=lambda line: progress.print(line, highlight=False),
            on_start=lambda start: print_start(progress, start),
        )
        print_cold_starts(console, report)
        if config.output is not None:
            write_report(report, directory)
            console.print(f"Report    {directory / REPORT_FILE}", highlight=False)
    return report.exit_code


def _make_config(
    workload: Path | None, settings: dict[str, Any], times: int, timeout_s: float
) -> RunConfig:
    _, lines = read_workload(workload) if workload else ({}, {})
    for name in OWN:
        if name in lines:
            raise UsageError(
                f"{workload}:{lines[name]}: {name} is not a cold start's, must be left out or be "
                "a flag of coldstart"
            )
    fixed = {
        "arrivals": Arrivals.CLOSED,
        "concurrency": 1,
        "max_requests": times,
        "timeout_s": timeout_s,
    }
    return make_config(workload, {**settings, **fixed})


def _banner(
    config: RunConfig, bounds: Bounds, service: ZeroService, gates: Sequence[str]
) -> list[str]:
    lines = [
        f"Service   {service.name} in namespace {service.namespace}, {service.mode} mode",
        f"Bounds    {bounds.times} cold starts in {bounds.total_s:g} s; {bounds.zero_s:g} s for "
        f"each to be scaled to zero, {config.timeout_s:g} s for its answer",
    ]
    if service.mode == "Standard":
        lines.append("          nothing of KServe holds a request here while there is no pod")
    return [*lines, f"Gates     {', '.join(gates)}"] if gates else lines
