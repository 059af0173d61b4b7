"""When a revision is warm: its times to first token no longer fall (pure)."""

from collections.abc import Sequence
from statistics import median
from typing import Final

NUM_HALF: Final = 5
_MAX_FALL: Final = 1.25
# Of the 25 pairs across the halves; as many or more by chance alone 1 time in 20 (Mann and Whitney
# 1947), so that the noise of a busy machine does not count as a trend.
_NUM_FALLING: Final = 21


def is_steady(ttfts_s: Sequence[float]) -> bool:
    """Whether the last five are not clearly shorter, in median and rank, than the five before.

    Compiling, filling caches and clocking up all show as a fall.
    """
    if len(ttfts_s) < 2 * NUM_HALF:
        return False
    earlier, later = ttfts_s[-2 * NUM_HALF : -NUM_HALF], ttfts_s[-NUM_HALF:]
    if _MAX_FALL * median(later) >= median(earlier):
        return True
    return sum(new < old for new in later for old in earlier) < _NUM_FALLING
