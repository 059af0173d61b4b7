"""``r1-canary history``."""

import orjson
import typer

from canary.commands.opening import open_service
from canary.commands.options import Context, Kubeconfig, Output, OutputOption, ServiceName
from canary.commands.printing import console, print_json
from canary.commands.surroundings import surroundings_of
from canary.record.view import history as render_history


def history(
    invocation: typer.Context,
    service: ServiceName,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the rollouts of a service that have ended."""
    opened = open_service(service, kubeconfig, context, surroundings_of(invocation))
    ended = [orjson.loads(line) for line in opened.stored.history]
    if output is Output.JSON:
        print_json(ended)
    else:
        console().print(render_history(ended))
