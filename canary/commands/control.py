"""``pause``, ``resume``, ``promote``, ``abort``: a person's word, by the ConfigMap."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import typer

from canary.cluster.store import Stored
from canary.commands.driving import Telling, bring_to_end, driver, signals
from canary.commands.opening import Opened, open_service
from canary.commands.options import (
    Context,
    Kubeconfig,
    Output,
    OutputOption,
    ServiceName,
)
from canary.commands.printing import say
from canary.commands.status import exit_status, show
from canary.commands.surroundings import surroundings_of
from canary.commands.viewing import View
from canary.controller import Controller
from canary.errors import Conflict, ExitStatus, Held, InputError
from canary.gate import Gateway
from canary.record import outbox
from canary.rollout import moves
from canary.rollout.advance import OVER, advance
from canary.rollout.route import live_of
from canary.rollout.state import Command, Rollout
from canary.rollout.stored import load

HELP: Final[Mapping[Command, str]] = {
    Command.PAUSE: "Hold a rollout where it is; the kill switch and what rolls back go on working.",
    Command.RESUME: "End a hold: go on, approve a step, or take note of what another has edited.",
    Command.PROMOTE: (
        "Give all users to the canary now, whatever the judge says, where it is Ready."
    ),
    Command.ABORT: "Give all users back to the stable revision now.",
}
# An operator looks every few seconds, but for the gate and a cluster that is slow.
_TAKEN_S = 120.0
_POLL_S = 1.0
# For longer no API server works on a request (kube-apiserver's --request-timeout).
_LANDED_S = 60.0


def control(
    invocation: typer.Context,
    service: ServiceName,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: OutputOption = Output.TEXT,
) -> int:
    """Give a rollout the command by whose name this was called."""
    assert invocation.info_name is not None, "typer gives it"
    opened = open_service(service, kubeconfig, context, surroundings_of(invocation))
    return _give(Command(invocation.info_name), opened, output)


def _give(command: Command, opened: Opened, output: Output) -> ExitStatus:
    if opened.rollout().phase in OVER:
        raise InputError(f"the rollout is {opened.rollout().phase} already: nothing to {command}")
    last = opened.outbox().last
    _store(command, opened)
    try:
        with (
            signals(),
            View(output, is_transient=True) as view,
            driver(opened, Gateway(), Telling(), view) as controller,
        ):
            rollout = _follow(controller)
        if rollout.phase not in OVER:
            say("nobody runs this rollout: `r1-canary run FILE` goes on with it")
    except Held:
        rollout = load(_await_taken(command, opened).rollout)
    if command is Command.PAUSE and rollout.hold is not None:
        _await_landing(rollout, opened)
    stored = opened.store.read() or Stored()
    if stored.rollout:
        # What became of it meanwhile.
        rollout = load(stored.rollout)
    box = outbox.load(stored.outbox)
    show(rollout, box.kept, opened.cluster.now(), output)
    new = [told for told in box.kept if told.number is not None and told.number > last]
    refused = [told.note.text for told in new if told.note.reason == "CommandRefused"]
    if refused:
        raise InputError("\n".join(refused))
    return exit_status(rollout)


def _follow(controller: Controller) -> Rollout:
    """Do what the command has changed, for nobody else runs the rollout.

    What it has begun to end is brought to its end; the gate and the steps are left to `run`.
    """
    while True:
        try:
            controller.decide(advance)
        except Conflict:
            continue
        break
    return bring_to_end(controller)


def _store(command: Command, opened: Opened) -> None:
    while True:
        stored = opened.store.read() or Stored()
        is_waiting = stored.command in list(Command) and stored.command != command
        # Whoever wants the users back need not wait for another's word.
        if is_waiting and command is not Command.ABORT:
            raise InputError(f"{stored.command} was asked for, and nobody has followed it yet")
        try:
            opened.store.write(replace(stored, command=command))
        except Conflict:
            continue
        return


def _await_taken(command: Command, opened: Opened) -> Stored:
    surroundings = opened.surroundings
    deadline = surroundings.monotonic() + _TAKEN_S
    while surroundings.monotonic() < deadline:
        stored = opened.store.read()
        if stored is not None and not stored.command:
            return stored
        surroundings.sleep(_POLL_S)
    raise Held(
        f"the operator has not taken the command within {_TAKEN_S:g} s; {command} stays asked for"
    )


def _await_landing(rollout: Rollout, opened: Opened) -> None:
    """Return once no patch that was sent before the hold moves a user any more.

    It lands at the resourceVersion that the service has now, or not at all.
    """
    if not moves.is_under_way(rollout):
        return
    pending = {rollout.wanted, *rollout.superseded} - {rollout.known}
    name, surroundings = opened.service.name, opened.surroundings
    deadline = surroundings.monotonic() + _LANDED_S
    first = service = opened.cluster.read_service(opened.service.namespace, name)
    while surroundings.monotonic() < deadline:
        if live_of(service) in pending:
            say(f"a patch that was under way has landed: {service.percent} %")
            return
        if service.resource_version != first.resource_version:
            say("a patch that was under way can land no more")
            return
        surroundings.sleep(_POLL_S)
        service = opened.cluster.read_service(opened.service.namespace, name)
    say(f"a patch that was under way has not landed within {_LANDED_S:g} s")
