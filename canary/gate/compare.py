"""The paired test of non-inferiority, valid however often it is looked at (pure).

Betting on paired differences (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random
variables by betting"): were the mean difference at the margin, no bet against that would gain, so
wealth of 1/alpha is seen with probability alpha at most, at any time (Ville).
"""

import math
from dataclasses import dataclass, field
from typing import Final

# Shares of the largest bet that cannot lose everything; wealth is their mean.
_BETS: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99)
_EVEN: Final = (0.0,) * len(_BETS)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences of the canary's score to the stable one's, each in -1..1, seen so far.

    ``margin`` is how much lower the canary's mean score may be.
    """

    margin: float
    num_pairs: int = 0
    # Logarithms of wealth, one for each bet.
    log_pass: tuple[float, ...] = field(default=_EVEN)
    log_fail: tuple[float, ...] = field(default=_EVEN)

    def observe(self, difference: float) -> "Comparison":
        assert -1 <= difference <= 1, difference
        excess = difference + self.margin
        return Comparison(
            self.margin,
            self.num_pairs + 1,
            _bet(self.log_pass, excess, 1 / (1 - self.margin)),
            _bet(self.log_fail, -excess, 1 / (1 + self.margin)),
        )

    @property
    def e_pass(self) -> float:
        """Evidence against a canary that is worse by the margin or more."""
        return _mean(self.log_pass)

    @property
    def e_fail(self) -> float:
        """Evidence against a canary that is worse by the margin at most."""
        return _mean(self.log_fail)


def fewest_pairs(margin: float, false_promotion: float) -> int:
    """Return after how many pairs without a difference a canary passes."""
    seen = Comparison(margin)
    while seen.e_pass < 1 / false_promotion:
        seen = seen.observe(0)
    return seen.num_pairs


def _bet(logs: tuple[float, ...], gain: float, largest: float) -> tuple[float, ...]:
    return tuple(
        log + math.log1p(bet * largest * gain) for log, bet in zip(logs, _BETS, strict=True)
    )


def _mean(logs: tuple[float, ...]) -> float:
    # Beyond e^700 a float ends; such evidence has decided long ago.
    return sum(math.exp(min(log, 700.0)) for log in logs) / len(logs)
