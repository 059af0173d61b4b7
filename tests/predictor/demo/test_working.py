"""The written work the demo model learns from: every line of it holds."""

import random
import re

import pytest

from predictor.demo.working import Language, Operator, compute, write_work

TERM = re.compile(r": (.+)=(\d+)")

OPERANDS = [
    pytest.param(128, Operator.ADD, 367, "495", id="sum with a carry"),
    pytest.param(999, Operator.ADD, 999, "1998", id="sum of four digits"),
    pytest.param(5, Operator.ADD, 367, "372", id="sum of unequal lengths"),
    pytest.param(503, Operator.SUBTRACT, 498, "5", id="difference with leading zeros"),
    pytest.param(367, Operator.SUBTRACT, 367, "0", id="no difference"),
    pytest.param(128, Operator.SUBTRACT, 367, "-239", id="negative difference"),
    pytest.param(955, Operator.MULTIPLY, 4, "3820", id="product"),
    pytest.param(7, Operator.MULTIPLY, 128, "896", id="product, digit first"),
    pytest.param(0, Operator.MULTIPLY, 128, "0", id="product with zero"),
]


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize(("a", "operator", "b", "result"), OPERANDS)
def test_work_ends_in_the_result(
    a: int, operator: Operator, b: int, result: str, language: Language
) -> None:
    last_line = write_work(a, operator, b, language).splitlines()[-1]

    assert str(compute(a, operator, b)) == result
    assert re.fullmatch(r"(So |得)" + re.escape(result), last_line)


def test_work_is_readable_in_both_languages() -> None:
    english = write_work(128, Operator.ADD, 367, Language.ENGLISH)
    chinese = write_work(128, Operator.SUBTRACT, 367, Language.CHINESE)

    assert english == "128+367\nOnes: 8+7=15, carry 1\nTens: 2+6+1=9\nHundreds: 1+3=4\nSo 495"
    assert chinese == "128-367\n1<3，互换\n个位：7-8+10=9，借1\n十位：6-2-1=3\n百位：3-1=2\n得-239"


def test_a_difference_compares_down_to_the_first_unequal_digit() -> None:
    work = write_work(545, Operator.SUBTRACT, 573, Language.ENGLISH)

    assert work.splitlines()[1] == "5=5, 4<7, swap"


@pytest.mark.parametrize("operator", list(Operator))
def test_every_line_of_the_work_is_true(operator: Operator) -> None:
    for work, _ in draw_work(operator):
        for term, total in TERM.findall(work):
            assert eval(term.replace("×", "*")) == int(total)


@pytest.mark.parametrize("operator", list(Operator))
def test_the_digits_of_the_lines_make_up_the_result(operator: Operator) -> None:
    for work, result in draw_work(operator):
        *lower_totals, top_total = [total for _, total in TERM.findall(work)]
        digits = [top_total, *(total[-1] for total in reversed(lower_totals))]

        assert int("".join(digits)) == abs(result)


def draw_work(operator: Operator) -> list[tuple[str, int]]:
    rng = random.Random(1)
    max_b = 9 if operator is Operator.MULTIPLY else 999
    operands = [(rng.randint(0, 999), rng.randint(0, max_b)) for _ in range(500)]
    return [
        (write_work(a, operator, b, Language.ENGLISH), compute(a, operator, b)) for a, b in operands
    ]
