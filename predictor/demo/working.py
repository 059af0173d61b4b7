"""Written arithmetic: the digit-by-digit work the model learns to think."""

from enum import StrEnum


class Operator(StrEnum):
    """The three operations, spelled as the written work spells them."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "×"


class Language(StrEnum):
    """The language of a question and of the thoughts about it."""

    ENGLISH = "en"
    CHINESE = "zh"


PLACES = {
    Language.ENGLISH: ("Ones: ", "Tens: ", "Hundreds: "),
    Language.CHINESE: ("个位：", "十位：", "百位："),
}
CARRY = {Language.ENGLISH: ", carry ", Language.CHINESE: "，进"}
BORROW = {Language.ENGLISH: ", borrow ", Language.CHINESE: "，借"}
SWAP = {Language.ENGLISH: ", swap", Language.CHINESE: "，互换"}
COMMA = {Language.ENGLISH: ", ", Language.CHINESE: "，"}
RESULT = {Language.ENGLISH: "So ", Language.CHINESE: "得"}


def compute(a: int, operator: Operator, b: int) -> int:
    """Return the exact result."""
    match operator:
        case Operator.ADD:
            return a + b
        case Operator.SUBTRACT:
            return a - b
        case Operator.MULTIPLY:
            return a * b


def write_work(a: int, operator: Operator, b: int, language: Language) -> str:
    """Return the work from the ones upwards, one line a digit, without a final newline.

    A difference starts with a comparison from the top digit down, and swaps a smaller first number.
    Takes operands of 0..999, of which one is below 10 for a product.
    """
    match operator:
        case Operator.ADD:
            lines = [f"{a}+{b}", *_addition(a, b, language)]
        case Operator.SUBTRACT:
            large, small = max(a, b), min(a, b)
            lines = [f"{a}-{b}", _comparison(a, b, language), *_subtraction(large, small, language)]
        case Operator.MULTIPLY:
            large, small = (b, a) if a < 10 <= b else (a, b)
            lines = [f"{large}×{small}", *_multiplication(large, small, language)]
    return "\n".join([*lines, f"{RESULT[language]}{compute(a, operator, b)}"])


def _addition(a: int, b: int, language: Language) -> list[str]:
    lines = []
    carry = 0
    num_places = _num_digits(max(a, b))
    for place in range(num_places):
        digits = (_digit(a, place), _digit(b, place))
        total = sum(digits) + carry
        term = f"{digits[0]}+{digits[1]}" + (f"+{carry}" if carry else "")
        carry = total // 10 if place < num_places - 1 else 0
        lines.append(f"{PLACES[language][place]}{term}={total}{_note(carry, CARRY[language])}")
    return lines


def _comparison(a: int, b: int, language: Language) -> str:
    terms = []
    for place in reversed(range(_num_digits(max(a, b)))):
        digits = (_digit(a, place), _digit(b, place))
        if digits[0] != digits[1]:
            terms.append(f"{digits[0]}{'<' if a < b else '>'}{digits[1]}")
            break
        terms.append(f"{digits[0]}={digits[1]}")
    return COMMA[language].join(terms) + (SWAP[language] if a < b else "")


def _subtraction(a: int, b: int, language: Language) -> list[str]:
    lines = []
    borrow = 0
    for place in range(_num_digits(a)):
        digits = (_digit(a, place), _digit(b, place))
        term = f"{digits[0]}-{digits[1]}" + (f"-{borrow}" if borrow else "")
        difference = digits[0] - digits[1] - borrow
        borrow = int(difference < 0)
        if borrow:
            term += "+10"
            difference += 10
        lines.append(
            f"{PLACES[language][place]}{term}={difference}{_note(borrow, BORROW[language])}"
        )
    return lines


def _multiplication(large: int, small: int, language: Language) -> list[str]:
    lines = []
    carry = 0
    num_places = _num_digits(large)
    for place in range(num_places):
        digit = _digit(large, place)
        total = digit * small + carry
        term = f"{digit}×{small}" + (f"+{carry}" if carry else "")
        carry = total // 10 if place < num_places - 1 else 0
        lines.append(f"{PLACES[language][place]}{term}={total}{_note(carry, CARRY[language])}")
    return lines


def _num_digits(number: int) -> int:
    return len(str(number))


def _digit(number: int, place: int) -> int:
    return number // (1, 10, 100)[place] % 10


def _note(amount: int, word: str) -> str:
    return f"{word}{amount}" if amount else ""
