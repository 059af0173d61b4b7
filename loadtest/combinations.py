"""Settings that are right one by one and wrong together."""

from collections.abc import Callable
from typing import Final

from loadtest.arrivals import parse_rates
from loadtest.config import MAX_RATE, Arrivals, Prompts, Protocol, RunConfig
from loadtest.errors import UsageError
from loadtest.lengths import MAX_LENGTH
from loadtest.net.endpoint import read_target
from loadtest.objectives import check_measurable, parse_gate, parse_objective, parse_warmup
from loadtest.prompts.options import parse_options

_RATED: Final = (Arrivals.POISSON, Arrivals.CONSTANT, Arrivals.GAMMA)
_LEGGED: Final = (Arrivals.RAMP, Arrivals.STEP)
_HTTP: Final = tuple(protocol for protocol in Protocol if not protocol.is_grpc)


def check_combinations(config: RunConfig) -> None:
    """Raise UsageError naming the first field that is missing, or would have no effect."""
    for check in _CHECKS:
        check(config)
    parse_options(config)
    judged = [parse_gate(text) for text in config.slo]
    objectives = [parse_objective(text) for text in config.objective]
    check_measurable([*judged, *objectives], config.protocol, is_stream=config.protocol.is_stream)


def _check_arrivals(config: RunConfig) -> None:
    arrivals = config.arrivals
    is_trace = arrivals is Arrivals.TRACE
    _check_paired(config, "rate", arrivals in _RATED, f"arrivals={arrivals}")
    _check_paired(config, "concurrency", arrivals is Arrivals.CLOSED, f"arrivals={arrivals}")
    _check_paired(config, "rates", arrivals in _LEGGED, f"arrivals={arrivals}")
    _check_paired(config, "trace_file", is_trace, f"arrivals={arrivals}")
    if config.burstiness != 1 and arrivals is not Arrivals.GAMMA:
        raise _unused(config, "burstiness", "arrivals=gamma")


def _check_legs(config: RunConfig) -> None:
    if config.rates is None:
        return
    legs = parse_rates(config.rates)
    lasting = sum(leg.duration_s for leg in legs)
    if config.arrivals is Arrivals.STEP and legs[-1].duration_s == 0:
        raise UsageError(f"rates is {config.rates!r}, a step of 0s has no effect")
    most = max(leg.rate for leg in legs)
    if most > MAX_RATE:
        raise UsageError(f"rates is {config.rates!r}, a rate of it must be at most {MAX_RATE:.0f}")
    if lasting > config.duration_s:
        raise UsageError(
            f"duration_s is {config.duration_s:g}, must be at least {lasting:g}, as long as rates"
        )


def _check_warmup(config: RunConfig) -> None:
    warmup_s = parse_warmup(config.warmup)
    if warmup_s is not None and warmup_s >= config.duration_s:
        raise UsageError(
            f"warmup is {config.warmup}, must be below duration_s, {config.duration_s:g}: "
            f"it would leave nothing to measure"
        )


def _check_capacity(config: RunConfig) -> None:
    if config.max_connections < config.workers:
        raise UsageError(
            f"max_connections is {config.max_connections}, must be at least workers, "
            f"{config.workers}"
        )
    if config.concurrency is None:
        return
    if config.workers > config.concurrency:
        raise UsageError(
            f"workers is {config.workers}, must be at most concurrency, {config.concurrency}"
        )
    if config.protocol in _HTTP and config.concurrency > config.max_connections:
        raise UsageError(
            f"concurrency is {config.concurrency}, must be at most max_connections, "
            f"{config.max_connections}: each request needs a connection of its own"
        )


def _check_prompts(config: RunConfig) -> None:
    prompts = config.prompts
    _check_paired(config, "prompt_file", prompts is Prompts.FILE, f"prompts={prompts}")
    if prompts is Prompts.TRACE and config.arrivals is not Arrivals.TRACE:
        raise _unused(config, "prompts", "arrivals=trace")
    if "prompt_tokens" in config.model_fields_set and prompts is not Prompts.SYNTHETIC:
        raise _unused(config, "prompt_tokens", "prompts=synthetic")
    if config.check_answers and prompts in (Prompts.SYNTHETIC, Prompts.TRACE):
        raise _unused(config, "check_answers", "prompts=arithmetic or prompts=file")
    if config.ignore_eos and config.output_tokens is None and prompts is not Prompts.TRACE:
        raise _unused(config, "ignore_eos", "output_tokens")


def _check_prefixes(config: RunConfig) -> None:
    if config.prefix_groups and not config.prefix_tokens:
        raise _unused(config, "prefix_groups", "prefix_tokens")
    if config.prefix_tokens and not config.prefix_groups:
        raise _unused(config, "prefix_tokens", "prefix_groups")
    if config.prefix_groups and config.prompts is not Prompts.SYNTHETIC:
        raise _unused(config, "prefix_groups", "prompts=synthetic")
    if config.prefix_tokens > MAX_LENGTH:
        raise UsageError(f"prefix_tokens is {config.prefix_tokens}, must be at most {MAX_LENGTH}")


def _check_turns(config: RunConfig) -> None:
    if config.turns > 1 and config.prompts not in (Prompts.ARITHMETIC, Prompts.SYNTHETIC):
        raise _unused(config, "turns", "prompts=arithmetic or prompts=synthetic")
    if config.think_time_s and config.turns == 1 and config.prompts is not Prompts.FILE:
        raise _unused(config, "think_time_s", "turns above 1")


def _check_transport(config: RunConfig) -> None:
    is_tls = config.target.startswith(("https://", "grpcs://"))
    for name in ("ca_file", "client_cert", "client_key", "server_name"):
        if getattr(config, name) is not None and not is_tls:
            raise _unused(config, name, "a target of https:// or grpcs://")
    if config.client_key is not None and config.client_cert is None:
        raise _unused(config, "client_key", "client_cert")
    if config.client_cert is not None and config.client_key is None:
        raise _unused(config, "client_cert", "client_key")
    if config.path_prefix is not None and config.protocol.is_grpc:
        raise _unused(config, "path_prefix", "a protocol over HTTP")


def _check_paired(config: RunConfig, name: str, is_needed: bool, cause: str) -> None:
    is_given = getattr(config, name) is not None
    if is_needed and not is_given:
        raise UsageError(f"{name} is missing, must be given with {cause}")
    if is_given and not is_needed:
        raise UsageError(f"{name} is {getattr(config, name)}, must be left out with {cause}")


def _unused(config: RunConfig, name: str, needed: str) -> UsageError:
    return UsageError(f"{name} is {getattr(config, name)}, has no effect without {needed}")


_CHECKS: Final[tuple[Callable[[RunConfig], object], ...]] = (
    _check_arrivals,
    _check_legs,
    _check_warmup,
    _check_capacity,
    _check_prompts,
    _check_prefixes,
    _check_turns,
    _check_transport,
    read_target,
)
