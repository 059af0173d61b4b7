"""The API server's clock against this machine's monotonic one, from the Date of its answers.

One answer tells it within a second and the round trip; since answers come at every phase of the
second, what all of them allow together is much narrower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """A moment of CLOCK_MONOTONIC, known to lie within ``low..high`` ns."""

    low: int
    high: int

    @property
    def middle(self) -> float:
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class ClockSample:
    """An answer that was asked for and received at those ns, and the second of its Date."""

    sent_ns: int
    received_ns: int
    date_s: int


@dataclass(frozen=True, slots=True)
class ServerClock:
    """``low_ns..high_ns`` is how far the server's time since 1970 is ahead of CLOCK_MONOTONIC."""

    low_ns: int
    high_ns: int
    # How far answers contradict each other: servers behind one name, or a clock that was set.
    contradiction_ns: int
    num_samples: int

    def when(self, second: int) -> Span:
        """Return when the server's clock stood within that second."""
        return Span(second * SECOND_NS - self.high_ns, (second + 1) * SECOND_NS - self.low_ns)


def estimate_clock(samples: Sequence[ClockSample]) -> ServerClock:
    """Return what at least one sample allows; of contradicting ones the span between them."""
    low = max(sample.date_s * SECOND_NS - sample.received_ns for sample in samples)
    high = min((sample.date_s + 1) * SECOND_NS - sample.sent_ns for sample in samples)
    return ServerClock(
        low_ns=min(low, high),
        high_ns=max(low, high),
        contradiction_ns=max(low - high, 0),
        num_samples=len(samples),
    )
