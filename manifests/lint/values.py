"""Rules about one value, and tables of them."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from manifests.lint.faults import Finding, Path, at, select, value_text
from manifests.lint.render import Document

# What is allowed, where the value is not.
ValueRule = Callable[[Any], str | None]

UNIT_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
# The forms that Go's time.ParseDuration takes, signs left out.
DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|us|ns|s))+|0")
QUANTITY: Final = re.compile(r"\d+(?:\.\d*)?(m|k|Ki|[MGTPE]i?|[eE][+-]?\d+)?")
PART: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|us|ns|s)")


@dataclass(frozen=True, slots=True)
class Row:
    """``rule`` holds wherever ``pattern`` points; ``is_required``: and something must be there."""

    pattern: Path
    source: str
    rule: ValueRule
    is_required: bool = False


def apply(rows: Iterable[Row], document: Document, base: Path = ()) -> Iterator[Finding]:
    """Yield what breaks a row below ``base``."""
    for row in rows:
        places = list(select(document.body, (*base, *row.pattern)))
        if row.is_required and not places:
            places = [((*base, *row.pattern), None)]
        for path, value in places:
            allowed = row.rule(value)
            if allowed is not None:
                yield Finding(document, path, f"{allowed} ({row.source})")


def seconds(text: Any) -> float | None:
    """Return the seconds of a Go duration such as 1m30s, None where it is none."""
    if not isinstance(text, str) or not DURATION.fullmatch(text):
        return None
    return sum(float(number) * UNIT_S[unit] for number, unit in PART.findall(text))


def integer(least: int, most: int | None = None) -> ValueRule:
    bounds = f"must be an integer of at least {least}"
    if most is not None:
        bounds = f"must be an integer in {least}..{most}"

    def rule(value: Any) -> str | None:
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        is_within = is_integer and value >= least and (most is None or value <= most)
        return None if is_within else bounds

    return rule


def integer_text(least: int, most: int | None = None) -> ValueRule:
    """An integer within quotes, as an annotation holds it."""
    of_number = integer(least, most)

    def rule(value: Any) -> str | None:
        is_digits = isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value)
        return of_number(int(value) if is_digits else None)

    return rule


def number_text(least: float, most: float | None = None, *, but: float | None = None) -> ValueRule:
    """A number within quotes; ``but`` is one value outside the bounds that is taken too."""
    bounds = f"at least {least:g}" if most is None else f"in {least:g}..{most:g}"
    allowed = f"must be a number {bounds}" + ("" if but is None else f", or {but:g}")

    def rule(value: Any) -> str | None:
        try:
            number = float(value) if isinstance(value, str) else float("nan")
        except ValueError:
            return allowed
        is_within = number >= least and (most is None or number <= most)
        return None if is_within or number == but else allowed

    return rule


def duration(least_s: float, most_s: float | None = None) -> ValueRule:
    """A Go duration of whole seconds."""
    bounds = f"at least {least_s:g}s" if most_s is None else f"in {least_s:g}s..{most_s:g}s"
    allowed = f"must be a duration of whole seconds, {bounds}"

    def rule(value: Any) -> str | None:
        found_s = seconds(value)
        if found_s is None or found_s < least_s or found_s % 1:
            return allowed
        return allowed if most_s is not None and found_s > most_s else None

    return rule


def quantity(name: str) -> ValueRule:
    """A quantity of a resource; the thousandths of a byte that 512m means are none of memory."""
    allowed = "must be a quantity" + ("" if name == "cpu" else ", not in thousandths (m)")

    def rule(value: Any) -> str | None:
        found = QUANTITY.fullmatch(str(value))
        is_wrong = isinstance(value, bool) or found is None or (name != "cpu" and found[1] == "m")
        return allowed if is_wrong else None

    return rule


def one_of(*allowed: Any) -> ValueRule:
    spelled = value_text(allowed[0]) if len(allowed) == 1 else f"one of {listed(allowed)}"
    text = f"must be {spelled}"

    def rule(value: Any) -> str | None:
        return None if any(value is one or value == one for one in allowed) else text

    return rule


def none_of(*forbidden: Any) -> ValueRule:
    text = f"must not be any of {listed(forbidden)}"

    def rule(value: Any) -> str | None:
        return text if value in forbidden else None

    return rule


def keys_in(allowed: Collection[str]) -> ValueRule:
    """Every key of a mapping is one of these."""

    def rule(value: Any) -> str | None:
        if not isinstance(value, dict) or value.keys() <= set(allowed):
            return None
        return f"may hold only {listed(allowed)}"

    return rule


def absent(allowed: str) -> ValueRule:
    """Nothing may stand there."""
    return lambda value: None if value is None else allowed


def listed(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)


def unknown_keys(
    document: Document, path: Path, allowed: Collection[str], source: str
) -> Iterator[Finding]:
    """Yield each key of the mapping at the path that is not among the allowed ones."""
    found = at(document.body, *path)
    for key in found if isinstance(found, dict) else ():
        if key not in allowed:
            yield Finding(document, (*path, key), f"is not allowed ({source})")
