"""``r1-canary run``: begin a rollout, or go on with it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from canary.commands.driving import Stopped, Telling, driver, signals
from canary.commands.in_turn import InTurn
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
from canary.commands.printing import say
from canary.commands.status import exit_status, show
from canary.commands.surroundings import surroundings_of
from canary.commands.viewing import View
from canary.errors import ExitStatus
from canary.gate import Gateway
from canary.record.quantity import one_line
from canary.rollout.parts import parts_of
from canary.rollout.patience import is_stopped
from canary.rollout.state import Rollout
from canary.rollout_file import read_manifest, read_rollout_file

ExitOnHold = Annotated[
    bool, typer.Option(help="End with 4 where only a person can go on, instead of waiting.")
]
Attempt = Annotated[
    str | None,
    typer.Option(help="Who asks, such as a Job's uid: what has ended for it begins no more."),
]
Audit = Annotated[
    Path | None, typer.Option(help="JSON lines of every decision; `report` draws them.")
]
MetricsHost = Annotated[str, typer.Option(help="Where own metrics are served.")]
MetricsPort = Annotated[int | None, typer.Option(min=1, max=65535, help="Serve own metrics there.")]
OtlpEndpoint = Annotated[
    str | None,
    typer.Option(envvar="OTEL_EXPORTER_OTLP_ENDPOINT", help="Send a trace there, OTLP/HTTP."),
]


def run(
    invocation: typer.Context,
    file: RolloutFile,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
    exit_on_hold: ExitOnHold = False,
    attempt: Attempt = None,
    audit: Audit = None,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
    otlp_endpoint: OtlpEndpoint = None,
    gateway_url: GatewayUrl = None,
    domain: Domain = None,
    header: Header = None,
    ca: Ca = None,
) -> int:
    """Begin the rollout of a file, or go on with it where it was left.

    Where the file says `restore`, a second rollout follows the promotion.

    Exit status: 0 promoted, 1 rolled back, 2 it cannot begin, 3 the cluster or Prometheus cannot be
    reached, 4 stopped before its end: the same command goes on.
    """
    plan = read_rollout_file(file)
    manifest = read_manifest(file.parent / plan.manifest, plan.service, plan.namespace)
    parts = parts_of(plan, manifest)
    surroundings = surroundings_of(invocation)
    url_file = None if plan.webhook_url_file is None else Path(plan.webhook_url_file)
    telling = Telling(
        audit, url_file, plan.webhook_format, metrics_host, metrics_port, otlp_endpoint
    )
    gateway = Gateway.make(gateway_url, domain, header or [], ca)
    cluster = open_cluster(kubeconfig, context, surroundings)
    service = partial(find, cluster, plan.namespace, plan.service, surroundings)
    drive = _Drive(gateway, telling, output, is_ended_by_hold=exit_on_hold, attempt=attempt)
    with signals():
        return InTurn(parts, service, drive, attempt, output, gateway.check).run()


@dataclass(frozen=True, slots=True)
class _Drive:
    gateway: Gateway
    telling: Telling
    output: Output
    is_ended_by_hold: bool
    attempt: str | None

    def __call__(self, opened: Opened, new: Rollout | None) -> ExitStatus:
        """Return how the stored rollout, or a new one, has ended."""
        try:
            with (
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
        if rollout.hold is not None and is_stopped(rollout):
            say(f"held, and only a person can go on: {one_line(rollout.hold.reason)}")
        if self.output is Output.JSON:
            show(rollout, (), opened.cluster.now(), self.output)
        return exit_status(rollout)

    def _is_done(self, rollout: Rollout) -> bool:
        return self.is_ended_by_hold and is_stopped(rollout)
