"""Problems: drawn reproducibly, and held-out operands never trained on."""

import random
import re

import pytest

from predictor.demo.arithmetic import (
    HELD_OUT_SHARE,
    MAX_OPERAND,
    Problem,
    Split,
    draw_held_out,
    draw_problem,
    split_of,
)
from predictor.demo.conversations import draw_conversation
from predictor.demo.working import Language, Operator

EQUATION = re.compile(r"(\d+)([+×-])(\d+)")


def draw_problems(seed: int, num_problems: int) -> list[Problem]:
    rng = random.Random(seed)
    return [draw_problem(rng, Split.TRAINING) for _ in range(num_problems)]


def test_equal_seeds_draw_equal_problems() -> None:
    assert draw_problems(7, 100) == draw_problems(7, 100)
    assert draw_held_out(100, 7) == draw_held_out(100, 7)


def test_different_seeds_draw_different_problems() -> None:
    assert draw_problems(7, 100) != draw_problems(8, 100)


def test_operands_and_kinds_are_those_promised() -> None:
    problems = draw_problems(1, 2000)

    assert all(0 <= number <= MAX_OPERAND for p in problems for number in (p.a, p.b))
    assert all(min(p.a, p.b) < 10 for p in problems if p.operator is Operator.MULTIPLY)
    assert {(p.operator, p.language) for p in problems} == {
        (operator, language) for operator in Operator for language in Language
    }
    assert any(p.answer.startswith("-") for p in problems)


def test_a_question_names_both_operands() -> None:
    for problem in draw_problems(2, 2000):
        assert sorted(re.findall(r"\d+", problem.question)) == sorted(
            [str(problem.a), str(problem.b)]
        )


def test_held_out_problems_are_distinct_and_held_out() -> None:
    problems = draw_held_out(1000, 0)

    assert len({(p.a, p.operator, p.b) for p in problems}) == 1000
    assert {split_of(p.a, p.operator, p.b) for p in problems} == {Split.HELD_OUT}


def test_the_training_stream_contains_no_held_out_operands() -> None:
    rng = random.Random(3)
    seen = set()
    for _ in range(3000):
        first_line = draw_conversation(rng).completion.partition("\n")[0]
        if equation := EQUATION.match(first_line):
            seen.add((int(equation[1]), Operator(equation[2]), int(equation[3])))

    assert len(seen) > 1000
    assert {split_of(*operands) for operands in seen} == {Split.TRAINING}


def test_about_the_promised_share_is_held_out() -> None:
    splits = [split_of(a, Operator.SUBTRACT, b) for a in range(0, 999, 7) for b in range(0, 999, 7)]

    share = splits.count(Split.HELD_OUT) / len(splits)
    assert share == pytest.approx(HELD_OUT_SHARE, abs=0.01)


@pytest.mark.parametrize("operator", [Operator.ADD, Operator.MULTIPLY])
def test_the_order_of_the_operands_does_not_change_the_split(operator: Operator) -> None:
    assert all(
        split_of(a, operator, b) is split_of(b, operator, a) for a in range(100) for b in range(10)
    )
