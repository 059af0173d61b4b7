"""One streamed request on a connection of its own, through the target as a run would send it."""

import socket
import time
from dataclasses import replace
from typing import Final

from loadtest.coldstart.clock import Span
from loadtest.coldstart.pods import Mark
from loadtest.config import RunConfig
from loadtest.errors import TargetError
from loadtest.exchange import Exchange
from loadtest.net.client import Client
from loadtest.net.endpoint import Endpoint
from loadtest.net.reactor import Reactor
from loadtest.net.tls import make_tls
from loadtest.prompts.prompt import Prompt, PromptSource
from loadtest.record import NEVER, Outcome
from loadtest.run.clients import make_client
from loadtest.run.interrupts import Interrupts
from loadtest.wire.make import make_wire

# Of an answer whose length nothing else bounds: what is measured is its beginning.
_MAX_TOKENS: Final = 16
_CONNECT_TIMEOUT_S: Final = 10.0
_LOOK_NS: Final = 100_000_000


def check_reachable(config: RunConfig, endpoint: Endpoint) -> None:
    """Connect and shake hands, and send nothing: a request would wake the service.

    Raises TargetError, UsageError for trust that cannot be followed.
    """
    tls = make_tls(config, ("h2",) if config.protocol.is_grpc else ("http/1.1",))
    try:
        sock = socket.create_connection(endpoint.addresses[0], _CONNECT_TIMEOUT_S)
    except OSError as error:
        reason = error.strerror or "no answer"
        raise TargetError(f"{config.target}: cannot connect: {reason}") from None
    try:
        if tls is not None:
            sock = tls(sock)
            sock.do_handshake()
    except OSError as error:
        raise TargetError(f"{config.target}: TLS failed: {error.strerror or error}") from None
    finally:
        sock.close()


def send_request(
    config: RunConfig,
    endpoint: Endpoint,
    source: PromptSource,
    interrupts: Interrupts,
    *,
    run_id: str,
    number: int,
) -> Exchange:
    """Return the ended exchange, whatever became of it; an interrupt leaves it UNFINISHED."""
    reactor = Reactor()
    wire = make_wire(config)
    client = make_client(
        reactor, config, endpoint, wire, run_id, max_connections=1, first_address=0
    )
    prompt = _bounded(source.prompt(number))
    body = wire.encode(prompt, f"{run_id}-{number}")
    try:
        now = time.monotonic_ns()
        exchange = Exchange(
            index=number,
            prompt=prompt,
            body=body,
            wire=wire,
            scheduled=now,
            on_done=lambda _: reactor.stop(),
            started=now,
        )
        _bound(reactor, client, exchange, interrupts, config.timeout_s)
        client.start(exchange)
        reactor.run()
        return exchange
    finally:
        client.close()
        reactor.close()


def _bounded(prompt: Prompt) -> Prompt:
    if "max_tokens" in prompt.options or "min_tokens" in prompt.options:
        return prompt
    return replace(prompt, options={**prompt.options, "max_tokens": _MAX_TOKENS})


def _bound(
    reactor: Reactor, client: Client, exchange: Exchange, interrupts: Interrupts, timeout_s: float
) -> None:
    """End the exchange at its timeout, or at an interrupt."""
    deadline_ns = exchange.started + round(timeout_s * 1e9)

    def look() -> None:
        now = time.monotonic_ns()
        if interrupts.num:
            client.cancel(exchange, now, Outcome.UNFINISHED, "interrupted")
        elif now >= deadline_ns:
            client.cancel(exchange, now, Outcome.TIMEOUT, f"no answer in {timeout_s:g} s")
        else:
            reactor.call_at(min(now + _LOOK_NS, deadline_ns), look)

    look()


def moments(exchange: Exchange) -> dict[Mark, Span]:
    """Return what this machine measured of an exchange that has ended, exactly."""
    measured = {
        Mark.BEGUN: exchange.started,
        Mark.CONNECTED: exchange.started + exchange.connect if exchange.connect else NEVER,
        Mark.FIRST_BYTE: exchange.first_byte,
        Mark.FIRST_CHUNK: exchange.first_chunk,
    }
    if exchange.first_chunk == NEVER:
        measured[Mark.ENDED] = exchange.finished
    return {mark: Span(at, at) for mark, at in measured.items() if at != NEVER}
