"""What is wrong with a target, said in one line before any load: one request is sent to see."""

import http.client
import json
import time
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from loadtest.config import Prompts, RunConfig
from loadtest.errors import TargetError
from loadtest.exchange import Exchange
from loadtest.net.client import Client
from loadtest.net.endpoint import Endpoint
from loadtest.net.plain_get import get
from loadtest.net.reactor import Reactor
from loadtest.prompts.prompt import Prompt, PromptSource
from loadtest.record import NEVER, Outcome
from loadtest.report.schema import Target
from loadtest.run.clients import make_client
from loadtest.wire.make import make_wire
from loadtest.wire.part import Wire
from loadtest.wire.quotes import printable

# Tokens that the probe asks for.
_PROBE_TOKENS: Final = 16
# Of what the server says of itself.
_MAX_CHARACTERS: Final = 200
_PROBE_ID: Final = "probe"
_UNIMPLEMENTED: Final = 12
_NOT_FOUND: Final = 5


def check_target(config: RunConfig, endpoint: Endpoint, source: PromptSource) -> Target:
    """Send one short request as the run would; raises TargetError where it is not answered."""
    probe = send_probe(config, endpoint, source)
    if probe.outcome is not Outcome.OK:
        raise TargetError(f"{config.target}: {_reason(config, endpoint, probe)}")
    return Target(
        url=config.target,
        protocol=config.protocol,
        model=config.model,
        addresses=[host for host, _ in endpoint.addresses],
        server=None if config.protocol.is_grpc else _server_name(config, endpoint),
    )


def send_probe(config: RunConfig, endpoint: Endpoint, source: PromptSource) -> Exchange:
    """Return the ended exchange of one request, whatever became of it."""
    reactor = Reactor()
    wire = make_wire(config)
    client = make_client(
        reactor, config, endpoint, wire, _PROBE_ID, max_connections=1, first_address=0
    )
    try:
        return _exchange(config, reactor, client, wire, _probe_prompt(config, source))
    finally:
        client.close()
        reactor.close()


def _exchange(
    config: RunConfig, reactor: Reactor, client: Client, wire: Wire, prompt: Prompt
) -> Exchange:
    now = time.monotonic_ns()
    exchange = Exchange(
        index=0,
        prompt=prompt,
        body=wire.encode(prompt, f"{_PROBE_ID}-0"),
        wire=wire,
        scheduled=now,
        on_done=lambda _: reactor.stop(),
        started=now,
    )

    def time_out() -> None:
        detail = f"no answer in {config.timeout_s:g} s"
        client.cancel(exchange, time.monotonic_ns(), Outcome.TIMEOUT, detail)

    reactor.call_at(now + round(config.timeout_s * 1e9), time_out)
    try:
        client.start(exchange)
        reactor.run()
    finally:
        # By Ctrl-C.
        if not exchange.is_done:
            client.cancel(exchange, time.monotonic_ns(), Outcome.UNFINISHED, "interrupted")
    return exchange


def _probe_prompt(config: RunConfig, source: PromptSource) -> Prompt:
    # Not one of the run's own, which a prefix cache would then know; a trace has no others.
    prompt = source.prompt(0 if config.prompts is Prompts.TRACE else config.max_requests)
    if "min_tokens" in prompt.options:
        return prompt
    asked = prompt.options.get("max_tokens", _PROBE_TOKENS)
    assert isinstance(asked, int)
    return replace(prompt, options={**prompt.options, "max_tokens": min(asked, _PROBE_TOKENS)})


def _reason(config: RunConfig, endpoint: Endpoint, probe: Exchange) -> str:
    match probe.outcome:
        case Outcome.CONNECT_FAILED:
            return f"cannot connect: {probe.detail}"
        case Outcome.TLS_FAILED:
            return f"TLS failed: {probe.detail}"
        case Outcome.RESET if probe.first_byte == NEVER:
            return f"closed the connection without an answer to {config.protocol}"
        case Outcome.REFUSED if config.protocol.is_grpc and probe.status == _NOT_FOUND:
            return f"no model {config.model!r} there: {probe.detail}"
        case Outcome.REFUSED | Outcome.SERVER_ERROR if _is_unserved(config, probe):
            return _absence(config, endpoint, probe)
        case Outcome.MALFORMED | Outcome.TRUNCATED:
            return f"does not answer as {config.protocol} does: {probe.detail}"
        case _:
            return f"the probe failed: {probe.detail}"


def _is_unserved(config: RunConfig, probe: Exchange) -> bool:
    if config.protocol.is_grpc:
        return probe.status == _UNIMPLEMENTED
    return probe.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


def _absence(config: RunConfig, endpoint: Endpoint, probe: Exchange) -> str:
    """Return what is missing, the model or the protocol."""
    served = _served_models(config, endpoint)
    if served is None:
        return f"does not speak {config.protocol}: {probe.wire.path} is {probe.status}"
    if config.model in served:
        return f"serves {config.model!r}, but not by {config.protocol}: {probe.detail}"
    names = endpoint.redact(", ".join(map(repr, served))[:_MAX_CHARACTERS]) or "none"
    return f"no model {config.model!r} there, it serves {names}"


def _served_models(config: RunConfig, endpoint: Endpoint) -> list[str] | None:
    """Return the names that the server lists; None where it has no such list."""
    if config.protocol.is_grpc:
        return None
    if config.protocol.startswith("openai-"):
        listed = _ask(config, endpoint, f"{endpoint.path_prefix}/v1/models")
        return _names(listed, "data", "id")
    return _names(_ask(config, endpoint, f"{endpoint.path_prefix}/v2/models"), "models", None)


def _names(listed: Any, member: str, key: str | None) -> list[str] | None:
    if not isinstance(listed, dict) or not isinstance(listed.get(member), list):
        return None
    entries = [entry.get(key) if isinstance(entry, dict) else entry for entry in listed[member]]
    return [entry for entry in entries if isinstance(entry, str)]


def _server_name(config: RunConfig, endpoint: Endpoint) -> str | None:
    described = _ask(config, endpoint, f"{endpoint.path_prefix}/v2")
    if not isinstance(described, dict) or not isinstance(described.get("name"), str):
        return None
    said = " ".join(str(described[key]) for key in ("name", "version") if key in described)
    return printable(endpoint.redact(said[:_MAX_CHARACTERS]))


def _ask(config: RunConfig, endpoint: Endpoint, path: str) -> Any:
    """Return the JSON there; None where there is none."""
    try:
        status, body = get(config, endpoint, path)
        return json.loads(body) if status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
