"""Lengths drawn from a distribution: ``128``, ``uniform:50..200``, ``normal:200,40`` ..."""

import math
import random
import re
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Protocol

from loadtest.errors import UsageError

MAX_LENGTH: Final = 2**20
# Bounds that hold less of the distribution than this were meant for another one.
MIN_MASS: Final = 1e-6
ALLOWED: Final = (
    "must be N, uniform:LEAST..MOST, normal:MEAN,SD or lognormal:MEDIAN,SIGMA, "
    "the last two with ,LEAST..MOST at will"
)
_NUMBER: Final = r"\d{1,9}(?:\.\d{1,9})?"
_RANGE: Final = r"(?P<least>\d{1,9})\.\.(?P<most>\d{1,9})"
_FIXED: Final = re.compile(r"\d{1,9}", re.ASCII)
_UNIFORM: Final = re.compile(f"uniform:{_RANGE}", re.ASCII)
_BELL: Final = re.compile(
    rf"(?P<kind>normal|lognormal):(?P<centre>{_NUMBER}),(?P<spread>{_NUMBER})(?:,{_RANGE})?",
    re.ASCII,
)
_STANDARD: Final = NormalDist()


class Lengths(Protocol):
    """Draws lengths within 1..MAX_LENGTH; equal states of ``rng`` give equal lengths."""

    def draw(self, rng: random.Random) -> int: ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same length."""

    length: int

    def draw(self, rng: random.Random) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class Uniform:
    """Each whole number of ``least..most`` alike."""

    least: int
    most: int

    def draw(self, rng: random.Random) -> int:
        return rng.randint(self.least, self.most)


@dataclass(frozen=True, slots=True)
class Bell:
    """A normal or lognormal, rounded, given that it lies within ``least..most``.

    Truncated by its quantile function: no length piles up at a bound, and a draw never repeats.
    """

    centre: float
    spread: float
    is_log: bool
    least: int
    most: int

    @property
    def mass(self) -> float:
        """Share of the distribution that the bounds hold."""
        return self._share_below(self.most + 0.5) - self._share_below(self.least - 0.5)

    def draw(self, rng: random.Random) -> int:
        low = self._share_below(self.least - 0.5)
        share = low + self.mass * rng.random()
        # A share of 0 or 1 has no quantile.
        z = _STANDARD.inv_cdf(min(max(share, 1e-300), 1 - 1e-16))
        length = self.centre + self.spread * z
        if self.is_log:
            # 600 is far beyond any bound and still a float.
            length = self.centre * math.exp(min(self.spread * z, 600.0))
        return min(max(round(length), self.least), self.most)

    def _share_below(self, length: float) -> float:
        if self.is_log:
            return _STANDARD.cdf(math.log(length / self.centre) / self.spread)
        return _STANDARD.cdf((length - self.centre) / self.spread)


def parse_lengths(text: str) -> Lengths:
    """Return the distribution that ``text`` names.

    Bounds not given are 1 and MAX_LENGTH. Raises UsageError naming the text and what is allowed.
    """
    if _FIXED.fullmatch(text):
        _check_range(text, int(text), int(text))
        return Fixed(int(text))
    if uniform := _UNIFORM.fullmatch(text):
        least, most = int(uniform["least"]), int(uniform["most"])
        _check_range(text, least, most)
        return Uniform(least, most)
    if bell := _BELL.fullmatch(text):
        return _parse_bell(text, bell)
    raise UsageError(f"length is {text!r}, {ALLOWED}")


def _parse_bell(text: str, match: re.Match[str]) -> Bell:
    least, most = int(match["least"] or 1), int(match["most"] or MAX_LENGTH)
    _check_range(text, least, most)
    centre, spread = float(match["centre"]), float(match["spread"])
    if min(centre, spread) <= 0:
        raise UsageError(f"length is {text!r}, both numbers must be above 0")
    bell = Bell(centre, spread, match["kind"] == "lognormal", least, most)
    if bell.mass < MIN_MASS:
        raise UsageError(
            f"length is {text!r}, {least}..{most} must hold at least a millionth of the "
            f"distribution, holds {bell.mass:.1g}"
        )
    return bell


def _check_range(text: str, least: int, most: int) -> None:
    if not 1 <= least <= most <= MAX_LENGTH:
        raise UsageError(f"length is {text!r}, must lie within 1..{MAX_LENGTH}, least first")
