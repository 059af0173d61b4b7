"""Isotonic regression of many samples at once, and where its curve crosses a level.

Pools of equal fit stand for one point at their weighted centre (centred isotonic regression:
Oron & Flournoy 2017, Statistics in Biopharmaceutical Research 9:258), so that between the lowest
and the highest point the curve rises strictly and has one crossing.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def isotonic(sums: Floats, weights: Floats) -> Floats:
    """Return the non-decreasing fit of least weighted squares to ``sums / weights``.

    Along the last axis of shapes [..., num_points], weights above 0. By the min-max formula
    (Robertson, Wright & Dykstra 1988, Order Restricted Statistical Inference, section 1.4):
    memory grows with the square of num_points.
    """
    num = sums.shape[-1]
    # Sums rather than means: of whole numbers they are exact, and pools of one mean equal.
    before = _from_zero(sums)
    weight = _from_zero(weights)
    # [..., first, last]: the weighted mean from the first to the last of them.
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (before[..., np.newaxis, 1:] - before[..., :-1, np.newaxis]) / (
            weight[..., np.newaxis, 1:] - weight[..., :-1, np.newaxis]
        )
    first, last = np.indices((num, num))
    means = np.where(first <= last, means, np.inf)
    # Least mean over the ends at or after each point, then most over the starts at or before it.
    least = np.minimum.accumulate(means[..., ::-1], axis=-1)[..., ::-1]
    least = np.where(first <= last, least, -np.inf)
    return np.asarray(np.max(least, axis=-2))


def centres(points: Floats, fit: Floats, weights: Floats) -> Floats:
    """Return for each point the weighted centre of its pool of equal fit: [..., num_points]."""
    shares = pooled(fit) * weights[..., np.newaxis, :]
    return np.asarray((shares @ points[..., np.newaxis])[..., 0] / shares.sum(axis=-1))


def ends(points: Floats, fit: Floats) -> tuple[Floats, Floats]:
    """Return for each point the first and the last of its pool: [..., num_points] each."""
    is_pooled, others = pooled(fit), points[..., np.newaxis, :]
    return (
        np.min(np.where(is_pooled, others, np.inf), axis=-1),
        np.max(np.where(is_pooled, others, -np.inf), axis=-1),
    )


def pooled(fit: Floats) -> NDArray[np.bool_]:
    """Return whether two points are of one pool: [..., num_points, num_points]."""
    return np.asarray(fit[..., :, np.newaxis] == fit[..., np.newaxis, :])


def crossing(points: Floats, levels: Floats, level: float) -> Floats:
    """Return where the line through non-decreasing ``levels`` passes ``level``: [...].

    -inf where the first lies above it, inf where none does. Shapes [..., num_points].
    """
    below = np.count_nonzero(levels <= level, axis=-1)
    last = levels.shape[-1] - 1
    low = np.clip(below - 1, 0, last)[..., np.newaxis]
    high = np.clip(below, 0, last)[..., np.newaxis]
    at_low, at_high = (np.take_along_axis(levels, index, -1)[..., 0] for index in (low, high))
    left, right = (np.take_along_axis(points, index, -1)[..., 0] for index in (low, high))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = left + (right - left) * (level - at_low) / (at_high - at_low)
    return np.where(below == 0, -np.inf, np.where(below > last, np.inf, between))


def _from_zero(steps: Floats) -> Floats:
    """Return the sums of the first 0, 1, ... steps along the last axis."""
    start = np.zeros((*steps.shape[:-1], 1))
    return np.concatenate([start, np.cumsum(steps, axis=-1)], axis=-1)
