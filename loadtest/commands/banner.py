"""What is about to happen, printed before the first request."""

from rich.console import Console

from loadtest.config import Arrivals, RunConfig
from loadtest.report.schema import Target


def print_target(console: Console, target: Target, config: RunConfig) -> None:
    server = f", {target.server}" if target.server else ""
    addresses = ", ".join(target.addresses)
    console.print(f"Target    {target.url} ({addresses}{server})")
    console.print(f"Protocol  {target.protocol}, model {target.model}")
    console.print(f"Prompts   {_prompts(config)}")


def print_bounds(console: Console, config: RunConfig) -> None:
    console.print(f"Arrivals  {_arrivals(config)}, seed {config.seed}")
    console.print(
        f"Bounds    {config.duration_s:g} s or {config.max_requests} requests; "
        f"{config.timeout_s:g} s for each, {config.drain_s:g} s for the last; "
        f"{config.max_connections} connections; {config.workers} "
        f"{'process' if config.workers == 1 else 'processes'}"
    )
    if config.slo:
        console.print(f"Gates     {', '.join(config.slo)}")


def _arrivals(config: RunConfig) -> str:
    match config.arrivals:
        case Arrivals.CLOSED:
            return f"closed loop of {config.concurrency}"
        case Arrivals.TRACE:
            return f"trace {config.trace_file}"
        case Arrivals.RAMP | Arrivals.STEP:
            return f"{config.arrivals} {config.rates}"
        case Arrivals.GAMMA:
            return f"gamma of shape {config.burstiness:g} at {config.rate:g} a second"
        case _:
            return f"{config.arrivals} at {config.rate:g} a second"


def _prompts(config: RunConfig) -> str:
    turns = f", conversations of {config.turns} turns" if config.turns > 1 else ""
    return f"{config.prompts}{turns}"
