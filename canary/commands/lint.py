"""``r1-canary lint``: the traps of a rollout file and of a live service."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from canary.commands.opening import find, open_cluster
from canary.commands.options import Context, Kubeconfig, Output, OutputOption, RolloutFile
from canary.commands.preflight import why_unanswered
from canary.commands.printing import console, print_json
from canary.commands.surroundings import surroundings_of
from canary.errors import ExitStatus
from canary.plan import RolloutPlan
from canary.rollout.parts import parts_of
from canary.rollout.trap import Trap
from canary.rollout.traps import traps
from canary.rollout_file import read_manifest, read_rollout_file


def lint(
    invocation: typer.Context,
    file: RolloutFile,
    offline: Annotated[bool, typer.Option(help="Read the files alone, and no cluster.")] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Name every trap of a rollout file, its manifest, and the live service.

    Exit status: 0 none was found, 2 some were, or a file is wrong.
    """
    plan = read_rollout_file(file)
    parts_of(plan, read_manifest(file.parent / plan.manifest, plan.service, plan.namespace))
    found = _of_gate(plan)
    if not offline:
        surroundings = surroundings_of(invocation)
        cluster = open_cluster(kubeconfig, context, surroundings)
        service = find(cluster, plan.namespace, plan.service, surroundings).service
        found += traps(service, plan)
    _print(found, output)
    return ExitStatus.BAD_INPUT if found else ExitStatus.PROMOTED


def _of_gate(plan: RolloutPlan) -> list[Trap]:
    remedy = "change gate.prompts, gate.num_prompts or gate.margin"
    return [Trap("unanswerable-gate", why, remedy) for why in why_unanswered(plan)]


def _print(found: Sequence[Trap], output: Output) -> None:
    if output is Output.JSON:
        print_json([asdict(trap) for trap in found])
        return
    for trap in found:
        console().print(f"{trap.name}: {trap.text}\n    {trap.remedy}", soft_wrap=True)
