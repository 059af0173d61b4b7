"""PromQL's instant vector selectors, so that one query serves every share of a metric.

Grammar: prometheus.io/docs/prometheus/latest/querying/basics, the form ``name{matchers}``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

from canary.errors import InputError

_MATCHER: Final = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*,?', re.A)
_SELECTOR: Final = re.compile(r"\s*([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?\s*", re.ASCII | re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)")
_CONTROL: Final = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Matcher:
    """``value`` is what the quotes hold once its escapes are read."""

    label: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether it holds; a label that is missing is as an empty one."""
        found = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (found == self.value) == (self.operator == "=")
        return (re.fullmatch(self.value, found) is not None) == (self.operator == "=~")

    def __str__(self) -> str:
        value = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{value}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """One metric's series whose labels meet every matcher."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return a selector of the form ``name{label="value"}``; anything else is an InputError."""
        found = _SELECTOR.fullmatch(text)
        if found is None:
            raise InputError(f'selector is {text!r}, must be of the form name{{label="value"}}')
        name, inner = found.group(1), found.group(2) or ""
        matchers, end = [], 0
        while match := _MATCHER.match(inner, end):
            label, operator, value = match.groups()
            matchers.append(Matcher(label, operator, _ESCAPE.sub(_unescape, value)))
            end = match.end()
        if inner[end:].strip():
            raise InputError(f"selector is {text!r}, its matchers do not parse at {inner[end:]!r}")
        for matcher in matchers:
            _check(matcher, text)
        return cls(name, tuple(matchers))

    def matches(self, labels: Mapping[str, str]) -> bool:
        return labels.get("__name__") == self.name and all(m.holds(labels) for m in self.matchers)


def union(selectors: Iterable[Selector]) -> tuple[Matcher, ...]:
    """Return matchers of a query that finds every series of these selectors of one metric.

    It may find more: what each selector means is decided by ``matches``.
    """
    first, *others = selectors
    shared = [m for m in first.matchers if all(m in other.matchers for other in others)]
    covered = {matcher.label for matcher in shared}
    for label in dict.fromkeys(matcher.label for matcher in first.matchers):
        values = [_equal_value(selector, label) for selector in (first, *others)]
        if label not in covered and None not in values:
            alternatives = "|".join(re.escape(v) for v in dict.fromkeys(values) if v is not None)
            shared.append(Matcher(label, "=~", alternatives))
    return tuple(shared)


def _equal_value(selector: Selector, label: str) -> str | None:
    for matcher in selector.matchers:
        if matcher.label == label and matcher.operator == "=":
            return matcher.value
    return None


def _unescape(match: re.Match[str]) -> str:
    letter = match.group(1)
    return _CONTROL.get(letter, letter)


def _check(matcher: Matcher, text: str) -> None:
    if matcher.operator not in ("=~", "!~"):
        return
    try:
        re.compile(matcher.value)
    except re.error as error:
        raise InputError(
            f"selector is {text!r}: {matcher.value!r} is no pattern: {error}"
        ) from None
