"""Queues whose knee is known, and searches for it."""

import heapq
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import gammaincc

from loadtest.analysis.knee import (
    NUM_BLOCKS,
    KneeFit,
    KneeGate,
    KneeSettings,
    StageCounts,
    fit_knee,
    next_rate,
    stage_seconds,
)

Floats = NDArray[np.float64]
# Times in the system of requests that are due at given times; the mean service is 1 s.
Queue = Callable[[Floats, np.random.Generator], Floats]

P99 = KneeGate("p99_e2e<limit", 0.01)


def md1(due: Floats, rng: np.random.Generator) -> Floats:
    return _one_server(due, np.ones(len(due)))


def mm1(due: Floats, rng: np.random.Generator) -> Floats:
    return _one_server(due, rng.exponential(size=len(due)))


def mm4(due: Floats, rng: np.random.Generator) -> Floats:
    """Four servers, the first to be free takes the next."""
    free = [0.0] * 4
    times = []
    for at, service in zip(due.tolist(), rng.exponential(size=len(due)).tolist(), strict=True):
        end = max(at, free[0]) + service
        heapq.heapreplace(free, end)
        times.append(end - at)
    return np.array(times)


def md1_knee(limit: float, allowed: float) -> float:
    """Return the rate at which that share is over ``limit``, by Erlang's formula for M/D/1."""

    def excess(rate: float) -> float:
        waits = range(int(limit - 1) + 1)
        terms = [(rate * (k - limit + 1)) ** k / math.factorial(k) for k in waits]
        weights = [math.exp(-rate * (k - limit + 1)) for k in waits]
        at_most = (1 - rate) * sum(t * w for t, w in zip(terms, weights, strict=True))
        return 1 - at_most - allowed

    return float(brentq(excess, 0.05, 0.99))


def mm1_knee(limit: float, allowed: float) -> float:
    """The time in M/M/1 is exponential with rate 1 - load."""
    return 1 + math.log(allowed) / limit


def mm4_knee(limit: float, allowed: float) -> float:
    """Erlang C for the wait, and an exponential service after it."""

    def excess(rate: float) -> float:
        # Erlang B by the Poisson distribution, then C.
        blocked = (rate**4 / 24 * math.exp(-rate)) / gammaincc(5, rate)
        waits = 4 * blocked / (4 - rate * (1 - blocked))
        speed = 4 - rate
        late_wait = (math.exp(-limit) * speed - math.exp(-speed * limit)) / (speed - 1)
        return (1 - waits) * math.exp(-limit) + waits * late_wait - allowed

    return float(brentq(excess, 0.1, 3.7))


def stage(
    queue: Queue, limit: float, rate: float, seconds: float, rng: np.random.Generator
) -> StageCounts:
    """Run one stage from an empty queue, and count after a warm-up of a fifth of it."""
    warmup = seconds / 4
    count = int(rate * (seconds + warmup) * 1.1) + 200
    due = np.cumsum(rng.exponential(1 / rate, count))
    blocks = np.floor((due - warmup) / seconds * NUM_BLOCKS).astype(int)
    is_measured = (blocks >= 0) & (blocks < NUM_BLOCKS)
    is_late = is_measured & (queue(due, rng) > limit)
    return StageCounts(
        rate,
        np.bincount(blocks[is_measured], minlength=NUM_BLOCKS),
        np.bincount(blocks[is_late], minlength=NUM_BLOCKS)[np.newaxis],
    )


def search(
    queue: Queue, limit: float, settings: KneeSettings, rng: np.random.Generator
) -> tuple[list[StageCounts], KneeFit]:
    stages: list[StageCounts] = []
    while (rate := next_rate(stages, settings)) is not None:
        seconds = stage_seconds(rate, stages, settings, most_s=math.inf)
        stages.append(stage(queue, limit, rate, seconds, rng))
    return stages, fit_knee(stages, settings, rng, num_resamples=400)


def searches(queue: Queue, limit: float, knee: float, count: int) -> tuple[Floats, Floats, Floats]:
    """Return of each search: the knee over the true one, whether it was covered, its requests."""
    knees, covered, costs = [], [], []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        start = knee * math.exp(rng.uniform(-1.5, 0.7))
        settings = KneeSettings((P99,), start=start, least=knee / 50, most=knee * 10)
        stages, fit = search(queue, limit, settings, rng)
        assert fit.rate is not None
        knees.append(fit.rate / knee)
        covered.append((fit.low or 0) <= knee <= (fit.high or math.inf))
        costs.append(sum(one.requests.sum() for one in stages))
    return np.array(knees), np.array(covered, float), np.array(costs, float)


def _one_server(due: Floats, service: Floats) -> Floats:
    """Lindley's recursion, as a walk less its least value so far."""
    walk = np.cumsum(np.concatenate([[0.0], service[:-1] - np.diff(due)]))
    return walk - np.minimum.accumulate(walk) + service
