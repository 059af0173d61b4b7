"""``r1-canary plan``: what a rollout would do, and whether it may begin."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.table import Table

from canary.commands.opening import find, open_cluster
from canary.commands.options import Context, Kubeconfig, Output, OutputOption, RolloutFile
from canary.commands.preflight import preflight
from canary.commands.printing import console, print_json
from canary.commands.surroundings import surroundings_of
from canary.errors import ExitStatus
from canary.record.quantity import duration
from canary.rollout.begin import demands, merge
from canary.rollout.estimate import StageEstimate, estimate
from canary.rollout_file import read_manifest, read_rollout_file


@dataclass(frozen=True, slots=True)
class _Preview:
    rate_rps: float | None
    stages: Sequence[StageEstimate]
    demands: Sequence[str]
    refusals: Sequence[str]
    warnings: Sequence[str]
    unreachable: str | None


def plan(
    invocation: typer.Context,
    file: RolloutFile,
    rate: Annotated[
        float | None,
        typer.Option(help="Requests/s of the service; default: as Prometheus tells."),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Show the steps of a rollout, with the least time and requests of each; change nothing.

    Exit status: 0 it may begin, 2 it may not, 3 the cluster or Prometheus cannot be reached.
    """
    settings = read_rollout_file(file)
    manifest = read_manifest(file.parent / settings.manifest, settings.service, settings.namespace)
    predictor = merge(settings, manifest)
    if rate is not None:
        estimate(settings, rate)
    surroundings = surroundings_of(invocation)
    cluster = open_cluster(kubeconfig, context, surroundings)
    opened = find(cluster, settings.namespace, settings.service, surroundings)
    found = preflight(opened, settings, predictor, rate_rps=rate)
    preview = _Preview(
        rate_rps=found.rate_rps,
        stages=estimate(settings, found.rate_rps, found.counts) if found.rate_rps else (),
        demands=demands(opened.service, predictor),
        refusals=found.refusals,
        warnings=found.warnings,
        unreachable=found.unreachable or None,
    )
    if output is Output.JSON:
        print_json(asdict(preview))
    else:
        _print(preview)
    if preview.refusals:
        return ExitStatus.BAD_INPUT
    return ExitStatus.UNREACHABLE if preview.unreachable else ExitStatus.PROMOTED


def _print(preview: _Preview) -> None:
    if preview.rate_rps:
        console().print(f"At {preview.rate_rps:.3g} requests/s, where nothing is wrong:")
        console().print(_table(preview.stages))
    else:
        console().print("The rate of requests is not known: --rate tells it.")
    for line in preview.demands:
        console().print(f"Needs: {line}", soft_wrap=True)
    for line in preview.warnings:
        console().print(f"Mind: {line}", soft_wrap=True)
    for line in preview.refusals:
        console().print(f"May not begin: {line}", soft_wrap=True)
    if preview.unreachable:
        console().print(f"Cannot be told: {preview.unreachable}", soft_wrap=True)


def _table(stages: Sequence[StageEstimate]) -> Table:
    table = Table("percent", "least time", "requests", "canary's", "bound by", "since the start")
    for stage in stages:
        table.add_row(
            f"{stage.percent} %",
            duration(stage.duration_s),
            f"{stage.num_requests:,}",
            f"{stage.num_canary_requests:,}",
            f"{stage.bound_by}, then approval" if stage.needs_approval else stage.bound_by,
            duration(stage.total_s),
        )
    return table
