"""The loads of the self-check, each made for the checks that read it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from loadtest.config import Arrivals, Protocol, RunConfig
from loadtest.nullserver.golden import Golden
from loadtest.nullserver.profile import Durations, Profile, Shape
from loadtest.selfcheck import checks
from loadtest.selfcheck.check import Check
from loadtest.selfcheck.pairing import Measured, pair

PROTOCOLS: Final = (Protocol.V2_STREAM, Protocol.GRPC_STREAM, Protocol.V2_INFER)


@dataclass(frozen=True, slots=True)
class Load:
    """A server, what is asked of it, and what is read from the outcome."""

    name: str
    protocol: Protocol
    profile: Profile
    arrivals: Arrivals
    rate: float
    duration_s: float
    judge: Callable[["Load", Measured, Golden], list[Check]]
    max_connections: int = 256

    def config(self, target: str) -> RunConfig:
        return RunConfig.model_validate(
            {
                "target": target,
                "protocol": self.protocol,
                "arrivals": self.arrivals,
                "rate": self.rate,
                "duration_s": self.duration_s,
                "max_requests": 2 * round(self.rate * self.duration_s),
                "max_connections": self.max_connections,
                "timeout_s": 30.0,
                "drain_s": 10.0,
            }
        )


def loads_of(protocol: Protocol) -> list[Load]:
    """Return the loads that are applied one after another, with nothing beside them."""
    return [
        # Answers as a small model gives them, of times that differ by a factor of ten.
        Load(
            "paced",
            protocol,
            Profile(
                service=_VARIED,
                ttft=_VARIED,
                gap=Durations(0.005),
                num_chunks=8,
            ),
            Arrivals.POISSON,
            rate=200.0,
            duration_s=6.0,
            judge=_judge_paced,
        ),
        Load(
            "fast",
            protocol,
            Profile(num_chunks=4),
            Arrivals.POISSON,
            rate=1_000.0,
            duration_s=4.0,
            judge=_judge_fast,
        ),
        # At 1,000 rps a jitter of 50 us would alone be a CV of 0.05.
        Load(
            "even",
            protocol,
            Profile(num_chunks=4),
            Arrivals.CONSTANT,
            rate=50.0,
            duration_s=8.0,
            judge=_judge_even,
        ),
    ]


def stall_of(protocol: Protocol) -> Load:
    """Return the load with a stall; it asks little of the machine, so others may run beside it.

    Of 600 requests 250 are due in the stall and the longest 6 are above the p99, which is thus
    4.88 s. Only 2 of them are sent before it ends: counted from their sends, or without those that
    could not be sent in time, the p99 is short.
    """
    return Load(
        "stalled",
        protocol,
        Profile(num_chunks=4, stall_at_s=2.0, stall_s=5.0),
        Arrivals.CONSTANT,
        rate=50.0,
        duration_s=12.0,
        judge=_judge_stall,
        max_connections=2,
    )


_VARIED: Final = Durations(0.02, Shape.LOGNORMAL, 0.5)


def _judge_paced(load: Load, measured: Measured, golden: Golden) -> list[Check]:
    pairs = pair(measured, golden)
    found = checks.first_chunk_bias(pairs) + checks.send_bias(pairs) + checks.percentiles(pairs)
    if load.protocol.is_stream:
        found += checks.gap_bias(pairs)
    return found + checks.poisson_sends(measured, load.rate)


def _judge_fast(load: Load, measured: Measured, golden: Golden) -> list[Check]:
    return checks.lateness(measured)


def _judge_even(load: Load, measured: Measured, golden: Golden) -> list[Check]:
    return checks.even_sends(measured, load.rate)


def _judge_stall(load: Load, measured: Measured, golden: Golden) -> list[Check]:
    return checks.stall_seen(measured)
