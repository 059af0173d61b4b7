"""HdrHistogram's interchange form of a distribution: any tool of that family reads and adds it."""

from typing import Final

import numpy as np
from hdrh.histogram import HdrHistogram

from loadtest.analysis.quantiles import LogHistogram, least_of

# Buckets of three significant digits: 1,024 from any value above 2,047 to its double.
HDR_BITS: Final = 10
_DIGITS: Final = 3
# 52 days in microseconds.
_MOST: Final = 1 << 42


def encode(histogram: LogHistogram) -> str:
    """Return HdrHistogram V2, base64, of a histogram with HDR_BITS; censored values are left out.

    Its buckets are HdrHistogram's own, so nothing is rounded twice.
    """
    assert histogram.bits == HDR_BITS
    hdr = HdrHistogram(1, _MOST, _DIGITS)
    for bucket in np.flatnonzero(histogram.counts):
        least = min(least_of(int(bucket), HDR_BITS), _MOST)
        is_kept = hdr.record_value(least, int(histogram.counts[bucket]))
        assert is_kept
    encoded: bytes = hdr.encode()
    return encoded.decode("ascii")
