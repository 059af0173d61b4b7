"""``r1-canary plan``: what a rollout would do, and whether it may begin."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import typer
from rich.table import Table

from canary.commands.opening import find, open_cluster
from canary.commands.options import Context, Kubeconfig, Output, OutputOption, RolloutFile
from canary.commands.preflight import Preflight, parts_left, preflight
from canary.commands.printing import console, print_json
from canary.commands.surroundings import surroundings_of
from canary.errors import ExitStatus
from canary.record.quantity import duration
from canary.rollout.begin import demands, min_replicas_of
from canary.rollout.estimate import StageEstimate, estimate
from canary.rollout.parts import Part, parts_of
from canary.rollout_file import read_manifest, read_rollout_file


@dataclass(frozen=True, slots=True)
class _Restore:
    """The rollout that follows the promotion."""

    min_replicas: object
    stages: Sequence[StageEstimate]
    demands: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Preview:
    """``stages`` is empty where the rate is not known, and where only ``restore`` is left to do."""

    rate_rps: float | None
    stages: Sequence[StageEstimate]
    demands: Sequence[str]
    refusals: Sequence[str]
    warnings: Sequence[str]
    unreachable: str | None
    restore: _Restore | None


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
    parts = parts_of(settings, manifest)
    if rate is not None:
        estimate(settings, rate)
    surroundings = surroundings_of(invocation)
    cluster = open_cluster(kubeconfig, context, surroundings)
    opened = find(cluster, settings.namespace, settings.service, surroundings)
    left = parts_left(opened, parts) or parts[-1:]
    found = preflight(opened, left[0], then=left[1:], rate_rps=rate)
    preview = _preview(left, found)
    if output is Output.JSON:
        print_json(asdict(preview))
    else:
        _print(preview)
    if preview.refusals:
        return ExitStatus.BAD_INPUT
    return ExitStatus.UNREACHABLE if preview.unreachable else ExitStatus.PROMOTED


def _preview(left: Sequence[Part], found: Preflight) -> _Preview:
    stages: Sequence[StageEstimate] = ()
    needs: Sequence[str] = ()
    restore, service = None, found.service
    for part in left:
        shown = estimate(part.plan, found.rate_rps, found.counts) if found.rate_rps else ()
        needed = demands(service, part.template)
        if part.is_restore:
            restore = _Restore(min_replicas_of(part.template), shown, needed)
        else:
            stages, needs = shown, needed
        service = replace(service, template=part.template, rolled_out="what was promoted")
    return _Preview(
        rate_rps=found.rate_rps,
        stages=stages,
        demands=needs,
        refusals=found.refusals,
        warnings=found.warnings,
        unreachable=found.unreachable or None,
        restore=restore,
    )


def _print(preview: _Preview) -> None:
    if preview.rate_rps:
        console().print(f"At {preview.rate_rps:.3g} requests/s, where nothing is wrong:")
    else:
        console().print("The rate of requests is not known: --rate tells it.")
    _print_rollout(preview.stages, preview.demands)
    if (restore := preview.restore) is not None:
        console().print(f"A second rollout puts minReplicas {restore.min_replicas} back:")
        _print_rollout(restore.stages, restore.demands)
    for line in preview.warnings:
        console().print(f"Mind: {line}", soft_wrap=True)
    for line in preview.refusals:
        console().print(f"May not begin: {line}", soft_wrap=True)
    if preview.unreachable:
        console().print(f"Cannot be told: {preview.unreachable}", soft_wrap=True)


def _print_rollout(stages: Sequence[StageEstimate], needs: Sequence[str]) -> None:
    if stages:
        console().print(_table(stages))
    for line in needs:
        console().print(f"Needs: {line}", soft_wrap=True)


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
