"""``r1-canary run``: begin a rollout, or go on with it."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from canary.commands.driving import Stopped, Telling, driver, signals
from canary.commands.opening import Opened, find, open_cluster
from canary.commands.options import (
    Ca,
    Context,
    Domain,
    GatewayUrl,
    Header,
    Kubeconfig,
    Output,
    OutputOption,
    RolloutFile,
)
from canary.commands.preflight import begin_rollout
from canary.commands.printing import say
from canary.commands.status import exit_status, show
from canary.commands.surroundings import surroundings_of
from canary.commands.viewing import View
from canary.errors import ExitStatus, InputError
from canary.gate import Gateway
from canary.record.quantity import moment, one_line
from canary.rollout.advance import OVER
from canary.rollout.begin import merge
from canary.rollout.state import Rollout
from canary.rollout.stored import load
from canary.rollout_file import read_manifest, read_rollout_file


def run(
    invocation: typer.Context,
    file: RolloutFile,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
    exit_on_hold: Annotated[
        bool, typer.Option(help="End with 4 where only a person can go on, instead of waiting.")
    ] = False,
    attempt: Annotated[
        str | None,
        typer.Option(help="Who asks, such as a Job's uid: what has ended for it begins no more."),
    ] = None,
    audit: Annotated[
        Path | None, typer.Option(help="JSON lines of every decision; `report` draws them.")
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Where own metrics are served.")] = "127.0.0.1",
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Serve own metrics there.")
    ] = None,
    otlp_endpoint: Annotated[
        str | None,
        typer.Option(envvar="OTEL_EXPORTER_OTLP_ENDPOINT", help="Send a trace there, OTLP/HTTP."),
    ] = None,
    gateway_url: GatewayUrl = None,
    domain: Domain = None,
    header: Header = None,
    ca: Ca = None,
) -> int:
    """Begin the rollout of a file, or go on with it where it was left.

    Exit status: 0 promoted, 1 rolled back, 2 it cannot begin, 3 the cluster or Prometheus cannot be
    reached, 4 stopped before its end: the same command goes on.
    """
    plan = read_rollout_file(file)
    manifest = read_manifest(file.parent / plan.manifest, plan.service, plan.namespace)
    predictor = merge(plan, manifest)
    surroundings = surroundings_of(invocation)
    telling = Telling(
        audit,
        None if plan.webhook_url_file is None else Path(plan.webhook_url_file),
        plan.webhook_format,
        metrics_host,
        metrics_port,
        otlp_endpoint,
    )
    gateway = Gateway.make(gateway_url, domain, header or [], ca)
    cluster = open_cluster(kubeconfig, context, surroundings)
    opened = find(cluster, plan.namespace, plan.service, surroundings)
    drive = _Drive(gateway, telling, output, is_ended_by_hold=exit_on_hold, attempt=attempt)
    if (rollout := _unfinished(opened)) is not None:
        is_this = (rollout.plan, rollout.target.predictor) == (plan, predictor)
        if not is_this and rollout.phase not in OVER:
            raise InputError(
                f"rollout {rollout.id} of {plan.namespace}/{plan.service} is under way with "
                f"another file or manifest, in phase {rollout.phase}: `r1-canary abort` or "
                "`promote` ends it"
            )
        say(f"going on with rollout {rollout.id}, begun {moment(rollout.began)}")
        status = drive(opened)
        if is_this:
            return status
        opened = find(cluster, plan.namespace, plan.service, surroundings)
    if (ended := _ended(opened, attempt)) is not None:
        say(f"rollout {ended.id} was this attempt's, and has ended: {ended.phase}")
        if output is Output.JSON:
            show(ended, (), cluster.now(), output)
        return exit_status(ended)
    id = secrets.token_hex(16)
    return drive(opened, begin_rollout(opened, plan, predictor, id=id))


def _ended(opened: Opened, attempt: str | None) -> Rollout | None:
    """Return the rollout that this attempt has ended already; a killed one does not know of it."""
    if attempt is None or not opened.stored.rollout:
        return None
    rollout = load(opened.stored.rollout)
    return rollout if rollout.phase in OVER and rollout.attempt == attempt else None


def _unfinished(opened: Opened) -> Rollout | None:
    """Return the stored rollout where it goes on, or has ended and may not have told so."""
    if not opened.stored.rollout:
        return None
    rollout = load(opened.stored.rollout)
    return None if rollout.phase in OVER and not opened.outbox().untold else rollout


@dataclass(frozen=True, slots=True)
class _Drive:
    gateway: Gateway
    telling: Telling
    output: Output
    is_ended_by_hold: bool
    attempt: str | None

    def __call__(self, opened: Opened, new: Rollout | None = None) -> ExitStatus:
        """Return how the stored rollout, or a new one, has ended."""
        try:
            with (
                signals(),
                View(self.output) as view,
                driver(
                    opened, self.gateway, self.telling, view, new=new, attempt=self.attempt
                ) as controller,
            ):
                rollout = controller.run(is_done=self._is_done)
        except (KeyboardInterrupt, Stopped):
            say(
                "stopped, and the Lease given back: the same command goes on, `abort` rolls back, "
                "and the watchdog does so with split traffic that nobody watches for "
                "limits.unwatched"
            )
            return ExitStatus.PAUSED
        if rollout.hold is not None:
            say(f"held, and only a person can go on: {one_line(rollout.hold.reason)}")
        if self.output is Output.JSON:
            show(rollout, (), opened.cluster.now(), self.output)
        return exit_status(rollout)

    def _is_done(self, rollout: Rollout) -> bool:
        return self.is_ended_by_hold and rollout.hold is not None
