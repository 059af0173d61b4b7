"""``r1-canary status`` and what every command prints of a rollout."""

from collections.abc import Sequence

import typer

from canary.commands.opening import open_service
from canary.commands.options import Context, Kubeconfig, Output, OutputOption, ServiceName
from canary.commands.printing import console, print_json
from canary.commands.surroundings import surroundings_of
from canary.errors import ExitStatus
from canary.judgement.judge import judge
from canary.judgement.verdict import Judged
from canary.metrics import shares_of
from canary.record.entry import Told
from canary.record.status import as_json
from canary.record.view import render
from canary.rollout.state import Phase, Rollout


def status(
    invocation: typer.Context,
    service: ServiceName,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Show the rollout that is under way, or the last one.

    Exit status: 0 promoted, 1 rolled back, 4 under way or held.
    """
    opened = open_service(service, kubeconfig, context, surroundings_of(invocation))
    rollout = opened.rollout()
    show(rollout, opened.outbox().kept, opened.cluster.now(), output)
    return exit_status(rollout)


def show(rollout: Rollout, told: Sequence[Told], now: float, output: Output) -> None:
    """Print a rollout; the evidence is judged anew, for it is kept and the verdict is not."""
    judged = _judged(rollout)
    if output is Output.JSON:
        print_json(as_json(rollout, judged, told, now))
    else:
        console().print(render(rollout, judged, told, now))


def exit_status(rollout: Rollout) -> ExitStatus:
    """Return what a command that shows or ends a rollout exits with."""
    if rollout.phase is Phase.PROMOTED:
        return ExitStatus.PROMOTED
    return ExitStatus.ROLLED_BACK if rollout.phase is Phase.ROLLED_BACK else ExitStatus.PAUSED


def _judged(rollout: Rollout) -> Judged | None:
    if not rollout.evidence.num_intervals:
        return None
    return judge(rollout.plan, shares_of(rollout.plan), rollout.evidence)
