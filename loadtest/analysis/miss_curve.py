"""The share of requests that miss a gate as a curve over the rate, and where it crosses a level.

Fitted as non-decreasing. Between two points it is a line of the share's logit against the rate's
logarithm: a queue's tail falls off exponentially, so near the knee its logarithm is close to a
line, the logit does the same for shares near 1, and rates are tried in ratios.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from loadtest.analysis.isotonic import Floats, centres, crossing, ends, isotonic, pooled

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """All stages of one rate: ``requests`` [num_blocks], ``misses`` [num_gates, num_blocks]."""

    rate: float
    num_stages: int
    requests: Counts
    misses: Counts
    # Standard deviations of all misses together, [num_gates]: by blocks; and by blocks or by
    # stages, whichever tell more.
    block_deviation: Floats
    deviation: Floats

    @property
    def num_requests(self) -> int:
        return int(self.requests.sum())

    @property
    def num_misses(self) -> Counts:
        return np.asarray(self.misses.sum(axis=1))


def pool(rate: float, requests: Sequence[Counts], misses: Sequence[Counts]) -> Point:
    """Return the stages of one rate as a point; at least one, of at least one request."""
    all_requests, all_misses = np.concatenate(requests), np.concatenate(misses, axis=1)
    block_deviation = deviation = _deviation(all_requests, all_misses)
    if len(requests) > 1:
        stage_requests = np.array([blocks.sum() for blocks in requests])
        stage_misses = np.stack([blocks.sum(axis=1) for blocks in misses], axis=1)
        deviation = np.maximum(block_deviation, _deviation(stage_requests, stage_misses))
    return Point(rate, len(requests), all_requests, all_misses, block_deviation, deviation)


class Curve:
    """A curve for each of several gates, whose share may be at most ``allowed``, [num_gates].

    Knees are logarithms of rates: -inf where no point meets the gate, inf where all do. ``span`` is
    the logarithm of the ratio of neighbouring rates.
    """

    def __init__(self, points: Sequence[Point], allowed: Sequence[float], span: float) -> None:
        self._points = points
        self._allowed = allowed
        self._span = span
        self._log_rates = np.log([point.rate for point in points])
        self._requests = np.array([point.num_requests for point in points], np.float64)
        # [num_gates, num_points]
        self._misses = np.array([point.num_misses for point in points], np.float64).T

    def knees(self) -> Floats:
        """Return the knee of each gate."""
        return self._knees(self._requests, self._misses)

    def reach(self, confidence: float) -> float:
        """Return how far the least knee's interval reaches, relative to it; inf past the points.

        By what one standard deviation of each pool's share moves the knee, the pools as they are;
        it needs no random numbers, so that a search depends on its stages only.
        """
        gate = int(np.argmin(self.knees()))
        fit = isotonic(self._misses[gate], self._requests)
        is_pooled = pooled(fit)
        variances = np.array([_at_least_chance(point)[gate] ** 2 for point in self._points])
        deviations = np.sqrt(is_pooled @ variances) / (is_pooled @ self._requests)
        # One row for each pool, in which it alone is moved: [num_pools, num_points].
        moves = np.unique(is_pooled * deviations[:, np.newaxis], axis=0)
        where = np.broadcast_to(self._placed(fit, self._requests, gate), moves.shape)
        sides = [
            self._crossing(where, np.maximum.accumulate(np.clip(moved, 0, 1), axis=-1), gate)
            for moved in (fit - moves, fit + moves)
        ]
        if not np.isfinite(sides).all():
            return math.inf
        deviation = float(np.sqrt(np.sum(((sides[0] - sides[1]) / 2) ** 2)))
        return math.expm1(float(stats.norm.ppf((1 + confidence) / 2)) * deviation)

    def resampled(self, rng: np.random.Generator, num_resamples: int) -> Floats:
        """Return the least knee of resamples of each point's blocks: [num_resamples]."""
        drawn = [_resampled(point, rng, num_resamples) for point in self._points]
        requests = np.stack([requests for requests, _ in drawn], axis=-1)
        misses = np.stack([misses for _, misses in drawn], axis=-1)
        return np.asarray(np.min(self._knees(requests, misses), axis=-1))

    def jump(self, gate: int) -> tuple[float, float] | None:
        """Return the logarithms of the rates between which the odds of a miss leap past allowed.

        None where they grow less than a hundredfold there: only then does a line between them say
        where within that span the crossing lies.
        """
        fit = isotonic(self._misses[gate], self._requests)
        where = self._placed(fit, self._requests, gate)
        logits = _logits(fit, self._requests, self._allowed[gate])
        num_below = int(np.count_nonzero(fit <= self._allowed[gate]))
        if not 0 < num_below < len(fit):
            return None
        is_steep = logits[num_below] - logits[num_below - 1] > math.log(100)
        return (float(where[num_below - 1]), float(where[num_below])) if is_steep else None

    def shape(self, gate: int) -> list[tuple[float, float]]:
        """Return the fit's points (rate, share) for that gate, by ascending rate."""
        fit = isotonic(self._misses[gate], self._requests)
        rates = np.exp(self._placed(fit, self._requests, gate))
        return sorted(set(zip(rates.tolist(), fit.tolist(), strict=True)))

    def _knees(self, requests: Floats, misses: Floats) -> Floats:
        """Return [..., num_gates] of [..., num_points] and [..., num_gates, num_points]."""
        knees = []
        for gate in range(len(self._allowed)):
            fit = isotonic(misses[..., gate, :], requests)
            knees.append(self._crossing(self._placed(fit, requests, gate), fit, gate))
        return np.stack(knees, axis=-1)

    def _crossing(self, where: Floats, fit: Floats, gate: int) -> Floats:
        allowed = self._allowed[gate]
        level = math.log(allowed / (1 - allowed))
        return crossing(where, _logits(fit, self._requests, allowed), level)

    def _placed(self, fit: Floats, requests: Floats, gate: int) -> Floats:
        """Return where the fit's points lie: at their pool's centre, but near its end.

        A pool may be long: a few misses at all low rates alike. What counts of it lies next to
        the crossing, so there it is placed, off its end by the span at most. Shares of 0 and 1 are
        flat for good and lie where they were seen.
        """
        log_rates = np.broadcast_to(self._log_rates, fit.shape)
        first, last = ends(log_rates, fit)
        middle = centres(log_rates, fit, requests)
        near = np.where(
            fit <= self._allowed[gate],
            np.maximum(middle, last - self._span),
            np.minimum(middle, first + self._span),
        )
        return np.where((fit <= 0) | (fit >= 1), log_rates, near)


def _deviation(requests: Counts, misses: Counts) -> Floats:
    """Return the standard deviation of all misses together, of which each cluster is a sample.

    [num_gates] of clusters [num_clusters] and [num_gates, num_clusters], as of a ratio estimator
    (Cochran 1977, Sampling Techniques, section 6.3).
    """
    shares = misses.sum(axis=1, keepdims=True) / requests.sum()
    num = len(requests)
    squares = np.sum((misses - shares * requests) ** 2, axis=1)
    return np.asarray(np.sqrt(num / (num - 1) * squares))


def _at_least_chance(point: Point) -> Floats:
    """Return the deviations, no less than independent requests would have (with one miss more)."""
    num_misses, num = point.num_misses + 1.0, point.num_requests + 2.0
    return np.maximum(point.deviation, np.sqrt(num_misses * (1 - num_misses / num)))


def _resampled(point: Point, rng: np.random.Generator, num_resamples: int) -> tuple[Floats, Floats]:
    """Return requests [num_resamples] and misses [num_resamples, num_gates] of drawn blocks.

    One block less than there are is drawn, which leaves the variance unbiased (Rao & Wu 1988,
    Journal of the American Statistical Association 83:231).
    """
    num_blocks = len(point.requests)
    drawn = rng.integers(0, num_blocks, (num_resamples, num_blocks - 1))
    requests = point.requests[drawn].sum(axis=1)
    misses = point.misses[:, drawn].sum(axis=-1).T
    # Where stages differ by more than their blocks tell, so do the resamples.
    wider = point.deviation / np.maximum(point.block_deviation, 1e-9)
    expected = requests[:, np.newaxis] * point.num_misses / point.num_requests
    misses = np.clip(expected + (misses - expected) * wider, 0, requests[:, np.newaxis])
    # Blocks without a request may be all that were drawn; the stages as they were stand for them.
    is_empty = requests == 0
    return (
        np.where(is_empty, point.num_requests, requests).astype(np.float64),
        np.where(is_empty[:, np.newaxis], point.num_misses, misses).astype(np.float64),
    )


def _logits(fit: Floats, requests: Floats, allowed: float) -> Floats:
    """Return the logits, with half a request for none and yet on the same side of ``allowed``."""
    half = 0.5 / (requests + 1)
    low = np.minimum(half, allowed / 2)
    high = np.maximum(1 - half, (1 + allowed) / 2)
    shares = np.where(fit <= 0, low, np.where(fit >= 1, high, fit))
    return np.asarray(special.logit(shares))
