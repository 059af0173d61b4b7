"""Rates to try: a geometric grid, so that stages repeat rates and their counts add up."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateGrid:
    """Rates from ``least`` to ``most`` a second, each ``exp(step)`` times the one before.

    One of them is ``start``; the bounds are of the grid too.
    """

    start: float
    least: float
    most: float
    step: float

    def nearest(self, rate: float) -> float:
        """Return the grid's rate nearest to that one."""
        number = round(math.log(rate / self.start) / self.step)
        return min(max(self.start * math.exp(number * self.step), self.least), self.most)

    def lower(self, rate: float) -> float | None:
        """Return about half that rate; None below the least."""
        return self.nearest(rate / 2) if rate > self.least else None

    def higher(self, rate: float, ceiling: float) -> float | None:
        """Return about twice that rate; None beyond the most, or next to the ceiling.

        A finite ceiling is closed in on.
        """
        if rate >= self.most:
            return None
        return self.nearest(2 * rate) if ceiling == math.inf else self.between(rate, ceiling)

    def between(self, below: float, above: float) -> float | None:
        """Return the rate midway; None where the two are neighbours."""
        middle = self.nearest(math.sqrt(below * above))
        is_inside = below * (1 + 1e-9) < middle < above * (1 - 1e-9)
        return middle if is_inside and math.log(above / below) > 1.001 * self.step else None

    def next_up(self, rate: float, ceiling: float) -> float | None:
        """Return the next rate; None beyond the most or from the ceiling on."""
        wanted = self.nearest(rate * math.exp(self.step))
        return wanted if rate < wanted < ceiling else None

    def next_down(self, rate: float) -> float | None:
        """Return the rate before; None below the least."""
        wanted = self.nearest(rate * math.exp(-self.step))
        return wanted if wanted < rate else None
