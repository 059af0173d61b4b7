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
    "r1_longest_gap_seconds": LATENCY_BUCKETS_S,
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
    answered_s += behaviour.stall_share * behaviour.stall_s
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
    parts += _histograms(behaviour, served, rng)
    return np.concatenate(parts)


def _histograms(behaviour: Behaviour, served: int, rng: np.random.Generator) -> list[Values]:
    """Return what each histogram grows by, in their order."""
    gap_s, spread, tokens = behaviour.inter_token_s, behaviour.spread, behaviour.mean_tokens
    stalled = rng.binomial(served, behaviour.stall_share) if behaviour.stall_share else 0
    well, num_gaps = served - stalled, int(served * tokens)
    stall_s = behaviour.stall_s
    ttft, tpot, itl, longest, length = HISTOGRAMS
    return [
        _buckets(ttft, served, rng, behaviour.ttft_s, spread),
        _buckets(tpot, well, rng, gap_s, spread / 2)
        + _exactly(tpot, stalled, gap_s + stall_s / tokens),
        _buckets(itl, num_gaps - stalled, rng, gap_s, spread) + _exactly(itl, stalled, stall_s),
        _buckets(longest, well, rng, gap_s, spread, of=tokens)
        + _exactly(longest, stalled, stall_s),
        _buckets(length, served, rng, tokens, LENGTH_SPREAD),
    ]


def _buckets(
    name: str, num: int, rng: np.random.Generator, middle: float, spread: float, of: float = 1.0
) -> Values:
    """Return buckets of lognormal values, each the largest ``of`` so many."""
    return np.cumsum(rng.multinomial(num, _shares(name, middle, spread, of))).astype(float)


def _exactly(name: str, num: int, value: float) -> Values:
    return num * (np.array(_edges(name)) >= value)


@cache
def _shares(name: str, middle: float, spread: float, of: float) -> Values:
    """Return the share in each bucket of the largest of some lognormal values."""
    below = [NormalDist().cdf(math.log(edge / middle) / spread) ** of for edge in _edges(name)[:-1]]
    shares = np.diff([0.0, *below, 1.0])
    return shares / shares.sum()
