"""How far the difference of two shares may lie from the true one, where a bootstrap cannot tell."""

import math

from scipy import stats


def difference_of_shares(
    a: tuple[float, int], b: tuple[float, int], confidence: float
) -> tuple[float, float]:
    """Return the interval of B's share less A's, each given with its number of requests.

    From the score interval of each (Newcombe 1998, Statistics in Medicine 17:873, method 10); it
    has a width for shares of 0 and 1 too. Requests count as independent.
    """
    (share_a, num_a), (share_b, num_b) = a, b
    low_a, high_a = _wilson(share_a, num_a, confidence)
    low_b, high_b = _wilson(share_b, num_b, confidence)
    return (
        share_b - share_a - math.hypot(share_b - low_b, high_a - share_a),
        share_b - share_a + math.hypot(high_b - share_b, share_a - low_a),
    )


def _wilson(share: float, num: int, confidence: float) -> tuple[float, float]:
    interval = stats.binomtest(round(share * num), num).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
