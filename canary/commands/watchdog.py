"""``r1-canary watchdog``: for a CronJob; split traffic is not left to nobody."""

import typer

from canary.commands.driving import Telling, bring_to_end, driver, signals
from canary.commands.opening import Opened, open_service
from canary.commands.options import Context, Kubeconfig, Output, OutputOption, ServiceName
from canary.commands.printing import console, print_json
from canary.commands.status import exit_status, show
from canary.commands.surroundings import surroundings_of
from canary.commands.viewing import View
from canary.errors import Conflict, ExitStatus, Held
from canary.gate import Gateway
from canary.rollout.advance import OVER
from canary.rollout.service import Service
from canary.rollout.stored import load
from canary.rollout.watchdog import watchdog as look_after


def watchdog(
    invocation: typer.Context,
    service: ServiceName,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Roll back traffic that is split while nobody watches the rollout; else do nothing.

    Exit status: 0 there was nothing to do, 1 it has rolled back, 3 the cluster cannot be reached,
    4 it has gone on with what was left half done, and a person must decide, or traffic is split and
    no rollout is known.
    """
    opened = open_service(service, kubeconfig, context, surroundings_of(invocation))
    if not opened.stored.rollout:
        _check_whole(opened.service)
        return _nothing("there is no rollout", output)
    phase = load(opened.stored.rollout).phase
    if phase in OVER and not opened.outbox().untold:
        return _nothing(f"the rollout is {phase}", output)
    try:
        return _look_after(opened, output)
    except (Held, Conflict):
        return _nothing("an operator lives", output)


def _look_after(opened: Opened, output: Output) -> ExitStatus:
    with (
        signals(),
        View(output, is_transient=True) as view,
        driver(opened, Gateway(), Telling(), view) as controller,
    ):
        if controller.rollout.phase in OVER:
            controller.run()
            return _nothing("its end was not told of, and is now", output)
        if controller.decide(look_after) is None:
            return _nothing("it is watched, or waits for a person, or no user is split", output)
        rollout = bring_to_end(controller)
    show(rollout, (), opened.cluster.now(), output)
    return exit_status(rollout)


def _check_whole(service: Service) -> None:
    """Raise Held where users are split and nothing tells by what, nor what to go back to."""
    shares = {t.revision: service.percent_of(t.revision) for t in service.traffic if t.percent}
    if len(shares) < 2 and not 0 < (service.percent or 0) < 100:
        return
    told = ", ".join(f"{percent} % on {revision}" for revision, percent in shares.items())
    raise Held(
        f"{service.namespace}/{service.name} is split ({told}) and there is no rollout of it: "
        "somebody has deleted its ConfigMap, or has set canaryTrafficPercent by hand"
    )


def _nothing(why: str, output: Output) -> ExitStatus:
    if output is Output.JSON:
        print_json({"done": False, "reason": why})
    else:
        console().print(f"nothing to do: {why}")
    return ExitStatus.PROMOTED
