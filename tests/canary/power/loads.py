"""Loads per pod as Prometheus would show them: counted requests, and noisy samples of a gauge."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from canary.judgement.criteria import Load
from canary.judgement.load import Mean, PodLoad, load_of

INTERVAL_S: Final = 30.0
# Of the whole service; those of a revision grow with its share of users, and are never below 1.
NUM_PODS: Final = 4
# Requests under way per pod, and scrapes of them in an interval.
IN_FLIGHT: Final = 4.0
NUM_SCRAPES: Final = 2


class Gauges:
    """Of both revisions, canary first; a slow canary has more under way (Little's law)."""

    def __init__(self, slowdown: float, rng: np.random.Generator) -> None:
        self._means = (IN_FLIGHT * slowdown, IN_FLIGHT)
        self._rng = rng
        self._loads = [PodLoad(), PodLoad()]

    def after(self, requests: NDArray[np.int64], parts: NDArray[np.float64]) -> Load:
        """Return the loads after an interval of these requests [runs, arm], and users' parts."""
        for arm, mean in enumerate(self._means):
            before = self._loads[arm]
            scrapes = max(1, round(NUM_PODS * parts[arm])) * NUM_SCRAPES
            size = (requests.shape[0], scrapes)
            in_flight = self._rng.poisson(mean, size).mean(axis=1)
            rate = requests[:, arm] / (NUM_PODS * parts[arm]) / INTERVAL_S
            self._loads[arm] = PodLoad(
                _after(before.requests, rate), _after(before.in_flight, in_flight)
            )
        return load_of(*self._loads)


def _after(mean: Mean, values: NDArray[np.float64]) -> Mean:
    # The same arithmetic for all runs at once.
    return mean.after(values)  # type: ignore[arg-type]
