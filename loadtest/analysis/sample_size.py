"""How many requests show that a share of them is below a threshold."""

import math

from scipy import stats


def least_requests(allowed: float, confidence: float) -> int:
    """Return with how many requests, none of which misses, the share is shown to be below.

    Of 1 % with confidence 0.99 they are 459.
    """
    return math.ceil(math.log(1 - confidence) / math.log1p(-allowed))


def decisive_requests(allowed: float, confidence: float) -> int:
    """Return with how many requests a share of half of ``allowed`` is shown to be below it.

    By the least number of misses m whose upper Poisson bound is at most 2 m.
    """
    misses = 1
    while stats.chi2.ppf(confidence, 2 * misses + 2) / 2 > 2 * misses:
        misses += 1
    return max(math.ceil(2 * misses / allowed), least_requests(allowed, confidence))
