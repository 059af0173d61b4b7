"""The time to the first token, split by moments that are known only within spans (pure).

Moments keep their order: each is placed in the middle of what its own clock and its neighbours
leave it, so that no phase is negative and all add up to the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from loadtest.coldstart.clock import Span
from loadtest.coldstart.pods import Mark

# What is waited for until each moment.
PHASES: Final = {
    Mark.CONNECTED: "connect",
    Mark.POD_CREATED: "activation",
    Mark.SCHEDULED: "scheduling",
    Mark.INITIALIZED: "initialization",
    Mark.PULLING: "preparation",
    Mark.PULLED: "pull",
    Mark.STARTED: "start",
    Mark.READY: "load",
    Mark.FIRST_BYTE: "forward",
    Mark.FIRST_CHUNK: "first_token",
}
_ORDER: Final = list(Mark)
# Measured here, on one clock.
_EXACT: Final = (Mark.BEGUN, Mark.CONNECTED, Mark.FIRST_BYTE, Mark.FIRST_CHUNK, Mark.ENDED)


@dataclass(frozen=True, slots=True)
class Piece:
    """One phase in ns; several names are phases between which no moment is known."""

    names: tuple[str, ...]
    value: float
    low: int
    high: int
    # False where the request ended within it.
    is_finished: bool


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A moment that its clock puts ``by_ns`` on the wrong side of another."""

    mark: Mark
    other: Mark
    by_ns: int


@dataclass(frozen=True, slots=True)
class Split:
    """``spans`` are the moments in order, ``pieces`` what lies between them."""

    spans: Mapping[Mark, Span]
    pieces: list[Piece]
    contradictions: list[Contradiction]


def split(known: Mapping[Mark, Span]) -> Split:
    """Return the pieces between the known moments, which must hold the first and a last one.

    Those that this machine measured are exact and stay where they are.
    """
    ordered = {mark: known[mark] for mark in _ORDER if mark in known}
    assert next(iter(ordered)) is Mark.BEGUN
    assert next(reversed(ordered)) in (Mark.FIRST_CHUNK, Mark.ENDED)
    contradictions: list[Contradiction] = []
    spans = _in_order(_within_exact(ordered, contradictions), contradictions)
    pieces = [_piece(a, b, spans[a], spans[b]) for a, b in pairwise(spans)]
    return Split(spans, pieces, contradictions)


def _within_exact(
    spans: Mapping[Mark, Span], contradictions: list[Contradiction]
) -> dict[Mark, Span]:
    """Hold every moment between the exact ones before and after it."""
    exact = [mark for mark in spans if mark in _EXACT]
    held = {}
    for mark, span in spans.items():
        place = _ORDER.index(mark)
        before = [one for one in exact if _ORDER.index(one) <= place][-1]
        after = next(one for one in exact if _ORDER.index(one) >= place)
        low, high = spans[before].low, spans[after].high
        if span.low > high:
            contradictions.append(Contradiction(mark, after, span.low - high))
        if span.high < low:
            contradictions.append(Contradiction(mark, before, low - span.high))
        held[mark] = Span(min(max(span.low, low), high), max(min(span.high, high), low))
    return held


def _in_order(spans: Mapping[Mark, Span], contradictions: list[Contradiction]) -> dict[Mark, Span]:
    """Let no moment be before what comes before it; of contradicting ones widen the spans."""
    marks = list(spans)
    for before, after in pairwise(marks):
        if spans[before].low > spans[after].high:
            by_ns = spans[before].low - spans[after].high
            contradictions.append(Contradiction(before, after, by_ns))
    lows = [spans[mark].low for mark in marks]
    highs = [spans[mark].high for mark in marks]
    for place in range(1, len(marks)):
        lows[place] = max(lows[place], lows[place - 1])
    for place in reversed(range(len(marks) - 1)):
        highs[place] = min(highs[place], highs[place + 1])
    return {
        mark: Span(min(low, high), max(low, high))
        for mark, low, high in zip(marks, lows, highs, strict=True)
    }


def _piece(begin: Mark, end: Mark, begun: Span, ended: Span) -> Piece:
    passed = _ORDER[_ORDER.index(begin) + 1 : _ORDER.index(end) + 1]
    between = [PHASES[mark] for mark in passed if mark in PHASES]
    return Piece(
        names=tuple(between[:1] if end is Mark.ENDED else between),
        value=ended.middle - begun.middle,
        low=max(ended.low - begun.high, 0),
        high=ended.high - begun.low,
        is_finished=end is not Mark.ENDED,
    )
