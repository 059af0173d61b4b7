"""What the server pretends to be: how long it takes, how many at once, what it does wrong."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from statistics import NormalDist
from typing import Final, Self

from loadtest.errors import UsageError

_UNITS_S: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s)")
_NS: Final = 1_000_000_000
_NORMAL: Final = NormalDist()


class Shape(StrEnum):
    """Of a distribution of durations."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"
    LOGNORMAL = "lognormal"


@dataclass(frozen=True, slots=True)
class Durations:
    """A distribution by its mean; ``sigma`` is that of a lognormal's logarithm."""

    mean_s: float = 0.0
    shape: Shape = Shape.CONSTANT
    sigma: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read '5ms', 'exponential:5ms' or 'lognormal:5ms:0.5'; raises UsageError."""
        match text.split(":"):
            case [mean] | ["constant", mean]:
                return cls(parse_duration_s(mean))
            case ["exponential", mean]:
                return cls(parse_duration_s(mean), Shape.EXPONENTIAL)
            case ["lognormal", mean, sigma] if re.fullmatch(r"\d+(\.\d+)?", sigma):
                return cls(parse_duration_s(mean), Shape.LOGNORMAL, float(sigma))
        raise UsageError(
            f"durations are {text!r}, must be like 5ms, exponential:5ms or lognormal:5ms:0.5"
        )

    def quantile_s(self, uniform: float) -> float:
        """Return what that share of the durations is no longer than; ``uniform`` is in (0, 1)."""
        if self.shape is Shape.CONSTANT or self.mean_s == 0:
            return self.mean_s
        if self.shape is Shape.EXPONENTIAL:
            return -self.mean_s * math.log1p(-uniform)
        deviation = self.sigma * _NORMAL.inv_cdf(uniform)
        return self.mean_s * math.exp(deviation - self.sigma**2 / 2)

    def draw_ns(self, request_id: bytes, number: int) -> int:
        """Return the duration of that number of the request: the same whenever it is asked."""
        if self.shape is Shape.CONSTANT:
            return round(self.mean_s * _NS)
        return round(self.quantile_s(_uniform(request_id, number)) * _NS)


@dataclass(frozen=True, slots=True)
class Profile:
    """``*_every`` n does that to each n-th request that comes; 0 is never."""

    # From the start of a unary request's service to its answer.
    service: Durations = Durations()
    # From the start of a stream's service to its first chunk.
    ttft: Durations = Durations()
    # Between chunks; 0 sends them all in one write.
    gap: Durations = Durations()
    num_chunks: int = 16
    tokens_per_chunk: int = 1
    # Requests served at once, the others wait in order; 0 is any number.
    num_servers: int = 0
    # So long after the first request the whole server stands still, once.
    stall_at_s: float = 0.0
    stall_s: float = 0.0
    error_every: int = 0
    truncate_every: int = 0
    reset_every: int = 0
    # Requests a second, with a burst of one second's; those above are told 503; 0 is no limit.
    refuse_above: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_chunks", "tokens_per_chunk"):
            _check(name, getattr(self, name), at_least=1)
        for name in ("num_servers", "stall_at_s", "stall_s", "refuse_above"):
            _check(name, getattr(self, name), at_least=0)
        for name in ("error_every", "truncate_every", "reset_every"):
            _check(name, getattr(self, name), at_least=0)


def parse_duration_s(text: str) -> float:
    """Read a number with its unit, us, ms or s; raises UsageError."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"duration is {text!r}, must be a number with us, ms or s, such as 5ms")
    return float(found[1]) * _UNITS_S[found[2]]


def _check(name: str, value: float, *, at_least: int) -> None:
    if not at_least <= value < math.inf:
        raise UsageError(f"{name} is {value}, must be a number from {at_least} on")


def _uniform(request_id: bytes, number: int) -> float:
    digest = blake2b(request_id, digest_size=8, salt=number.to_bytes(8, "little")).digest()
    # Half a step in, so that neither 0 nor 1 is ever drawn.
    return ((int.from_bytes(digest, "little") >> 12) + 0.5) / 2**52
