"""Which answers are right."""

from decimal import Decimal

import pytest

from canary.gate.prompts import Prompt
from canary.gate.scoring import Pair, Scorer, final_number, score

SUM = Prompt("1+1=", "2")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        pytest.param("495", "495", id="alone"),
        pytest.param("So 128 + 367 is \\boxed{495}.", "495", id="last of several"),
        pytest.param("-75", "-75", id="negative"),
        pytest.param("it is −75", "-75", id="typeset minus"),
        pytest.param("12-7", "7", id="difference"),
        pytest.param("12 − 7", "7", id="difference with blanks"),
        pytest.param("it is − 5", "-5", id="blank after a sign"),
        pytest.param("x = -\u00a05", "-5", id="no-break blank after a sign"),
        pytest.param("1\u202f234\u202f567", "1234567", id="thin blanks between thousands"),
        pytest.param("1\u20092", "2", id="thin blank between numbers"),
        pytest.param("1,234.50", "1234.50", id="thousands and decimals"),
    ],
)
def test_the_final_number_is_read(text: str, number: str) -> None:
    assert final_number(text) == Decimal(number)


def test_a_text_without_digits_has_no_final_number() -> None:
    assert final_number("I cannot say.") is None


@pytest.mark.parametrize(
    ("scorer", "canary", "stable", "pair"),
    [
        pytest.param("final-number", "it is 2.", "2", Pair(True, True), id="both numbers"),
        pytest.param("final-number", "3", "2", Pair(False, True), id="wrong number"),
        pytest.param("final-number", None, "2", Pair(False, True), id="canary failed"),
        pytest.param("final-number", "2", None, None, id="stable failed"),
        pytest.param("final-number", "2", "?", Pair(True, False), id="stable wrong"),
        pytest.param("expected", " 2\n", "it is 2", Pair(True, False), id="exact text"),
        pytest.param("equal", "a", "a", Pair(True, True), id="equal"),
        pytest.param("equal", "a", "b", Pair(False, True), id="unequal"),
        pytest.param("equal", None, "b", Pair(False, True), id="unequal without an answer"),
        pytest.param("equal", None, None, None, id="both failed"),
    ],
)
def test_a_pair_of_answers_is_scored(
    scorer: Scorer, canary: str | None, stable: str | None, pair: Pair | None
) -> None:
    assert score(scorer, SUM, canary, stable) == pair
