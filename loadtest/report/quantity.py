"""Numbers as a reader sees them: three digits that count, a unit that fits, a dash for unknown."""

import math
import re
from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = "–"


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit for several numbers: each is shown times ``factor`` and called ``unit``."""

    factor: float
    unit: str

    def bare(self, value: float | None) -> str:
        """Return the number without its unit."""
        # 0.07 * 100 is 7.000000000000001.
        return UNKNOWN if value is None else number(round(value * self.factor, 9))

    def full(self, value: float | None) -> str:
        """Return the number with its unit."""
        return UNKNOWN if value is None else f"{self.bare(value)} {self.unit}".rstrip()

    def span(self, low: float | None, high: float | None) -> str:
        """Return an interval; a bound that is not known is a question mark, both are nothing."""
        if low is None and high is None:
            return ""
        # A dash beside a minus sign is hard to read.
        between = " to " if low is not None and low < 0 else " – "
        return between.join("?" if bound is None else self.bare(bound) for bound in (low, high))


SECONDS: Final = Scale(1, "s")
SHARE: Final = Scale(100, "%")
PLAIN: Final = Scale(1, "")
_GATE_UNIT: Final = re.compile(r"\d\s*(us|µs|ms|s|%)\s*$")
_OF_GATE: Final = {
    "us": Scale(1e6, "µs"),
    "µs": Scale(1e6, "µs"),
    "ms": Scale(1e3, "ms"),
    "s": SECONDS,
    "%": SHARE,
}


def number(value: float | None) -> str:
    """Return three significant digits, and whole thousands apart."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if value == int(value) or size >= 99.95:
        return f"{value:,.0f}"
    if size < 1e-4:
        return f"{value:.2g}"
    places = 2 - math.floor(math.log10(size))
    shown = f"{value:.{places}f}"
    return shown.rstrip("0").rstrip(".") if size < 1 else shown


def scale_of(unit: str, typical: float | None) -> Scale:
    """Return a scale on which the typical number has one to three whole digits.

    ``unit`` is the report's: s, 1 of a share, 1/s of a rate, or a word.
    """
    if unit == "1":
        return SHARE
    if unit != "s":
        return Scale(1, unit.removeprefix("1"))
    if not typical:
        return SECONDS
    if abs(typical) < 1e-3:
        return Scale(1e6, "µs")
    return Scale(1e3, "ms") if abs(typical) < 1 else SECONDS


def scale_of_gate(text: str) -> Scale:
    """Return the unit in which the gate's threshold is written."""
    unit = _GATE_UNIT.search(text)
    return _OF_GATE[unit.group(1)] if unit else PLAIN


def duration(seconds: float | None) -> str:
    return scale_of("s", seconds).full(seconds)


def share(ratio: float | None) -> str:
    return SHARE.full(ratio)


def size(num_bytes: float | None) -> str:
    """Return decimal bytes: kB, MB, GB."""
    if num_bytes is None:
        return UNKNOWN
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(num_bytes) >= limit:
            return f"{number(num_bytes / limit)} {unit}"
    return f"{number(num_bytes)} B"
