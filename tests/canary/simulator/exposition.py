"""What one pod's /metrics shows, and how much of it a while of traffic adds."""

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from predictor.metrics import INTER_TOKEN_BUCKETS_S, LATENCY_BUCKETS_S, TOKEN_BUCKETS
from tests.canary.simulator.behaviour import Behaviour

Labels = dict[str, str]
Values = NDArray[np.float64]

OUTCOMES = ("ok", "refused", "unavailable", "deadline", "cancelled", "error")
ROUTES = ("infer", "generate_stream")
# They come first among the counters.
NUM_REQUEST_SERIES = len(ROUTES) * len(OUTCOMES)
REASONS = ("eos_token", "stop_token", "stop_string", "length")
HISTOGRAMS = {
    "gen_ai_server_time_to_first_token_seconds": LATENCY_BUCKETS_S,
    "gen_ai_server_time_per_output_token_seconds": INTER_TOKEN_BUCKETS_S,
    "r1_inter_token_seconds": INTER_TOKEN_BUCKETS_S,
    "r1_completion_tokens": TOKEN_BUCKETS,
}
# Completions differ in length more than tokens in time.
LENGTH_SPREAD = 0.8


def _edges(name: str) -> list[float]:
    return [*map(float, HISTOGRAMS[name]), math.inf]


def _le(edge: float) -> str:
    return "+Inf" if math.isinf(edge) else str(edge)


def series() -> list[Labels]:
    """Return the labels of each counter, in the order of the values."""
    shown: list[Labels] = [
        {"__name__": "r1_requests_total", "protocol": "rest", "route": route, "outcome": outcome}
        for route in ROUTES
        for outcome in OUTCOMES
    ]
    shown += [{"__name__": "r1_truncated_streams_total", "protocol": "rest"}]
    shown += [{"__name__": "r1_finish_reasons_total", "reason": reason} for reason in REASONS]
    for name in HISTOGRAMS:
        shown += [{"__name__": f"{name}_bucket", "le": _le(edge)} for edge in _edges(name)]
    return shown


@dataclass(frozen=True, slots=True)
class Stalling(Behaviour):
    """Some requests are never answered: their clients give up, and no error is counted."""

    stalled_share: float = 1.0
    given_up_after_s: float = 60.0


def mean_duration_s(behaviour: Behaviour) -> float:
    """Return how long a request is under way on average."""
    answered_s = _mean(behaviour.ttft_s, behaviour.spread)
    answered_s += behaviour.mean_tokens * _mean(behaviour.inter_token_s, behaviour.spread)
    if not isinstance(behaviour, Stalling):
        return answered_s
    stalled_s = behaviour.stalled_share * behaviour.given_up_after_s
    return (1 - behaviour.stalled_share) * answered_s + stalled_s


def _mean(median: float, spread: float) -> float:
    return median * math.exp(spread**2 / 2)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of one pod for a while: an expected number of requests."""

    behaviour: Behaviour
    expected: float


def increments(traffic: Traffic, rng: np.random.Generator) -> Values:
    """Return what the counters grow by, in the order of ``series``."""
    behaviour = traffic.behaviour
    stalled_share = behaviour.stalled_share if isinstance(behaviour, Stalling) else 0.0
    parts: list[Values] = []
    served = streamed = truncated = 0
    for route in ROUTES:
        num = rng.poisson(traffic.expected / 2)
        given_up = rng.binomial(num, stalled_share)
        num -= given_up
        refused = rng.binomial(num, behaviour.refused_share)
        failed = rng.binomial(num - refused, behaviour.error_share)
        ok = num - refused - failed
        if route == "generate_stream":
            truncated = rng.binomial(ok, behaviour.truncated_share)
            ok, failed, streamed = ok - truncated, failed + truncated, ok
        parts.append(np.array([ok, refused, 0, 0, given_up, failed], dtype=float))
        served += ok
    at_length = rng.binomial(served, behaviour.length_share)
    parts.append(np.array([min(truncated, streamed)], dtype=float))
    parts.append(np.array([served - at_length, 0, 0, at_length], dtype=float))
    num_gaps = int(served * behaviour.mean_tokens)
    drawn = (
        (served, behaviour.ttft_s, behaviour.spread),
        (served, behaviour.inter_token_s, behaviour.spread / 2),
        (num_gaps, behaviour.inter_token_s, behaviour.spread),
        (served, behaviour.mean_tokens, LENGTH_SPREAD),
    )
    for name, (num, middle, spread) in zip(HISTOGRAMS, drawn, strict=True):
        parts.append(_buckets(name, num, middle, spread, rng))
    return np.concatenate(parts)


def _buckets(name: str, num: int, middle: float, spread: float, rng: np.random.Generator) -> Values:
    return np.cumsum(rng.multinomial(num, _shares(name, middle, spread))).astype(float)


@cache
def _shares(name: str, middle: float, spread: float) -> Values:
    """Return the share of a lognormal distribution in each bucket."""
    below = [NormalDist().cdf(math.log(edge / middle) / spread) for edge in _edges(name)[:-1]]
    shares = np.diff([0.0, *below, 1.0])
    return shares / shares.sum()
