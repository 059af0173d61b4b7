"""Which of two answers to one prompt are right (pure)."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from canary.gate.prompts import Prompt

Scorer = Literal["expected", "equal", "final-number"]

# No-break and thin ones, as they are set between a sign and its number or groups of three digits.
_BLANKS: Final = " \u00a0\u2009\u202f"
_GROUPS: Final = "\u00a0\u2009\u202f"
_NUMBER: Final = re.compile(
    rf"(?P<sign>[-−][{_BLANKS}]*)?(?P<digits>\d(?:[\d,]|[{_GROUPS}](?=\d{{3}}(?!\d)))*(?:\.\d+)?)",
    re.ASCII,
)
_NO_DIGITS: Final = str.maketrans("", "", "," + _GROUPS)


@dataclass(frozen=True, slots=True)
class Pair:
    """Whether each side was right; the difference is what is tested."""

    canary: bool
    stable: bool

    @property
    def difference(self) -> int:
        return self.canary - self.stable


def score(scorer: Scorer, prompt: Prompt, canary: str | None, stable: str | None) -> Pair | None:
    """Return who was right; None where the stable side failed, which says nothing of the canary.

    A canary without an answer (None) is wrong. By ``equal`` the stable answer is the right one.
    """
    if stable is None:
        return None
    if scorer == "equal":
        return Pair(canary == stable, stable=True)
    assert prompt.expected is not None, "prompts_of lets none pass"
    is_right = _is_equal if scorer == "expected" else _ends_in_number
    return Pair(
        canary is not None and is_right(canary, prompt.expected),
        is_right(stable, prompt.expected),
    )


def final_number(text: str) -> Decimal | None:
    """Return the last number of an answer, thousands' commas and thin blanks read; None without.

    A sign belongs to it unless a digit stands before the sign: 12 - 7 ends in 7.
    """
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        return None
    found = numbers[-1]
    number = Decimal(found["digits"].translate(_NO_DIGITS))
    is_difference = text[: found.start()].rstrip(_BLANKS)[-1:].isdecimal()
    return -number if found["sign"] and not is_difference else number


def _is_equal(answer: str, expected: str) -> bool:
    return answer.strip() == expected.strip()


def _ends_in_number(answer: str, expected: str) -> bool:
    number = final_number(answer)
    return number is not None and number == final_number(expected)
