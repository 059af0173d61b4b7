"""The knee: the highest rate of an open loop at which the gates are met.

A gate allows a share of requests to miss it (p99_ttft<500ms: 1 % may be slower). The share is
fitted as non-decreasing in the rate, and the knee is where the fit crosses what is allowed; of
several gates the least knee counts (loadtest/analysis/miss_curve.py).

A stage of N requests knows its share to about ``sqrt(cluster / (allowed N))`` of it, where slow
requests come in clusters. Of p99 of the time in M/D/1 and M/M/1 queues (at 6 and 10 times the mean
service) 90 % of searches end within 4 % of the truth, after 85,000 and 130,000 requests. Stages
must be much longer than the queue takes to settle: past a load of 0.9 they are too short.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadtest.analysis.miss_curve import Counts, Curve, Point, pool
from loadtest.analysis.rate_grid import RateGrid
from loadtest.analysis.resample import bounds
from loadtest.analysis.sample_size import decisive_requests, least_requests
from loadtest.errors import UsageError
from loadtest.objectives import GateSpec, Scalar

# Into which a stage's time is cut: batches fewer than 10 know their variance badly, shorter ones
# depend on each other (Schmeiser 1982, Operations Research 30:556).
NUM_BLOCKS: Final = 20
# A stage near the knee is this much longer than one that looks for it.
_REFINED: Final = 6
# Stages at each end of the last span, at least: what they differ by shows what blocks hide.
_NUM_REPEATS: Final = 4
# Of the tolerance: resamples spread wider than what the search judges itself by.
_STOP: Final = 0.8


@dataclass(frozen=True, slots=True)
class KneeGate:
    """A gate by its text, and the share of requests that may miss it, between 0 and 1."""

    text: str
    allowed: float


@dataclass(frozen=True, slots=True)
class KneeSettings:
    """Rates a second; raises UsageError that names what is out of its bounds.

    ``tolerance`` is how far, relative to it, the knee's interval may reach at ``confidence``.
    """

    gates: tuple[KneeGate, ...]
    start: float
    least: float
    most: float
    tolerance: float = 0.05
    max_stages: int = 30
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not self.gates:
            raise UsageError("a knee search needs a gate, such as --slo 'p99_ttft<500ms'")
        if not 0 < self.least <= self.start <= self.most < math.inf:
            raise UsageError(
                f"rates of a knee search must be 0 < least <= start <= most, "
                f"but are {self.least:g}, {self.start:g}, {self.most:g}"
            )
        if not 0 < self.tolerance <= 0.5:
            raise UsageError(f"tolerance is {self.tolerance:g}, must be over 0 and at most 0.5")
        if self.max_stages < 1:
            raise UsageError(f"max_stages is {self.max_stages}, must be at least 1")


@dataclass(frozen=True, slots=True)
class StageCounts:
    """One stage in blocks of equal time: ``requests`` [num_blocks], ``misses`` [num_gates, ...].

    A request that failed or was cut off misses every gate. Blocks should be NUM_BLOCKS.
    """

    rate: float
    requests: Counts
    misses: Counts
    # The client did not keep up: the stage says nothing about the server.
    is_saturated: bool = False

    def __post_init__(self) -> None:
        assert self.rate > 0
        assert self.misses.shape[1:] == self.requests.shape
        assert len(self.requests) >= 2
        assert (self.misses >= 0).all()
        assert (self.misses <= self.requests).all()


@dataclass(frozen=True, slots=True)
class KneeFit:
    """``rate`` is None where the stages do not enclose the knee; a None bound lies beyond them.

    ``curve`` are the fit's points (rate, share that misses) for ``gate``, the first to break.
    """

    rate: float | None
    low: float | None
    high: float | None
    curve: list[tuple[float, float]]
    gate: KneeGate | None
    is_within_tolerance: bool
    reason: str


def allowed_share(gate: GateSpec) -> float:
    """Return the share of requests that may miss a gate of a knee search.

    Raises UsageError for a mean or a rate: no single request meets or misses those.
    """
    if gate.percent is not None:
        return 1 - gate.percent / 100
    if not isinstance(gate.metric, Scalar) or not gate.metric.is_share:
        raise UsageError(
            f"gate {gate.text!r} cannot be searched for: it must be a percentile or a share, "
            "which each request meets or misses"
        )
    return gate.threshold if gate.operator.is_upper_limit else 1 - gate.threshold


def next_rate(stages: Sequence[StageCounts], settings: KneeSettings) -> float | None:
    """Return the rate to try next; None where the knee is known or cannot be found.

    Rates are of a geometric grid whose steps are twice the tolerance, so that stages repeat and
    add up. Doubles or halves until the knee is enclosed, halves that span down to one step, then
    repeats whichever end has fewer requests until the interval is within the tolerance.
    """
    if len(stages) >= settings.max_stages:
        return None
    grid, points = _grid(settings), _points(stages)
    if not points:
        tried = min((stage.rate for stage in stages), default=None)
        return settings.start if tried is None else grid.lower(tried)
    curve, ceiling = _curve(points, settings), _ceiling(stages, points)
    knee = float(curve.knees().min())
    if knee == -math.inf:
        return grid.lower(points[0].rate)
    if knee == math.inf:
        return grid.higher(points[-1].rate, ceiling)
    below, above = _around(points, math.exp(knee))
    middle = grid.between(below.rate, above.rate)
    if middle is not None:
        return middle
    reach = curve.reach(settings.confidence)
    beyond = _beyond(points, knee, ceiling, grid) if reach == math.inf else None
    if beyond is not None:
        return beyond
    num_repeats = min(below.num_stages, above.num_stages)
    if num_repeats >= _NUM_REPEATS and reach <= _STOP * settings.tolerance:
        return None
    return min(below, above, key=lambda point: point.num_requests).rate


def fit_knee(
    stages: Sequence[StageCounts],
    settings: KneeSettings,
    rng: np.random.Generator,
    *,
    num_resamples: int = 2000,
) -> KneeFit:
    """Return the knee and its interval: a bootstrap of each stage's blocks, percentile bounds.

    Where the share leaps from one rate to the next the interval holds both of them. A search ends
    when its stages happen to agree: of M/D/1, M/M/1 and M/M/4 queues intervals of 95 % held the
    true knee in 97, 95 and 84 % of searches.
    """
    points = _points(stages)
    if not points:
        unusable = "in each stage the client was saturated or no request was due"
        reason = unusable if stages else "no stage was run"
        return KneeFit(None, None, None, [], None, False, reason)
    curve = _curve(points, settings)
    knees = curve.knees()
    first = int(np.argmin(knees))
    knee = float(knees[first])
    interval = bounds(curve.resampled(rng, num_resamples), settings.confidence)
    assert interval is not None, "a knee is a number or infinite"
    # Resamples know nothing of where a leap lies between two rates.
    jump = curve.jump(first) or interval
    low, high = min(interval[0], jump[0]), max(interval[1], jump[1])
    is_near = math.isfinite(knee) and high - low <= 1.001 * _step(settings)
    return KneeFit(
        rate=math.exp(knee) if math.isfinite(knee) else None,
        low=None if low == -math.inf else min(math.exp(low), points[-1].rate),
        high=None if high == math.inf else max(math.exp(high), points[0].rate),
        curve=curve.shape(first),
        gate=settings.gates[first],
        is_within_tolerance=is_near,
        reason=_reason(stages, points, settings, knee, settings.gates[first], is_near=is_near),
    )


def stage_requests(stages: Sequence[StageCounts], settings: KneeSettings) -> int:
    """Return how many requests the next stage needs.

    So many that a service which misses half of what is allowed passes; near the knee six times.
    """
    needed = max(decisive_requests(gate.allowed, settings.confidence) for gate in settings.gates)
    points = _points(stages)
    is_enclosed = bool(points) and math.isfinite(_curve(points, settings).knees().min())
    return needed * _REFINED if is_enclosed else needed


def stage_seconds(
    rate: float, stages: Sequence[StageCounts], settings: KneeSettings, *, most_s: float
) -> float:
    """Return how long the next stage should be at that rate, without its warm-up.

    No more than ``most_s``, both in seconds.
    """
    return min(most_s, stage_requests(stages, settings) / rate)


def _points(stages: Iterable[StageCounts]) -> list[Point]:
    """Return the usable stages by ascending rate."""
    by_rate: dict[float, list[StageCounts]] = {}
    for stage in stages:
        if not stage.is_saturated and stage.requests.sum() > 0:
            by_rate.setdefault(stage.rate, []).append(stage)
    return [
        pool(rate, [stage.requests for stage in same], [stage.misses for stage in same])
        for rate, same in sorted(by_rate.items())
    ]


def _curve(points: Sequence[Point], settings: KneeSettings) -> Curve:
    return Curve(points, [gate.allowed for gate in settings.gates], _step(settings))


def _ceiling(stages: Sequence[StageCounts], points: Sequence[Point]) -> float:
    """Return the least rate, above every one that the client managed, that it did not."""
    saturated = (s.rate for s in stages if s.is_saturated and s.rate > points[-1].rate)
    return min(saturated, default=math.inf)


def _grid(settings: KneeSettings) -> RateGrid:
    return RateGrid(settings.start, settings.least, settings.most, _step(settings))


def _step(settings: KneeSettings) -> float:
    """Return the logarithm of the ratio of neighbouring rates."""
    return 2 * math.log1p(settings.tolerance)


def _beyond(points: Sequence[Point], knee: float, ceiling: float, grid: RateGrid) -> float | None:
    """Return the next rate beyond the end that chance alone may put the knee past."""
    lowest, highest = points[0].rate, points[-1].rate
    is_upper = knee > math.log(lowest * highest) / 2
    return grid.next_up(highest, ceiling) if is_upper else grid.next_down(lowest)


def _around(points: Sequence[Point], knee: float) -> tuple[Point, Point]:
    """Return the points next to the knee, which lies between the first and the last."""
    number = sum(point.rate <= knee for point in points)
    number = min(max(number, 1), len(points) - 1)
    return points[number - 1], points[number]


def _reason(
    stages: Sequence[StageCounts],
    points: Sequence[Point],
    settings: KneeSettings,
    knee: float,
    gate: KneeGate,
    *,
    is_near: bool,
) -> str:
    ceiling = _ceiling(stages, points)
    if knee == -math.inf:
        sentence = f"{gate.text} is not met at {points[0].rate:g} rps, the lowest rate tried"
    elif knee < math.inf:
        sentence = f"{gate.text} breaks first, at {math.exp(knee):.4g} rps"
    elif ceiling < math.inf:
        sentence = (
            f"the gates are met up to {points[-1].rate:g} rps, and the client was saturated at "
            f"{ceiling:g} rps: the knee lies beyond what it can offer"
        )
    else:
        sentence = f"the gates are met up to {points[-1].rate:g} rps, the highest rate tried"
    if math.isfinite(knee) and not is_near:
        sentence += (
            f"; its interval is wider than {settings.tolerance:.0%} after {len(stages)} stages"
        )
    return sentence + _thin(points, settings, knee)


def _thin(points: Sequence[Point], settings: KneeSettings, knee: float) -> str:
    """Return what to say of stages that could not have passed with any outcome, if there are."""
    least = max(least_requests(gate.allowed, settings.confidence) for gate in settings.gates)
    num_thin = sum(point.num_requests < least for point in points)
    return (
        f"; {num_thin} rates had fewer than the {least} requests that a verdict needs"
        if num_thin
        else ""
    )
