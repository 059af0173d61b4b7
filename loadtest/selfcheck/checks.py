"""The checks (pure): limits on how far the client's account may be from the truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from loadtest.analysis.intervals import percentile_rank
from loadtest.analysis.measurement import Measurement
from loadtest.analysis.quantiles import LogHistogram, OrderStatistics
from loadtest.analysis.summary import FirstLook
from loadtest.record import NEVER
from loadtest.selfcheck.check import Bound, Check
from loadtest.selfcheck.pairing import Measured, Pairs

BIAS_P50_LIMIT_US: Final = 100.0
BIAS_P99_LIMIT_US: Final = 1_000.0
LATENESS_LIMIT_US: Final = 1_000.0
KS_LIMIT: Final = 0.01
CV_LIMIT: Final = 0.02
STALL_LIMIT_S: Final = 4.4
PERCENTILE_LIMIT: Final = 0.01
_US: Final = 1e3
_S: Final = 1e9
# Of intervals, which no check reads.
_CONFIDENCE: Final = 0.95
_PERCENTS: Final = (50.0, 90.0, 99.0)

Values = NDArray[np.int64] | NDArray[np.float64]


def first_chunk_bias(pairs: Pairs) -> list[Check]:
    """Stamp of the first chunk less when the server had handed it to the kernel."""
    return _bias("TTFT bias", pairs.client_first - pairs.server_first)


def gap_bias(pairs: Pairs) -> list[Check]:
    """Gap between two chunks less that of their handing over."""
    return _bias("gap bias", pairs.client_gaps - pairs.server_gaps)


def send_bias(pairs: Pairs) -> list[Check]:
    """When the server had read a request whole less when the client says it was sent.

    Only the median: what the server's process had to wait for its turn is no fault of the stamp.
    """
    return _bias("send stamp bias", pairs.server_received - pairs.client_sent)[:1]


def lateness(measured: Measured) -> list[Check]:
    """From when a request was due to when its last byte was with the kernel."""
    sent = _sent(measured)
    late_us = (sent["sent"] - sent["scheduled"]) / _US
    reached = _percentile(late_us, 99)
    return [Check("send lateness p99", reached, LATENESS_LIMIT_US, "us", num_samples=len(sent))]


def poisson_sends(measured: Measured, rate: float) -> list[Check]:
    """Kolmogorov-Smirnov's p of the gaps between actual sends, as draws of an exponential."""
    gaps_s = _send_gaps_s(measured)
    p = stats.kstest(gaps_s, "expon", args=(0, 1 / rate)).pvalue if len(gaps_s) else np.nan
    name = f"Poisson sends at {rate:g} rps, KS p"
    return [Check(name, float(p), KS_LIMIT, "", Bound.AT_LEAST, len(gaps_s))]


def even_sends(measured: Measured, rate: float) -> list[Check]:
    """Coefficient of variation of the gaps between actual sends of a constant rate.

    Jitter of a fixed size weighs more the shorter the gaps are, so the rate is part of the name.
    """
    gaps_s = _send_gaps_s(measured)
    reached = float(gaps_s.std() / gaps_s.mean()) if len(gaps_s) else np.nan
    return [Check(f"constant sends at {rate:g} rps, CV", reached, CV_LIMIT, "", *_of(gaps_s))]


def stall_seen(measured: Measured) -> list[Check]:
    """Latency as a report has it, of which a stall must not be left out, nor as a warm-up."""
    stored = _Kept(measured)
    window = FirstLook(stored, None, is_stream=False).window
    measurement = Measurement(stored, window, [], [], is_stream=False, confidence=_CONFIDENCE)
    e2e = measurement.distributions()["e2e"]
    p99 = next((found.value for found in e2e.percentiles if found.percent == 99), None)
    reached = np.nan if p99 is None else p99
    name = "end to end p99 in a stall of 5 s"
    return [Check(name, reached, STALL_LIMIT_S, "s", Bound.AT_LEAST, e2e.count)]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A run in memory, as the analysis reads it."""

    measured: Measured

    @property
    def num_records(self) -> int:
        return len(self.measured.records)

    def chunks(self) -> Iterator[tuple[NDArray[np.void], NDArray[np.int64]]]:
        if self.num_records:
            yield self.measured.records, self.measured.gaps


def percentiles(pairs: Pairs) -> list[Check]:
    """How far the report's percentiles of the time from send to first chunk are off, at most."""
    client = pairs.client_first - pairs.client_sent
    server = pairs.server_first - pairs.client_sent
    errors = [abs(_reported(client, at) / _percentile(server, at) - 1) for at in _PERCENTS]
    # Unlike max() it keeps a NaN.
    reached = float(np.max(errors))
    return [Check("error of p50, p90, p99", reached, PERCENTILE_LIMIT, "", *_of(client))]


def _reported(values: NDArray[np.int64], percent: float) -> float:
    """Return the percentile as the analysis finds it."""
    if not len(values):
        return np.nan
    is_censored = np.zeros(len(values), np.bool_)
    histogram = LogHistogram()
    histogram.add(values, is_censored)
    rank = percentile_rank(percent, len(values))
    order = OrderStatistics(histogram, [rank])
    order.add(values, is_censored)
    found = order.value(rank)
    return np.nan if found is None else float(found)


def _bias(name: str, differences: Values) -> list[Check]:
    # Errors to either side are no less wrong for cancelling out.
    bias_us = np.abs(differences / _US)
    p50, p99 = _percentile(bias_us, 50), _percentile(bias_us, 99)
    return [
        Check(f"{name} p50", p50, BIAS_P50_LIMIT_US, "us", *_of(bias_us)),
        Check(f"{name} p99", p99, BIAS_P99_LIMIT_US, "us", *_of(bias_us)),
    ]


def _percentile(values: Values, percent: float) -> float:
    """Return the least value that so many percent do not exceed; NaN of none."""
    if not len(values):
        return np.nan
    return float(np.sort(values)[percentile_rank(percent, len(values)) - 1])


def _of(values: Values) -> tuple[Bound, int]:
    return Bound.AT_MOST, len(values)


def _sent(measured: Measured) -> NDArray[np.void]:
    records = measured.records
    sent: NDArray[np.void] = records[records["sent"] != NEVER]
    return sent


def _send_gaps_s(measured: Measured) -> NDArray[np.float64]:
    gaps: NDArray[np.float64] = np.diff(np.sort(_sent(measured)["sent"])) / _S
    return gaps
