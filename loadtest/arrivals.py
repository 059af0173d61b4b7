"""When requests are due: a schedule fixed before the run by the settings and the seed alone.

Every process draws the same schedule, so that each can take every n-th request of it. No request
depends on an answer, and no time on the one before it having been kept.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from loadtest.config import Arrivals, RunConfig
from loadtest.errors import UsageError
from loadtest.prompts.trace import Trace

CHUNK: Final = 4096
NS: Final = 1_000_000_000
# Beyond it nanoseconds leave 64 bits.
_HORIZON_S: Final = 9e9
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER: Final = r"\d{1,9}(?:\.\d{1,9})?"
_LEG: Final = re.compile(rf"(?P<rate>{_NUMBER}):(?P<time>{_NUMBER})(?P<unit>ms|s|m|h)", re.ASCII)

Times = np.ndarray[tuple[int], np.dtype[np.int64]]
Seconds = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of a ramp or a step: the rate at its beginning, in 1/s, and its length."""

    rate: float
    duration_s: float


def schedule(config: RunConfig) -> Iterator[Times]:
    """Yield when requests are due, in ns from the run's epoch, in chunks of at most CHUNK.

    Times never decrease, lie in ``[0, duration_s)`` and are at most ``max_requests``. Equal
    settings give equal times; a larger bound only appends. Draws are of
    ``SeedSequence([seed, 0])``.

    - constant: the i-th at ``i / rate``, computed for each from i, so that no error adds up.
    - poisson, gamma: gaps of mean ``1 / rate``, exponential or gamma of shape ``burstiness``.
    - step: Poisson at each leg's rate in turn. ramp: Poisson whose rate goes in a straight line
      from each leg's rate to the next one's; the last leg keeps its own. Both are a process of
      rate 1 taken through the inverse of the integral of the rate, which is exact. The schedule
      ends with the last leg.
    - trace: the file's times. Raises UsageError where it cannot be followed.
    """
    if config.arrivals is Arrivals.CLOSED:
        raise AssertionError("a closed loop has no schedule")
    left = config.max_requests
    end_s = min(config.duration_s, _HORIZON_S)
    for chunk in _seconds(config):
        within = chunk[: np.searchsorted(chunk, end_s)]
        times = np.rint(within * NS).astype(np.int64)
        # What rounds up to the end is not before it.
        times = times[times < end_s * NS][:left]
        if len(times):
            yield times
        left -= len(times)
        if len(times) < len(chunk) or left == 0:
            return


def parse_rates(text: str) -> tuple[Leg, ...]:
    """Return the legs of ``10:60s,40:2m``: rate:duration, the unit one of ms, s, m and h.

    Raises UsageError naming the leg. A rate may be 0, but not all; the last leg may last 0s.
    """
    legs = tuple(_parse_leg(text, number, leg) for number, leg in enumerate(text.split(","), 1))
    for number, leg in enumerate(legs[:-1], 1):
        if leg.duration_s == 0:
            raise UsageError(f"rates is {text!r}, leg {number} lasts 0s: only the last may")
    if not sum(leg.duration_s for leg in legs):
        raise UsageError(f"rates is {text!r}, must last longer than 0s")
    if not any(leg.rate for leg in legs):
        raise UsageError(f"rates is {text!r}, one of the rates must be above 0")
    return legs


def _parse_leg(text: str, number: int, leg: str) -> Leg:
    match = _LEG.fullmatch(leg.strip())
    if match is None:
        raise UsageError(
            f"rates is {text!r}, leg {number} is {leg.strip()!r}, must be RATE:DURATION "
            "such as 10:60s, with ms, s, m or h"
        )
    return Leg(float(match["rate"]), float(match["time"]) * _UNITS[match["unit"]])


def _seconds(config: RunConfig) -> Iterator[Seconds]:
    """Yield the times without their bounds; whole chunks, however few are asked for.

    A chunk drawn whole is what makes a schedule a prefix of every longer one.
    """
    rng = np.random.default_rng(np.random.SeedSequence([config.seed, 0]))
    match config.arrivals:
        case Arrivals.POISSON:
            return _renewals(lambda: rng.standard_exponential(CHUNK) / _rate(config))
        case Arrivals.GAMMA:
            shape = config.burstiness
            scale = 1 / (shape * _rate(config))
            return _renewals(lambda: rng.standard_gamma(shape, CHUNK) * scale)
        case Arrivals.CONSTANT:
            return _evenly(_rate(config))
        case Arrivals.TRACE:
            return _of_trace(config)
        case _:
            rate = PiecewiseRate(
                parse_rates(config.rates or ""), is_ramp=config.arrivals is Arrivals.RAMP
            )
            return map(rate.times, _renewals(lambda: rng.standard_exponential(CHUNK)))


def _rate(config: RunConfig) -> float:
    assert config.rate is not None, "check_combinations has not been asked"
    return config.rate


def _renewals(draw_gaps: Callable[[], Seconds]) -> Iterator[Seconds]:
    last = 0.0
    while True:
        times = last + np.cumsum(draw_gaps())
        yield times
        last = float(times[-1])


def _evenly(rate: float) -> Iterator[Seconds]:
    start = 0
    while True:
        yield np.arange(start, start + CHUNK) / rate
        start += CHUNK


def _of_trace(config: RunConfig) -> Iterator[Seconds]:
    assert config.trace_file is not None, "check_combinations has not been asked"
    trace = Trace(config.trace_file)
    for start in range(0, len(trace.times), CHUNK):
        yield trace.times[start : start + CHUNK] / NS


class PiecewiseRate:
    """A rate over time, straight within each leg, and the inverse of its integral."""

    def __init__(self, legs: tuple[Leg, ...], *, is_ramp: bool) -> None:
        rates = np.array([leg.rate for leg in legs])
        self._durations = np.array([leg.duration_s for leg in legs])
        self._starts = np.concatenate([[0.0], np.cumsum(self._durations)])
        self._rates = rates
        ends = np.append(rates[1:], rates[-1]) if is_ramp else rates
        lasting = np.where(self._durations > 0, self._durations, 1.0)
        self._slopes = (ends - rates) / lasting
        masses = (rates + ends) / 2 * self._durations
        # Of requests expected before each leg, and before the end.
        self._expected = np.concatenate([[0.0], np.cumsum(masses)])

    @property
    def expected(self) -> float:
        """Requests expected over all legs."""
        return float(self._expected[-1])

    def times(self, counts: Seconds) -> Seconds:
        """Return when that many requests are expected, in s; infinity for more than there are."""
        leg = np.searchsorted(self._expected, counts, side="right") - 1
        is_over = leg >= len(self._rates)
        leg = np.minimum(leg, len(self._rates) - 1)
        missing = counts - self._expected[leg]
        rate, slope = self._rates[leg], self._slopes[leg]
        # Root of slope/2 x^2 + rate x = missing in the form that a slope of 0 does not divide by.
        root = np.sqrt(np.maximum(rate * rate + 2 * slope * missing, 0.0))
        speed = rate + root
        within = np.divide(2 * missing, speed, out=np.zeros_like(missing), where=speed > 0)
        within = np.minimum(within, self._durations[leg])
        return np.where(is_over, np.inf, self._starts[leg] + within)
