"""What one check of the load tester asks for, and what was reached."""

from dataclasses import dataclass
from enum import StrEnum


class Bound(StrEnum):
    """On which side of the limit a check passes; the limit itself passes."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, slots=True)
class Check:
    """``reached`` is NaN, and the check fails, where there was nothing to measure it by."""

    name: str
    reached: float
    limit: float
    unit: str = ""
    bound: Bound = Bound.AT_MOST
    num_samples: int = 0

    @property
    def passed(self) -> bool:
        if self.bound is Bound.AT_MOST:
            return self.reached <= self.limit
        return self.reached >= self.limit
