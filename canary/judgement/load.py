"""How loaded each revision's pods are, smoothed over a few intervals."""

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from canary.judgement.criteria import Load
from canary.judgement.eprocess import Array
from canary.samples import Arm, Interval

# Of a mean, after each interval; a pod's requests under way are read at few scrapes, and a mean of
# 5 intervals errs by a third as much.
_KEPT: Final = 0.8
# Below one request under way there is no batch to share.
_NO_BATCH: Final = 1.0
# A second, so that a pod without requests has a ratio.
_NO_REQUESTS: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Mean:
    """Of the last intervals; ``weight`` is 0 before the first."""

    value: float = 0.0
    weight: float = 0.0

    def after(self, value: float | None) -> "Mean":
        """Return the mean with one value more; what is not known is forgotten at once."""
        if value is None:
            return Mean()
        weight = self.weight * _KEPT + 1
        return Mean(self.value + (value - self.value) / weight, weight)


@dataclass(frozen=True, slots=True)
class PodLoad:
    """Of one revision, per pod."""

    # Requests/s that ended.
    requests: Mean = field(default_factory=Mean)
    in_flight: Mean = field(default_factory=Mean)

    def after(self, arm: Arm, seconds: float) -> "PodLoad":
        rate = arm.num_requests / arm.num_pods / seconds if arm.num_pods and seconds > 0 else None
        return PodLoad(self.requests.after(rate), self.in_flight.after(arm.in_flight))


@dataclass(frozen=True, slots=True)
class Loads:
    """Of both revisions."""

    canary: PodLoad = field(default_factory=PodLoad)
    stable: PodLoad = field(default_factory=PodLoad)

    def after(self, interval: Interval) -> "Loads":
        seconds = interval.end - interval.start
        return Loads(
            self.canary.after(interval.canary, seconds), self.stable.after(interval.stable, seconds)
        )

    @property
    def load(self) -> Load:
        """Return the ratios of the canary's loads to the stable revision's."""
        return load_of(self.canary, self.stable)


def load_of(canary: PodLoad, stable: PodLoad) -> Load:
    """Return the ratios of the first to the second; of arrays where their means are arrays."""
    in_flight = _ratio(canary.in_flight, stable.in_flight, least=_NO_BATCH)
    requests = _ratio(canary.requests, stable.requests, least=_NO_REQUESTS)
    if canary.in_flight.weight:
        # However many come, no batch of the canary's is full.
        has_batch = np.asarray(canary.in_flight.value) > _NO_BATCH
        requests = np.where(has_batch, requests, np.minimum(requests, 1.0))
    return Load(requests, in_flight)


def _ratio(canary: Mean, stable: Mean, *, least: float) -> Array:
    if not canary.weight or not stable.weight:
        return np.array(math.nan)
    return np.asarray(np.maximum(canary.value, least) / np.maximum(stable.value, least))
