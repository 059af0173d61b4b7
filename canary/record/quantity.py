"""Numbers as a person reads them."""

import math
from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "–"


def moment(seconds: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC, to the millisecond."""
    at = datetime.fromtimestamp(round(seconds, 3), UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(seconds: float) -> str:
    """Return the time of day of Unix seconds, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")


def duration(seconds: float) -> str:
    """Return such as 45 s, 12 m 30 s or 2 h 05 m; what is 0 at its end is left out."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m" + (f" {whole % 60:02} s" if whole % 60 else "")
    minutes = whole % 3600 // 60
    return f"{whole // 3600} h" + (f" {minutes:02} m" if minutes else "")


def share(value: float | None) -> str:
    """Return a share of 0 to 1 in percent, to three digits."""
    if value is None:
        return UNKNOWN
    percent = value * 100
    return f"{percent:.3g} %" if percent < 99.95 else f"{percent:.4g} %"


def e_value(value: float) -> str:
    """Return an e-value to two digits; it may be larger than a float holds."""
    if math.isinf(value):
        return "∞"
    if value >= 1000 or 0 < value < 0.01:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def number(value: float | str | None) -> str:
    """Return one of a decision's numbers to four digits; a name stays as it is."""
    if value is None:
        return UNKNOWN
    return value if isinstance(value, str) else f"{value:.4g}"


def progress(value: float, threshold: float) -> float:
    """Return how far evidence has come on the logarithmic way from 1 to its threshold, 0 to 1."""
    if value <= 1:
        return 0.0
    return min(math.log(value) / math.log(threshold), 1.0)


def one_line(text: str) -> str:
    """Return the text without what moves a terminal's cursor: it may come from another program."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
